package cassandra

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/dsn"
)

// Config holds Cassandra's addresses and options.
type Config struct {
	// URL is cassandra://[user:password@]host[:port][,host[:port]…]/keyspace[?option=value…]. Options: consistency=local_quorum (the
	// default, for a keyspace in one data center) or quorum; rf=N, the replicas that Init creates the keyspace with (default: 3, or
	// as many as there are servers); tls=true, ca=FILE, cert=FILE, key=FILE.
	URL string
	// Bucket is the number of ids in one partition of the log: 10,000 if it is 0. Init writes it into the
	// schema.
	Bucket int64
	// KeyRetention is how long a key is recognized after its bucket is full: 24 h if it is 0.
	KeyRetention time.Duration
	// SweepEvery is how often Run trims the channels to which this node has appended: 5 s if it
	// is 0.
	SweepEvery time.Duration
	// Clock stamps and expires entries; nil: time.Now.
	Clock func() time.Time
	// Retention of channels whose settings have none, the same on all nodes. The zero value keeps
	// everything.
	Retention parley.Retention
	// RetentionOf returns the retention of a channel whose settings have none, zero for Retention. nil:
	// zero for all.
	RetentionOf func(parley.ChannelID) parley.Retention
	// Observe is called when a statement has completed or timed out, with its kind, such as "select log" or "batch update
	// log if". It must be quick; may be nil.
	Observe func(kind string, took time.Duration, err error)

	wall func() time.Time // this node's clock; nil: time.Now
}

const (
	defaultBucket       = 10_000
	defaultKeyRetention = 24 * time.Hour
	defaultSweep        = 5 * time.Second
	connectTimeout      = 5 * time.Second
	queryTimeout        = 3 * time.Second        // of one statement
	schemaTimeout       = 30 * time.Second       // of one that changes the schema
	speculateAfter      = 300 * time.Millisecond // a read without a response is sent to another replica
)

// place is a parsed URL.
type place struct {
	dsn.Address
	keyspace      string
	rf            int // 0: chosen by Init
	plain, serial gocql.Consistency
	observe       func(kind string, took time.Duration, err error) // nil: nobody
}

var keyspaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

func parse(url string) (p place, err error) {
	if p.Address, err = dsn.Parse(url, "cassandra", "9042", "consistency", "rf"); err != nil {
		return p, err
	}
	if p.keyspace = p.Path; !keyspaceName.MatchString(p.keyspace) {
		return p, fmt.Errorf("%q is not the name of a keyspace: end the URL with /NAME of a–z, 0–9 and _", p.keyspace)
	}
	if rf := p.Options.Get("rf"); rf != "" {
		if p.rf, err = strconv.Atoi(rf); err != nil || p.rf < 1 || p.rf > 16 {
			return p, errors.New("the option rf must be a number of replicas, such as 3")
		}
	}
	switch c := p.Options.Get("consistency"); c {
	case "", "local_quorum":
		p.plain, p.serial = gocql.LocalQuorum, gocql.LocalSerial
	case "quorum":
		p.plain, p.serial = gocql.Quorum, gocql.Serial
	default:
		return p, fmt.Errorf("the option consistency=%s must be local_quorum or quorum: others would lose messages", c)
	}
	return p, nil
}

// CheckURL returns the reason why a URL cannot be used, or nil, without connecting.
func CheckURL(url string) error {
	p, err := parse(url)
	if err == nil {
		_, err = p.TLS(nil)
	}
	return err
}

// connect opens a session without a keyspace, or with that of the URL. timeout is for each statement.
func (p *place) connect(keyspace string, timeout time.Duration) (*gocql.Session, error) {
	cluster := gocql.NewCluster(p.Hosts...)
	cluster.Keyspace = keyspace
	cluster.Consistency, cluster.SerialConsistency = p.plain, p.serial
	cluster.Timeout, cluster.WriteTimeout, cluster.ConnectTimeout = timeout, timeout, connectTimeout
	cluster.PoolConfig.HostSelectionPolicy = again{gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())}
	cluster.ReconnectInterval = time.Second
	cluster.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 3, Interval: 500 * time.Millisecond}
	cluster.MaxPreparedStmts = 1000
	if p.observe != nil {
		o := &observer{tell: p.observe}
		cluster.QueryObserver, cluster.BatchObserver = o, o
	}
	if p.User != "" {
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: p.User, Password: p.Password}
	}
	t, err := p.TLS(nil)
	if err != nil {
		return nil, err
	}
	if t != nil {
		cluster.SslOpts = &gocql.SslOptions{Config: t, EnableHostVerification: true}
	}
	return cluster.CreateSession()
}

// again is a policy that tries the servers several times. Otherwise a retry on the only server that is up, or a speculative
// query while the first one is still in flight, would find no server, and fail at once.
type again struct{ gocql.HostSelectionPolicy }

func (p again) Pick(q gocql.ExecutableStatement) gocql.NextHost {
	next, rounds := p.HostSelectionPolicy.Pick(q), 1
	return func() gocql.SelectedHost {
		host := next()
		if host == nil && rounds < 3 {
			rounds++
			next = p.HostSelectionPolicy.Pick(q)
			host = next()
		}
		return host
	}
}
