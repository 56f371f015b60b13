package kafka

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
	"github.com/parley-server/parley/internal/dsn"
)

// Config holds Kafka's addresses and credentials.
type Config struct {
	// URL is kafka://[user:password@]host[:port][,host[:port]…][/topic][?option=value…]. The options:
	// sasl=plain, scram-sha-256 or scram-sha-512 (plain if there is a user); tls=true, ca=FILE, cert=FILE, key=FILE; and
	// for an Intake group=NAME.
	URL string
	// RootCAs sign the servers' certificates; nil: the system's.
	RootCAs *x509.CertPool
	// Dial connects; nil: net.Dialer. Tests cut its connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Value appends to dst what other systems find in the record of an envelope; nil: nothing.
	Value func(dst []byte, e *parley.Envelope) []byte
}

const (
	defaultTopic  = "parley.feed"
	defaultGroup  = "parley"
	dialTimeout   = 5 * time.Second
	deliveryTime  = 5 * time.Second // a hint that could not be sent within it is dropped
	answerTime    = 5 * time.Second // in addition to the time that a request may take by itself
	watchEvery    = 2 * time.Second // how soon added partitions and a recreated topic are noticed
	maxBuffered   = 8192            // records that wait for a broker; beyond that publishing fails
	maxBufferSize = 32 << 20
)

// options are those of a client, and what the URL says.
func (c *Config) options() (opts []kgo.Opt, a dsn.Address, err error) {
	fail := func(err error) ([]kgo.Opt, dsn.Address, error) {
		return nil, a, fmt.Errorf("the URL of Kafka is not valid: %w; use kafka://host:port,host:port/topic", err)
	}
	if a, err = dsn.Parse(c.URL, "kafka", "9092", "sasl", "group"); err != nil {
		return fail(err)
	}
	cfg, err := a.TLS(c.RootCAs)
	if err != nil {
		return fail(err)
	}
	opts = []kgo.Opt{kgo.SeedBrokers(a.Hosts...), kgo.ClientID("parley"), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // so that any client can read them
		kgo.MaxBufferedRecords(maxBuffered), kgo.MaxBufferedBytes(maxBufferSize), kgo.RecordDeliveryTimeout(deliveryTime),
		kgo.RequestTimeoutOverhead(answerTime), kgo.RetryBackoffFn(func(try int) time.Duration { return backoff.Delay(try - 1) }),
		kgo.MetadataMaxAge(10 * time.Second), kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.ConnIdleTimeout(10 * time.Minute)} // a connection that ends says that something is wrong
	switch {
	case c.Dial != nil && cfg != nil:
		return fail(errors.New("a function that connects knows no TLS"))
	case c.Dial != nil:
		opts = append(opts, kgo.Dialer(c.Dial))
	case cfg != nil:
		opts = append(opts, kgo.DialTLSConfig(cfg))
	}
	switch mechanism := a.Options.Get("sasl"); {
	case mechanism == "" && a.User == "":
	case a.User == "":
		return fail(errors.New("sasl needs a user"))
	case mechanism == "" || mechanism == "plain":
		opts = append(opts, kgo.SASL(plain.Auth{User: a.User, Pass: a.Password}.AsMechanism()))
	case mechanism == "scram-sha-256":
		opts = append(opts, kgo.SASL(scram.Auth{User: a.User, Pass: a.Password}.AsSha256Mechanism()))
	case mechanism == "scram-sha-512":
		opts = append(opts, kgo.SASL(scram.Auth{User: a.User, Pass: a.Password}.AsSha512Mechanism()))
	default:
		return fail(errors.New("sasl is plain, scram-sha-256 or scram-sha-512"))
	}
	return opts, a, nil
}
