package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/cassandra"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/terminal"
	"github.com/parley-server/parley/transfer"
)

// systemFlags name the system whose contents are moved.
type systemFlags struct {
	File  string `arg:"" help:"File of JSON lines; - for standard input or output."`
	Data  string `default:"./parley-data" placeholder:"DIR" help:"Data directory of an embedded store."`
	Store string `default:"embedded" placeholder:"URL" help:"Store: embedded, redis://HOST:PORT or cassandra://HOST,HOST/KEYSPACE."`
}

// open opens the system, whose data directory must exist unless create is set.
func (f *systemFlags) open(ctx context.Context, stderr io.Writer, create bool) (s transfer.System, close func() error, err error) {
	switch {
	case f.Store == "embedded":
		return f.openEmbedded(ctx, stderr, create)
	case schemeOf(f.Store) == "cassandra":
		store, err := cassandra.Open(ctx, cassandra.Config{URL: f.Store})
		if err != nil {
			return s, nil, noSchema(f.Store, err)
		}
		return transfer.System{Store: store, Keys: store}, store.Close, nil
	case redisURL(f.Store):
		store, err := redis.Open(ctx, redis.Config{URL: f.Store})
		if err != nil {
			return s, nil, away("--store", f.Store, err)
		}
		return transfer.System{Store: store, Keys: store}, store.Close, nil
	}
	return s, nil, refuse("--store "+secretless(f.Store)+" is not a store that this version knows.",
		"Use --data DIR, --store redis://HOST:PORT or --store cassandra://HOST,HOST/KEYSPACE.")
}

func (f *systemFlags) openEmbedded(ctx context.Context, stderr io.Writer, create bool) (s transfer.System, close func() error, err error) {
	if _, err := os.Stat(f.Data); !create && errors.Is(err, fs.ErrNotExist) {
		return s, nil, refuse(fmt.Sprintf("there is no data directory %s.", f.Data), "Give the server's: --data DIR, or --store URL.")
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := embedded.Open(f.Data, embedded.Config{Fsync: embedded.FsyncCommit, Logger: log})
	switch {
	case errors.Is(err, embedded.ErrInUse):
		return s, nil, refuse(err.Error(), "Stop that process first.")
	case errors.Is(err, embedded.ErrNewer):
		return s, nil, refuse(err.Error(), "Use the version that wrote it.")
	case err != nil:
		return s, nil, err
	}
	ran := inBackground(func() error { return store.Run(context.WithoutCancel(ctx)) })
	return transfer.System{Store: store, Keys: embedded.OpenKeys(f.Data)}, func() error { return errors.Join(store.Close(), <-ran) }, nil
}

// inBackground calls do in a goroutine, and returns a channel for its error.
func inBackground(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return done
}

// bar shows the progress of a transfer, on a terminal only.
func (p *program) bar(verb string) (progress transfer.Progress, done func()) {
	if !terminal.Live(p.stderr) {
		return nil, func() {}
	}
	began := time.Now()
	const width = 30
	progress = func(n, of int64) {
		share := 1.0
		if of > 0 {
			share = float64(n) / float64(of)
		}
		full := int(share * width)
		fmt.Fprintf(p.stderr, "\r\x1b[K%s [%s%s] %3.0f%%  %d of %d entries, %.0f/s", verb, strings.Repeat("█", full),
			strings.Repeat("·", width-full), 100*share, n, of, float64(n)/time.Since(began).Seconds())
	}
	return progress, func() { fmt.Fprint(p.stderr, "\r\x1b[K") }
}

// moved prints what was moved.
func (p *program) moved(verb string, r *transfer.Report, took time.Duration) {
	fmt.Fprintf(p.stderr, "%s %d entries and %d members of %d channels, %d API keys and %d revocations in %v\n", verb, r.Entries, r.Places,
		r.Channels, r.Keys, r.Revocations, took.Round(10*time.Millisecond))
}

type exportCmd struct{ systemFlags }

// Run writes the contents of a system to a file, which appears when it is complete.
func (c *exportCmd) Run(ctx context.Context, p *program) (err error) {
	s, closeStore, err := c.open(ctx, p.stderr, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	progress, done := p.bar("exporting")
	began := time.Now()
	if c.File == "-" {
		r, err := transfer.Export(ctx, s, p.stdout, progress)
		if done(); err == nil {
			p.moved("exported", &r, time.Since(began))
		}
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(c.File), filepath.Base(c.File)+".part*") // readable by its owner only
	if err != nil {
		return refuse(fmt.Sprintf("the file cannot be written: %v.", err), "Give a file in a directory that this user may write.")
	}
	defer os.Remove(file.Name())
	r, err := transfer.Export(ctx, s, file, progress)
	done()
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), c.File); err != nil {
		return err
	}
	p.moved("exported", &r, time.Since(began))
	return nil
}

type importCmd struct{ systemFlags }

// Run reads a file into a system, and compares the two.
func (c *importCmd) Run(ctx context.Context, p *program) (err error) {
	from := p.stdin
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return refuse(fmt.Sprintf("the file cannot be read: %v.", err), "Give a file that parley export has written, or -.")
		}
		defer file.Close()
		from = file
	}
	s, closeStore, err := c.open(ctx, p.stderr, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	progress, done := p.bar("importing")
	began := time.Now()
	r, err := transfer.Import(ctx, s, from, progress)
	done()
	if err != nil {
		return c.why(err)
	}
	p.moved("imported", &r, time.Since(began))
	if len(r.Differences) > 0 {
		return fmt.Errorf("the store differs from the file:\n  %s", strings.Join(r.Differences, "\n  "))
	}
	fmt.Fprintln(p.stderr, "compared: the store holds what the file holds")
	return nil
}

// why adds to a failed import's error what to do about it.
func (c *importCmd) why(err error) error {
	switch {
	case errors.Is(err, transfer.ErrNotEmpty):
		return refuse(fmt.Sprintf("%v.", err), "Import into an empty store: ids would collide.")
	case errors.Is(err, transfer.ErrOther):
		return refuse(fmt.Sprintf("%v.", err), "Import that file again to resume, or use an empty store.")
	case errors.Is(err, transfer.ErrNoExport), errors.Is(err, transfer.ErrNewer):
		return refuse(fmt.Sprintf("%s: %v.", c.File, err), "Give a file that parley export of this version or an earlier one has written.")
	case errors.Is(err, parley.ErrClosed), errors.Is(err, context.Canceled):
		return errors.New("stopped; run the same command again to resume")
	}
	return fmt.Errorf("%w\nRun the same command again to resume", err)
}
