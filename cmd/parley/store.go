package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-server/parley/adapter/cassandra"
)

// storeCmd manages the schema of a store that has one.
type storeCmd struct {
	Init    storeInitCmd    `cmd:"" help:"Create the keyspace and the schema; does nothing if they are there."`
	Migrate storeMigrateCmd `cmd:"" help:"Bring the schema to the version of this program."`
	Status  storeStatusCmd  `cmd:"" help:"Print the version, the epoch and the replication of the schema."`
}

type schemaFlags struct {
	Store string `required:"" placeholder:"URL" help:"Store: cassandra://HOST,HOST/KEYSPACE."`
}

// config refuses stores that have no schema.
func (f *schemaFlags) config() (cassandra.Config, error) {
	if schemeOf(f.Store) != "cassandra" {
		return cassandra.Config{}, refuse("--store "+secretless(f.Store)+" has no schema: only Cassandra does.",
			"Give --store cassandra://HOST,HOST/KEYSPACE, or leave the command out: other stores need none.")
	}
	if err := cassandra.CheckURL(f.Store); err != nil {
		return cassandra.Config{}, refuse(fmt.Sprintf("--store %s: %v.", secretless(f.Store), err),
			"docs/operations.md has what such a URL may say.")
	}
	return cassandra.Config{URL: f.Store}, nil
}

// print runs an operation on a schema, and prints the resulting state.
func (f *schemaFlags) print(ctx context.Context, p *program,
	do func(context.Context, cassandra.Config) (cassandra.Schema, error)) (cassandra.Schema, error) {
	cfg, err := f.config()
	if err != nil {
		return cassandra.Schema{}, err
	}
	is, err := do(ctx, cfg)
	if err != nil {
		return is, noSchema(f.Store, err)
	}
	if is.Version == 0 {
		return is, noSchema(f.Store, cassandra.ErrNoSchema)
	}
	_, err = fmt.Fprintf(p.stdout, "keyspace %s: schema %d of %d, epoch %s, %d ids per partition, replication %s, Cassandra %s\n",
		is.Keyspace, is.Version, is.Latest, is.Epoch, is.Bucket, is.Replication, is.Release)
	return is, err
}

// noSchema says what to do about a schema that cannot be used, or why the store cannot be used.
func noSchema(url string, err error) error {
	at := secretless(url)
	switch {
	case errors.Is(err, cassandra.ErrNoSchema):
		return refuse("the store "+at+" has no schema.", "Create it once: parley store init --store "+at)
	case errors.Is(err, cassandra.ErrOlder):
		return refuse("the store "+at+" has the schema of an earlier version.", "Migrate it once: parley store migrate --store "+at)
	case errors.Is(err, cassandra.ErrNewer):
		return refuse("the store "+at+" has the schema of a later version.", "Start that version of parley.")
	}
	return away("--store", url, err)
}

type storeInitCmd struct{ schemaFlags }

// Run creates the schema.
func (c *storeInitCmd) Run(ctx context.Context, p *program) error {
	_, err := c.print(ctx, p, cassandra.Init)
	return err
}

type storeMigrateCmd struct{ schemaFlags }

// Run migrates the schema.
func (c *storeMigrateCmd) Run(ctx context.Context, p *program) error {
	_, err := c.print(ctx, p, cassandra.Migrate)
	return err
}

type storeStatusCmd struct{ schemaFlags }

// Run prints the state of the schema, and fails unless this program can use it.
func (c *storeStatusCmd) Run(ctx context.Context, p *program) error {
	is, err := c.print(ctx, p, cassandra.Inspect)
	switch {
	case err != nil:
		return err
	case is.Version < is.Latest:
		return noSchema(c.Store, cassandra.ErrOlder)
	case is.Version > is.Latest:
		return noSchema(c.Store, cassandra.ErrNewer)
	}
	return nil
}
