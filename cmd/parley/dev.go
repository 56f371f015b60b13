package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/httpapi"
)

// devCmd accepts the settings of serve that scripts may rely on, so that the same flags
// start either.
type devCmd struct {
	nodeFlags
	AuthHmacSecretFile string   `placeholder:"FILE" group:"Security" help:"${help_dev_auth_hmac_secret_file}"`
	AuthJwks           string   `name:"auth-jwks" placeholder:"URL" group:"Security" help:"Ignored; accepted for compatibility with serve."`
	AllowedOrigins     []string `placeholder:"URL" group:"Security" help:"${help_dev_allowed_origins}"`
}

func (devCmd) Help() string {
	return "Everybody may read, write and administer; a caller is the user that ?user= or the user field names. It answers on loopback " +
		"addresses only, and refuses a Host header that is not one."
}

func (c *devCmd) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	if host, _, _ := net.SplitHostPort(c.Listen); !loopback(host) {
		return c.wayOn(fmt.Sprintf("dev has no keys, so it listens on this machine only, not on %s.", c.Listen),
			"--listen 127.0.0.1:8080", "--listen "+c.Listen)
	}
	if host, _, _ := net.SplitHostPort(c.AdminListen); !loopback(host) {
		return c.wayOn(
			fmt.Sprintf("the admin listener asks for no keys, so with dev it is on this machine only, not on %s.", c.AdminListen),
			"--admin-listen 127.0.0.1:8081", "--admin-listen "+c.AdminListen+" --admin-token-file FILE")
	}
	spaces, err := p.file.namespaces()
	if err != nil {
		return err
	}
	pushing, err := c.Push.open(p.file)
	if err != nil {
		return err
	}
	listed, err := parseOrigins(c.AllowedOrigins)
	if err != nil {
		return err
	}
	cluster, err := c.clusterSecret(nil)
	if err != nil {
		return err
	}
	n := &node{flags: &c.nodeFlags, portable: p.portable, spaces: spaces, pushing: pushing,
		log: c.logger(p.stderr), stdout: p.stdout, hints: p.stderr,
		origins: func(origin string) bool { return httpapi.LoopbackOrigin(origin) || listed(origin) },
		hosts:   httpapi.LoopbackHost, secret: c.secretFile}
	n.cluster, n.who = cluster, "everybody on this machine"
	n.authenticate = func(_ context.Context, _ *stores, tickets *auth.Tickets) (httpapi.Authenticator, error) {
		return httpapi.Development{Tickets: tickets}, nil
	}
	return n.run(ctx)
}

// wayOn refuses what would let others connect, and shows how to do it: with a secret, the command that serves, and the one that
// creates a token.
func (c *devCmd) wayOn(why, alone, together string) error {
	secret, err := c.secretFile()
	if err != nil {
		return refuse(why, fmt.Sprintf("(A secret for serve could not be written: %v.)", err), "For development:", "  parley dev "+alone)
	}
	return refuse(why,
		"For development:", "  parley dev "+alone,
		"For others to connect, with the secret that is now in "+secret+":",
		"  parley serve "+together+" --auth-hmac-secret-file "+secret+" --allowed-origins https://chat.example.com",
		"A token for one of them:",
		"  parley token --user alice --channels 'room:*=rw' --for 1h --auth-hmac-secret-file "+secret)
}

// secretFile returns the secret file named for serve, or one that it writes if there is none.
func (c *devCmd) secretFile() (string, error) {
	if c.AuthHmacSecretFile != "" {
		return c.AuthHmacSecretFile, nil
	}
	return writeSecret(c.Data)
}

// loopback reports whether a host to listen on is reachable only from this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}
