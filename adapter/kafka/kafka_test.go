package kafka_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley/adapter/kafka"
	"github.com/parley-server/parley/testenv"
)

// server is the Kafka of all tests here that do not end it; each has its own topics.
var server = testenv.NewService("kafka", "--secure")

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
func config(t *testing.T) kafka.Config {
	return kafka.Config{URL: fmt.Sprintf("kafka://%s/t%d", server.URL(t), systems.Add(1))}
}

// hosts is the first part of a URL for what a service prints.
func hosts(url string) string { return "kafka://" + strings.TrimPrefix(url, "kafka://") }
