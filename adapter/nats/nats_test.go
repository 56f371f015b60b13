package nats_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley/adapter/nats"
	"github.com/parley-server/parley/testenv"
)

// server is the NATS of all tests here that do not end it; each has its own prefix.
var server = testenv.NewService("nats")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var systems atomic.Int64

// config is that of a system that nobody has used.
func config(t *testing.T) nats.Config {
	return nats.Config{URL: fmt.Sprintf("%s?prefix=t%d", server.URL(t), systems.Add(1))}
}
