package cassandra

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// A migration is the statements that lead from one version of the schema to the next. Earlier ones are never changed.
//
// log has the entries: kind 0 (id; nonce, body, extra), and kind 1, the keys of messages in this bucket (ukey; target). Its static
// columns are written by conditional batches only, and are never deleted: a bucket's last id cannot be given twice.
// In channels each column is written with its value as the timestamp, so that the largest wins. In now, reactors and mentions
// the timestamp is the id of the entry, so that the newest wins in any order.
// meta and members are written under the condition of version, and no row is deleted. A member's muted is what earlier versions knew of
// mute: without it mute means nothing, and without mute it means all.
// A row of rows is written plainly or under the condition of its value, never in both ways.
var migrations = [][]string{{
	`CREATE TABLE IF NOT EXISTS log (channel text, bucket bigint, kind tinyint, id bigint, ukey blob,
		head bigint static, ts bigint static, count bigint static, changed bigint static,
		nonce blob, body blob, extra blob, target bigint,
		PRIMARY KEY ((channel, bucket), kind, id, ukey)) WITH compaction = {'class': 'LeveledCompactionStrategy'}`,
	`CREATE TABLE IF NOT EXISTS keys (channel text, user text, key blob, bucket bigint,
		PRIMARY KEY ((channel, user), key, bucket))`,
	`CREATE TABLE IF NOT EXISTS channels (channel text PRIMARY KEY, bucket bigint, floor bigint, before bigint, folded bigint,
		position bigint, scrubbed bigint, swept bigint, cut bigint)`,
	`CREATE TABLE IF NOT EXISTS now (channel text, bucket bigint, target bigint, v bigint, state blob,
		PRIMARY KEY ((channel, bucket), target))`,
	`CREATE TABLE IF NOT EXISTS scrub (channel text, bucket bigint, id bigint, PRIMARY KEY ((channel, bucket), id))`,
	`CREATE TABLE IF NOT EXISTS reactors (channel text, target bigint, emoji text, user text, PRIMARY KEY ((channel, target), emoji, user))`,
	`CREATE TABLE IF NOT EXISTS mentions (channel text, user text, span bigint, id bigint, author text,
		PRIMARY KEY ((channel, user, span), id))`,
	`CREATE TABLE IF NOT EXISTS deleted (channel text, span bigint, id bigint, PRIMARY KEY ((channel, span), id))`,
	`CREATE TABLE IF NOT EXISTS replies (channel text, root bigint, id bigint, gone boolean, PRIMARY KEY ((channel, root), id))`,
	`CREATE TABLE IF NOT EXISTS meta (channel text PRIMARY KEY, version bigint, nonce blob, listed boolean, settings text,
		removals bigint, removed bigint)`,
	`CREATE TABLE IF NOT EXISTS members (channel text, user text, version bigint, nonce blob, role text, read bigint, count bigint,
		joined bigint, left bigint, removals bigint, muted boolean, PRIMARY KEY (channel, user))`,
	`CREATE TABLE IF NOT EXISTS pointers (channel text, user text, read bigint, count bigint, PRIMARY KEY (channel, user))`,
	`CREATE TABLE IF NOT EXISTS memberships (user text, channel text, PRIMARY KEY (user, channel))`,
	`CREATE TABLE IF NOT EXISTS listed (shard int, channel text, PRIMARY KEY (shard, channel))`,
	`CREATE TABLE IF NOT EXISTS findable (shard int, channel text, PRIMARY KEY (shard, channel))`,
	`CREATE TABLE IF NOT EXISTS revoked (user text PRIMARY KEY, until bigint)`,
	`CREATE TABLE IF NOT EXISTS api_keys (shard int, name text, hash blob, created bigint, PRIMARY KEY (shard, name))`,
	`CREATE TABLE IF NOT EXISTS once (key blob PRIMARY KEY) WITH gc_grace_seconds = 3600`,
	`CREATE TABLE IF NOT EXISTS unfinished (node text, channel text, PRIMARY KEY (node, channel)) WITH gc_grace_seconds = 3600`,
	`CREATE TABLE IF NOT EXISTS unfinished_nodes (shard int, node text, PRIMARY KEY (shard, node))`,
}, {
	`CREATE TABLE IF NOT EXISTS rows (part blob, key blob, value blob, PRIMARY KEY (part, key))`,
	`ALTER TABLE members ADD mute text`,
}}

// Errors of Open, Init, Migrate and Inspect.
var (
	ErrNoSchema = errors.New("the keyspace has no schema of parley")
	ErrOlder    = errors.New("the schema is of an earlier version")
	ErrNewer    = errors.New("the schema is of a later version")
)

// Schema describes the schema of a store.
type Schema struct {
	Keyspace    string
	Version     int    // 0: there is none
	Latest      int    // that of this program
	Epoch       string // "" without a schema
	Bucket      int64
	Replication string
	Release     string // of the server that answered
}

// Inspect returns the schema of a store, without changing it.
func Inspect(ctx context.Context, cfg Config) (Schema, error) {
	p, session, err := begin(ctx, cfg.URL)
	if err != nil {
		return Schema{}, err
	}
	defer session.Close()
	return inspect(ctx, session, &p)
}

// Init creates the keyspace and the schema, if they do not exist.
func Init(ctx context.Context, cfg Config) (Schema, error) {
	p, session, err := begin(ctx, cfg.URL)
	if err != nil {
		return Schema{}, err
	}
	defer session.Close()
	was, err := inspect(ctx, session, &p)
	if err != nil || was.Version > 0 {
		return was, err
	}
	if was.Replication == "" {
		if err := createKeyspace(ctx, session, &p); err != nil {
			return was, err
		}
	}
	own, err := p.connect(p.keyspace, schemaTimeout)
	if err != nil {
		return was, fmt.Errorf("use the keyspace %s: %w", p.keyspace, err)
	}
	defer own.Close()
	if err := own.Query(`CREATE TABLE IF NOT EXISTS parley_schema (name text PRIMARY KEY, value text)`).ExecContext(ctx); err != nil {
		return was, fmt.Errorf("create the schema: %w", err)
	}
	bucket := cfg.Bucket
	if bucket <= 0 {
		bucket = defaultBucket
	}
	for name, value := range map[string]string{"epoch": rand.Text()[:16], "bucket": strconv.FormatInt(bucket, 10)} {
		put := own.Query(`INSERT INTO parley_schema (name, value) VALUES (?, ?) IF NOT EXISTS`, name, value)
		if _, err := put.MapScanCASContext(ctx, map[string]any{}); err != nil {
			return was, fmt.Errorf("write the schema: %w", err)
		}
	}
	if err := migrate(ctx, own, p.keyspace, 0); err != nil {
		return was, err
	}
	return inspect(ctx, session, &p)
}

// Migrate upgrades the schema to the version of this program.
func Migrate(ctx context.Context, cfg Config) (Schema, error) {
	p, session, err := begin(ctx, cfg.URL)
	if err != nil {
		return Schema{}, err
	}
	defer session.Close()
	was, err := inspect(ctx, session, &p)
	switch {
	case err != nil:
		return was, err
	case was.Version == 0:
		return was, ErrNoSchema
	case was.Version > was.Latest:
		return was, ErrNewer
	case was.Version == was.Latest:
		return was, nil
	}
	own, err := p.connect(p.keyspace, schemaTimeout)
	if err != nil {
		return was, fmt.Errorf("use the keyspace %s: %w", p.keyspace, err)
	}
	defer own.Close()
	if err := migrate(ctx, own, p.keyspace, was.Version); err != nil {
		return was, err
	}
	return inspect(ctx, session, &p)
}

// added reports whether a statement adds a column that exists: another node has migrated, or this is the second
// attempt.
func added(ctx context.Context, session *gocql.Session, keyspace, statement string) bool {
	word := strings.Fields(statement)
	if len(word) < 5 || word[0] != "ALTER" || word[3] != "ADD" {
		return false
	}
	var column string
	return session.Query(`SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ? AND column_name = ?`,
		keyspace, word[2], word[4]).Consistency(gocql.One).ScanContext(ctx, &column) == nil
}

func migrate(ctx context.Context, session *gocql.Session, keyspace string, from int) error {
	for v := from; v < len(migrations); v++ {
		for _, statement := range migrations[v] {
			if err := session.Query(statement).ExecContext(ctx); err != nil && !added(ctx, session, keyspace, statement) {
				return fmt.Errorf("migrate to version %d: %w", v+1, err)
			}
		}
		put := session.Query(`INSERT INTO parley_schema (name, value) VALUES ('version', ?)`, strconv.Itoa(v+1))
		if err := put.ExecContext(ctx); err != nil {
			return fmt.Errorf("migrate to version %d: %w", v+1, err)
		}
	}
	return session.AwaitSchemaAgreement(ctx)
}

// begin connects to the servers that a URL names, without a keyspace.
func begin(ctx context.Context, url string) (place, *gocql.Session, error) {
	p, err := parse(url)
	if err != nil {
		return p, nil, fmt.Errorf("the URL of Cassandra is not valid: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return p, nil, err
	}
	session, err := p.connect("", schemaTimeout)
	if err != nil {
		return p, nil, fmt.Errorf("connect to Cassandra at %s: %w", strings.Join(p.Hosts, ","), err)
	}
	return p, session, nil
}

func inspect(ctx context.Context, session *gocql.Session, p *place) (s Schema, err error) {
	s = Schema{Keyspace: p.keyspace, Latest: len(migrations)}
	if err := session.Query(`SELECT release_version FROM system.local`).Consistency(gocql.One).ScanContext(ctx, &s.Release); err != nil {
		return s, fmt.Errorf("ask the version of Cassandra: %w", err)
	}
	if major, _, _ := strings.Cut(s.Release, "."); len(major) == 1 && major < "4" && !scylla(ctx, session) {
		return s, fmt.Errorf("its version is %s: use Cassandra 4.0 or later", s.Release)
	}
	replication := map[string]string{}
	err = session.Query(`SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`, p.keyspace).
		Consistency(gocql.One).ScanContext(ctx, &replication)
	if errors.Is(err, gocql.ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("look for the keyspace %s: %w", p.keyspace, err)
	}
	centers := 0
	for name, n := range replication {
		if name != "class" {
			centers++
			s.Replication += " " + name + "=" + n
		}
	}
	class := replication["class"]
	s.Replication = class[strings.LastIndexByte(class, '.')+1:] + s.Replication
	if centers > 1 && p.serial == gocql.LocalSerial {
		return s, fmt.Errorf("the keyspace %s lies in %d data centers (%s), each of which would number messages by itself: "+
			"replicate it in one, or add ?consistency=quorum to the URL on all nodes", p.keyspace, centers, s.Replication)
	}
	var table string
	err = session.Query(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'parley_schema'`, p.keyspace).
		Consistency(gocql.One).ScanContext(ctx, &table)
	if errors.Is(err, gocql.ErrNotFound) {
		return s, nil
	}
	if err == nil {
		err = s.load(ctx, session, p)
	}
	if err != nil {
		return s, fmt.Errorf("read the schema of %s: %w", p.keyspace, err)
	}
	return s, nil
}

func (s *Schema) load(ctx context.Context, session *gocql.Session, p *place) (err error) {
	rows := session.Query(`SELECT name, value FROM ` + p.keyspace + `.parley_schema`).Consistency(p.plain).IterContext(ctx)
	var name, value string
	for rows.Scan(&name, &value) {
		switch name {
		case "version":
			s.Version, err = strconv.Atoi(value)
		case "bucket":
			s.Bucket, err = strconv.ParseInt(value, 10, 64)
		case "epoch":
			s.Epoch = value
		}
		if err != nil {
			return errors.Join(fmt.Errorf("its %s is %q", name, value), rows.Close())
		}
	}
	return rows.Close()
}

// scylla reports whether the server is a ScyllaDB, which claims to be Cassandra 3.
func scylla(ctx context.Context, session *gocql.Session) bool {
	var table string
	return session.Query(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' AND table_name = 'scylla_local'`).
		Consistency(gocql.One).ScanContext(ctx, &table) == nil
}

// createKeyspace creates the keyspace in the data center of the server that answered.
func createKeyspace(ctx context.Context, session *gocql.Session, p *place) error {
	var center string
	if err := session.Query(`SELECT data_center FROM system.local`).Consistency(gocql.One).ScanContext(ctx, &center); err != nil {
		return fmt.Errorf("ask for the data center: %w", err)
	}
	rf := p.rf
	if rf == 0 {
		rf = min(3, len(session.GetHosts()))
	}
	err := session.Query(fmt.Sprintf(`CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'NetworkTopologyStrategy', '%s': %d}`,
		p.keyspace, strings.ReplaceAll(center, "'", "''"), max(rf, 1))).ExecContext(ctx)
	if err != nil {
		return fmt.Errorf("create the keyspace %s: %w", p.keyspace, err)
	}
	return session.AwaitSchemaAgreement(ctx)
}
