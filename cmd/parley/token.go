package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/cassandra"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/auth"
)

// tokenCmd signs a token, for tests and for back ends without a library.
type tokenCmd struct {
	User               string        `required:"" placeholder:"NAME" help:"User of the token (sub)."`
	Name               string        `placeholder:"TEXT" help:"Display name, if it differs from the user's name."`
	Channels           []string      `placeholder:"PATTERN" help:"${help_token_channels}"`
	For                time.Duration `default:"1h" placeholder:"TIME" help:"Lifetime."`
	Link               string        `placeholder:"URL" help:"Print a link to the chat page at this address that signs the user in."`
	AuthHmacSecretFile string        `placeholder:"FILE" help:"${help_token_auth_hmac_secret_file}"`
}

func (tokenCmd) Help() string {
	return "Prints a JSON Web Token (HS256). Example: parley token --user alice --channels 'room:*=rw' --for 1h"
}

// Run prints the token.
func (c *tokenCmd) Run(p *program) error {
	path := c.AuthHmacSecretFile
	if path == "" {
		path = filepath.Join("parley-data", secretName)
	}
	secret, err := auth.ReadSecret(path)
	if err != nil {
		return refuseSecret(err)
	}
	user, err := parley.ParseUser(c.User)
	if err != nil {
		return refuse("--user: " + parley.AsError(err).Detail + ".")
	}
	if c.For <= 0 {
		return refuse("--for must be more than zero.", "Try --for 1h.")
	}
	now := time.Now()
	claims := auth.Claims{
		Name: c.Name,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   string(user),
			IssuedAt:  &jwt.NumericDate{Time: now},
			ExpiresAt: jwt.NewNumericDate(now.Add(c.For)),
		},
	}
	if c.Channels != nil {
		for _, text := range c.Channels {
			if _, err := auth.ParseGrant(text); err != nil {
				return refuse("--channels: "+err.Error()+".", "Try --channels 'room:*=rw'.")
			}
		}
		claims.Channels = &c.Channels
	}
	token, err := auth.Sign(secret, claims)
	if err != nil {
		return err
	}
	if c.Link != "" {
		page, err := url.Parse(c.Link)
		if err != nil || page.Scheme != "https" && page.Scheme != "http" || page.Host == "" {
			return refuse(fmt.Sprintf("--link: %q is not an http URL.", c.Link), "Write it as https://chat.example.com/.")
		}
		page.Fragment = "token=" + token // which is sent to no server
		token = page.String()
	}
	fmt.Fprintln(p.stdout, token)
	return nil
}

func refuseSecret(err error) error {
	return refuse(fmt.Sprintf("--auth-hmac-secret-file: %v.", err), "Make one: head -c 48 /dev/urandom | base64 > FILE")
}

// secretName is the file of the secret in a data directory.
const secretName = "auth-secret"

// writeSecret creates a secret in the data directory, if there is none, and returns its path.
func writeSecret(data string) (string, error) {
	path := filepath.Join(data, secretName)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	random := make([]byte, 48)
	_, _ = rand.Read(random) // it never fails
	_, err = fmt.Fprintln(f, base64.RawURLEncoding.EncodeToString(random))
	return path, errors.Join(err, f.Close())
}

// keysCmd manages the API keys of back ends.
type keysCmd struct {
	Add    keysAddCmd    `cmd:"" help:"Create a key and print it, once: only its hash is stored."`
	List   keysListCmd   `cmd:"" help:"List keys by name."`
	Remove keysRemoveCmd `cmd:"" help:"Remove a key; a running server notices within a second."`
}

type keysFlags struct {
	Data  string `default:"./parley-data" placeholder:"DIR" help:"Data directory of the server."`
	Store string `default:"embedded" placeholder:"URL" help:"${help_keys_store}"`
}

// open opens the keys selected by the flags.
func (f *keysFlags) open(ctx context.Context) (keys parley.Keys, close func() error, err error) {
	switch {
	case f.Store == "embedded":
		return embedded.OpenKeys(f.Data), func() error { return nil }, nil
	case schemeOf(f.Store) == "cassandra":
		store, err := cassandra.Open(ctx, cassandra.Config{URL: f.Store})
		if err != nil {
			return nil, nil, noSchema(f.Store, err)
		}
		return store, store.Close, nil
	case !redisURL(f.Store):
		return nil, nil, refuse("--store "+secretless(f.Store)+" is not a store that this version knows.",
			"Use --data DIR, --store redis://HOST:PORT or --store cassandra://HOST,HOST/KEYSPACE.")
	}
	store, err := redis.Open(ctx, redis.Config{URL: f.Store})
	if err != nil {
		return nil, nil, away("--store", f.Store, err)
	}
	return store, store.Close, nil
}

// changeFlags are the flags of commands that change keys.
type changeFlags struct {
	keysFlags
	AuditLog string `placeholder:"FILE" help:"The server's audit log, to log the change to."`
}

// did writes a change to the audit log.
func (f *changeFlags) did(what string) error {
	file, err := openAudit(f.AuditLog)
	if file == nil {
		return err
	}
	newTrail(file, func(string) {}).did(what, "", false, netip.Addr{})
	return file.Close()
}

type keysAddCmd struct {
	changeFlags
	Name string `arg:"" help:"Name of the key, such as billing."`
}

// Run prints the key.
func (c *keysAddCmd) Run(ctx context.Context, p *program) error {
	key, kept := auth.MakeKey(c.Name, time.Now())
	keys, closeKeys, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeKeys()
	created := false
	if c.Name != "" {
		if created, err = keys.PutKey(ctx, kept); err != nil {
			return err
		}
	}
	if !created {
		return refuse(fmt.Sprintf("there is a key %q already, or the name is empty.", c.Name),
			"Choose another name; parley keys list shows those there are.")
	}
	fmt.Fprintln(p.stdout, key)
	return c.did("keys add " + c.Name)
}

type keysListCmd struct{ keysFlags }

// Run prints names and dates.
func (c *keysListCmd) Run(ctx context.Context, p *program) error {
	stored, closeKeys, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeKeys()
	keys, err := stored.ListKeys(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\n", k.Name, time.UnixMicro(int64(k.Created)).UTC().Format(time.DateOnly))
	}
	return w.Flush()
}

type keysRemoveCmd struct {
	changeFlags
	Name string `arg:"" help:"Name of the key."`
}

// Run removes a key.
func (c *keysRemoveCmd) Run(ctx context.Context) error {
	keys, closeKeys, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeKeys()
	removed, err := keys.RemoveKey(ctx, c.Name)
	if err != nil {
		return err
	}
	if !removed {
		return refuse(fmt.Sprintf("there is no key %q.", c.Name), "parley keys list shows those there are.")
	}
	return c.did("keys remove " + c.Name)
}
