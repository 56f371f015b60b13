package demo

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Cluster is several nodes with one store, behind a balancer that the demo does not start: the page's second tab.
type Cluster struct {
	Nodes    []string // listen addresses of the nodes, as configured in the balancer
	Store    string   // URL of the shared store, such as redis://127.0.0.1:6379
	Bus      string   // URL of the bus and the presence store; "": the same as Store
	Balancer string   // URL of the balancer
}

// scene is what one tab shows: servers that can be killed, a writer, and where readers connect.
type scene struct {
	url     string
	servers []*server
	writer  *writer
}

var errNoSuchServer = errors.New("there is no such server")

// kill kills one of the servers by its number.
func (s *scene) kill(n int) error {
	if n < 0 || n >= len(s.servers) {
		return errNoSuchServer
	}
	return s.servers[n].kill()
}

// scene creates the nodes, whose files are in dir, without starting them.
func (c *Cluster) scene(binary, dir string, stderr io.Writer) (*scene, error) {
	secret := make([]byte, 48)
	_, _ = rand.Read(secret)
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
		return nil, fmt.Errorf("make the secret of the nodes: %w", err)
	}
	s := &scene{url: c.Balancer}
	bus := cmp.Or(c.Bus, c.Store)
	for i, addr := range c.Nodes {
		name := fmt.Sprint("n", i+1)
		s.servers = append(s.servers, newServer(name, binary, stderr, "--node", name, "--listen", addr, "--log-level", "warn",
			"--data", filepath.Join(dir, name), "--store", c.Store, "--bus", bus, "--presence", bus, "--presence-ttl", "5s",
			"--cluster-secret-file", file))
	}
	return s, nil
}
