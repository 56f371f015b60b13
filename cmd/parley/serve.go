package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/httpapi"
)

type serveCmd struct {
	nodeFlags
	limitFlags
	acmeFlags
	AuthHmacSecretFile string   `placeholder:"FILE" group:"Security" help:"${help_serve_auth_hmac_secret_file}"`
	AuthJwks           string   `name:"auth-jwks" placeholder:"URL" group:"Security" help:"${help_serve_auth_jwks}"`
	AuthIssuer         string   `placeholder:"NAME" group:"Security" help:"Required iss claim of tokens."`
	AuthAudience       string   `placeholder:"NAME" group:"Security" help:"Required entry of the aud claim of tokens."`
	APIKeysFile        string   `name:"api-keys-file" placeholder:"FILE" group:"Security" help:"${help_serve_api_keys_file}"`
	AllowedOrigins     []string `placeholder:"URL" group:"Security" help:"${help_serve_allowed_origins}"`
	AdminTokenFile     string   `placeholder:"FILE" group:"Security" help:"${help_serve_admin_token_file}"`
}

func (serveCmd) Help() string {
	return "Callers show a JSON Web Token, a back end an API key (parley keys add NAME). A token for a try: parley token --user alice " +
		"--auth-hmac-secret-file FILE"
}

// missing returns the lines to add before serve knows who may connect.
func (c *serveCmd) missing(ctx context.Context) (lines []string) {
	if c.AuthHmacSecretFile == "" && c.AuthJwks == "" && !c.shared() && !hasKeys(ctx, c.Data) && !c.fileHasKeys(ctx) {
		lines = append(lines,
			"  --auth-hmac-secret-file FILE                    # at least 32 random bytes: head -c 48 /dev/urandom | base64 > FILE",
			"    or --auth-jwks URL, or for back ends alone: parley keys add NAME --data "+c.Data)
		if c.APIKeysFile != "" {
			lines = append(lines, "    or a key in "+c.APIKeysFile+", one per line: it has none")
		}
	}
	if len(c.AllowedOrigins) == 0 {
		lines = append(lines, "  --allowed-origins https://chat.example.com      # the pages that use it")
	}
	if host, _, _ := net.SplitHostPort(c.AdminListen); c.AdminTokenFile == "" && !loopback(host) {
		lines = append(
			lines,
			"  --admin-token-file FILE                         # since "+c.AdminListen+" is not this machine alone; or --admin-listen "+
				"127.0.0.1:8081",
		)
	}
	return lines
}

// fileHasKeys reports whether --api-keys-file holds a key, or can't be read, which is reported later.
func (c *serveCmd) fileHasKeys(ctx context.Context) bool {
	if c.APIKeysFile == "" {
		return false
	}
	keys, err := auth.OpenKeys(ctx, nil, c.APIKeysFile, nil)
	return err != nil || keys.Any()
}

// hasKeys reports whether parley keys has created some, or has an unreadable file, which is
// reported later.
func hasKeys(ctx context.Context, data string) bool {
	keys, err := embedded.OpenKeys(data).ListKeys(ctx)
	return err != nil || len(keys) > 0
}

// check refuses settings that cannot be combined, all of them at once.
func (c *serveCmd) check() error {
	all := []error{c.nodeFlags.check(), c.acmeFlags.check(), c.limitFlags.check()}
	if len(c.AcmeDomains) > 0 && c.TLSCert != "" {
		all = append(all, refuse("--acme-domains and --tls-cert are two ways to a certificate.", "Give one of them."))
	}
	if u, err := url.Parse(c.AuthJwks); c.AuthJwks != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		all = append(all, refuse(fmt.Sprintf("--auth-jwks: %q is not an http URL.", c.AuthJwks),
			"Write it as https://login.example.com/.well-known/jwks.json."))
	}
	_, err := parseOrigins(c.AllowedOrigins)
	return errors.Join(append(all, err)...)
}

func (c *serveCmd) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	if missing := c.missing(ctx); missing != nil {
		lines := append([]string{"serve needs to know who may connect. Add:"}, missing...)
		return refuse(append(lines, "To try parley on this machine without keys: parley dev")...)
	}
	spaces, err := p.file.namespaces()
	if err != nil {
		return err
	}
	pushing, err := c.Push.open(p.file)
	if err != nil {
		return err
	}
	origins, err := parseOrigins(c.AllowedOrigins)
	if err != nil {
		return err
	}
	cfg := auth.Config{JWKS: c.AuthJwks, Issuer: c.AuthIssuer, Audience: c.AuthAudience, Origins: origins}
	if c.AuthHmacSecretFile != "" {
		if cfg.Secret, err = auth.ReadSecret(c.AuthHmacSecretFile); err != nil {
			return refuseSecret(err)
		}
	}
	cluster, err := c.clusterSecret(cfg.Secret)
	if err != nil {
		return err
	}
	n := &node{
		flags:   &c.nodeFlags,
		cluster: cluster,
		limits:  c.limitFlags,
		spaces:  spaces,
		pushing: pushing,
		log:     c.logger(p.stderr),
		stdout:  p.stdout,
		origins: origins,
	}
	n.who, n.proxied = c.who(), len(c.TrustedProxies) > 0
	n.acme = c.acme(c.Data, n.log)
	if n.limiter, err = c.limiter(n.log); err != nil {
		return err
	}
	if c.AdminTokenFile != "" {
		token, err := os.ReadFile(c.AdminTokenFile)
		if n.adminToken = strings.TrimSpace(string(token)); err != nil || len(n.adminToken) < 16 {
			return refuse(fmt.Sprintf("--admin-token-file %s can't be read or has fewer than 16 characters.", c.AdminTokenFile),
				"Make one: head -c 24 /dev/urandom | base64 > FILE")
		}
	}
	n.authenticate = func(ctx context.Context, store *stores, tickets *auth.Tickets) (httpapi.Authenticator, error) {
		if n.keys, err = auth.OpenKeys(ctx, store.keys, c.APIKeysFile, nil); err != nil {
			return nil, c.refuseKeys(ctx, store.keys, err)
		}
		cfg.Keys, cfg.Revoked, cfg.Tickets, cfg.Logger = n.keys, store.Revoked, tickets, n.log
		return auth.New(ctx, cfg)
	}
	return n.run(ctx)
}

// who describes in words who may connect.
func (c *serveCmd) who() string {
	var ways []string
	if c.AuthHmacSecretFile != "" {
		ways = append(ways, "tokens signed with "+c.AuthHmacSecretFile)
	}
	if c.AuthJwks != "" {
		ways = append(ways, "tokens signed with a key of "+c.AuthJwks)
	}
	return strings.Join(append(ways, "API keys"), ", ") + "; pages of " + strings.Join(c.AllowedOrigins, ", ")
}

// refuseKeys reports which keys cannot be read.
func (c *serveCmd) refuseKeys(ctx context.Context, stored parley.Keys, err error) error {
	hint := "Give --api-keys-file a file with one key per line, each of 8 characters at least."
	if _, bad := stored.ListKeys(ctx); bad != nil && c.shared() {
		hint = "They are in the store, which must be reachable: --store " + secretless(c.Store)
	} else if bad != nil {
		hint = "Restore that file from a copy, or remove it and make new keys: parley keys add NAME --data " + c.Data
	}
	return refuse(fmt.Sprintf("the API keys can't be read: %v.", err), hint)
}

// parseOrigins parses the list of origins whose pages may use the server: scheme, host
// and port, exactly (RFC 6454).
func parseOrigins(list []string) (func(string) bool, error) {
	allowed := map[string]bool{}
	for _, s := range list {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
			strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" ||
			u.User != nil ||
			strings.Contains(u.Host, "*") {
			return nil, refuse(
				fmt.Sprintf("--allowed-origins: %q is not a valid origin.", s),
				"Write scheme, host and port, such as https://chat.example.com; one for each.",
			)
		}
		host := strings.TrimSuffix(u.Host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme]) // browsers omit default ports
		allowed[strings.ToLower(u.Scheme+"://"+host)] = true
	}
	return func(origin string) bool { return allowed[strings.ToLower(origin)] }, nil
}
