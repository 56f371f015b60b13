package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
	"github.com/parley-server/parley/worker"
)

// Store is what a Webhook reads from.
type Store interface {
	parley.Log
	parley.Directory
	parley.Table
}

// Config configures a Webhook.
type Config struct {
	Name     string // names its cursors, and is the prefix of delivery ids
	Matches  func(channel parley.ChannelID) bool
	FromHead bool // channels start at their heads, otherwise with the first kept entry

	// Send delivers a body with an id, which is the same for retries. It returns nil if the
	// endpoint accepted the body.
	Send func(ctx context.Context, id string, body []byte) error

	Store Store
	Node  string

	Alive func(node string) bool // as in worker.Config, like the following
	Note  func(channel parley.ChannelID) error
	Watch func(channel parley.ChannelID, watched bool)

	OnDelivered func(entries int, err error) // receives counts; must not block
	Logger      *slog.Logger
	Clock       func() time.Time
}

const (
	batchEntries = 100
	batchBytes   = 1 << 20
	tryTimeout   = 30 * time.Second
	firstRetry   = time.Second
	lastRetry    = 5 * time.Minute
	inFlight     = 64 // concurrent deliveries
)

// Webhook delivers to one endpoint. All methods may be called concurrently.
type Webhook struct {
	cfg      Config // fixed
	channels *worker.Channels[*place]
	begun    time.Time // when this node started

	mu      sync.Mutex
	since   parley.Timestamp // when the webhook started in this store; 0: not known yet
	failing map[parley.ChannelID]*failure
	sent    int64
	last    parley.Timestamp // time of the last delivery
}

// place is the delivery state of a channel on its node.
type place struct {
	tries int
	upTo  int64     // the last entry of the refused delivery, which is retried unchanged
	after int64     // the position of that delivery
	due   time.Time // when it is tried again
}

// failure describes why a channel waits.
type failure struct {
	since time.Time
	tries int
	err   string
}

// New creates a Webhook. It starts working when it is passed to feed.Feed's AddWork.
func New(cfg Config) *Webhook {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.OnDelivered == nil {
		cfg.OnDelivered = func(int, error) {}
	}
	w := &Webhook{cfg: cfg, begun: cfg.Clock(), failing: map[parley.ChannelID]*failure{}}
	w.channels = worker.New(worker.Config[*place]{Name: w.group(), Table: cfg.Store, Log: cfg.Store, Node: cfg.Node, Alive: cfg.Alive,
		Note: cfg.Note, Watch: cfg.Watch, Wants: w.wants, Begin: w.begin, Work: w.work, Workers: inFlight, Clock: cfg.Clock})
	return w
}

func (w *Webhook) group() string { return "webhook/" + w.cfg.Name }

// wants excludes the server's own channels, whatever the patterns say.
func (w *Webhook) wants(channel parley.ChannelID) bool {
	return !channel.Internal() && w.cfg.Matches(channel)
}

// Name returns the webhook's name.
func (w *Webhook) Name() string { return w.cfg.Name }

// Take implements feed.Work.
func (w *Webhook) Take(ctx context.Context, channel parley.ChannelID) error {
	return w.channels.Take(ctx, channel)
}

// Grown implements feed.Work.
func (w *Webhook) Grown(channel parley.ChannelID) { w.channels.Grown(channel) }

// Busy implements feed.Work.
func (w *Webhook) Busy(channel parley.ChannelID) bool { return w.channels.Busy(channel) }

const (
	sinceKey   = "since"
	scannedKey = "scanned"
)

// begin returns where the webhook starts in a channel.
func (w *Webhook) begin(ctx context.Context, channel parley.ChannelID) (int64, error) {
	if !w.cfg.FromHead {
		return 0, nil
	}
	w.mu.Lock()
	since := w.since
	w.mu.Unlock()
	if since == 0 {
		var err error
		if since, err = worker.Since(ctx, w.cfg.Store, w.group(), sinceKey, w.begun); err != nil {
			return 0, err
		}
		w.mu.Lock()
		w.since = since
		w.mu.Unlock()
	}
	c, err := parley.SeekTime(ctx, w.cfg.Store, channel, since)
	return c.ID, err
}

// Run delivers until ctx ends.
func (w *Webhook) Run(ctx context.Context) error {
	var scan sync.WaitGroup
	if !w.cfg.FromHead {
		scan.Go(func() { w.scan(ctx) })
	}
	defer scan.Wait()
	return w.channels.Run(ctx)
}

// scan takes, once per store, the channels that existed before the webhook: otherwise those that do not
// grow would never be delivered.
func (w *Webhook) scan(ctx context.Context) {
	for try := 0; ; try++ {
		err := w.scanAll(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		w.cfg.Logger.Warn("the channels for a webhook could not be listed; it is tried again", "webhook", w.cfg.Name, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay(try)):
		}
	}
}

func (w *Webhook) scanAll(ctx context.Context) error {
	rows, err := w.cfg.Store.Get(ctx, w.group(), scannedKey)
	if err != nil || rows[0] != nil {
		return err
	}
	for after := parley.ChannelID(""); ; {
		channels, err := w.cfg.Store.Channels(ctx, after, 1000)
		if err != nil {
			return err
		}
		for _, channel := range channels {
			if err := w.channels.Take(ctx, channel); err != nil {
				return err
			}
		}
		if len(channels) < 1000 {
			return w.cfg.Store.Put(ctx, w.group(), parley.Row{Key: scannedKey, Value: []byte{1}})
		}
		after = channels[len(channels)-1]
	}
}

// work delivers the entries after the cursor of a channel.
func (w *Webhook) work(ctx context.Context, c *worker.Claim[*place]) time.Duration {
	if c.State == nil {
		c.State = &place{}
	}
	if wait := c.State.due.Sub(w.cfg.Clock()); wait > 0 && c.Position() == c.State.after { // it was woken by what was stored meanwhile
		return wait
	}
	entries, err := w.read(ctx, c)
	switch {
	case err != nil:
		return w.failed(c, err)
	case len(entries) == 0:
		w.recovered(c)
		return -1
	}
	if n := slices.IndexFunc(entries, func(m parley.Message) bool { return m.ID == c.State.upTo }); n >= 0 {
		entries = entries[:n+1]
	}
	last := &entries[len(entries)-1]
	c.State.upTo = last.ID
	until, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err = w.cfg.Send(until, w.cfg.Name+"/"+string(c.Channel)+"/"+strconv.FormatInt(last.ID, 10), body(c.Channel, entries))
	if ctx.Err() != nil {
		return firstRetry // the node is being stopped
	}
	if w.cfg.OnDelivered(len(entries), err); err != nil {
		return w.failed(c, err)
	}
	if err := c.Move(ctx, last.ID, last.Time); err != nil {
		return w.failed(c, err)
	}
	w.recovered(c)
	w.mu.Lock()
	w.sent += int64(len(entries))
	w.last = parley.Timestamp(w.cfg.Clock().UnixMicro())
	w.mu.Unlock()
	return 0
}

// read returns the entries that must be delivered together.
func (w *Webhook) read(ctx context.Context, c *worker.Claim[*place]) ([]parley.Message, error) {
	for {
		at := c.Position()
		run, err := w.cfg.Store.Read(ctx, c.Channel, parley.Cursor{ID: at, Epoch: c.Epoch()}, batchEntries)
		switch {
		case errors.Is(err, parley.ErrTrimmed):
			bs, err := w.cfg.Store.Bounds(ctx, c.Channel)
			if err != nil {
				return nil, err
			}
			if at > 0 {
				w.cfg.Logger.Error("entries were trimmed before a webhook accepted them", "webhook", w.cfg.Name, "channel", string(c.Channel),
					"after", at, "first", bs[0].First)
			}
			if err := c.Move(ctx, bs[0].First-1, 0); err != nil {
				return nil, err
			}
		case errors.Is(err, parley.ErrEpoch):
			bs, err := w.cfg.Store.Bounds(ctx, c.Channel)
			if err != nil {
				return nil, err
			}
			if _, err := c.Begun(ctx, bs[0].Epoch); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		default:
			return fitting(run.Entries), nil
		}
	}
}

// fitting returns the first entries that fit into one body, at least one.
func fitting(entries []parley.Message) []parley.Message {
	size := 0
	for i := range entries {
		e := &entries[i]
		size += 300 + len(e.Text) + len(e.Data)
		if e.Target != nil {
			size += 300 + len(e.Target.Text) + len(e.Target.Data)
		}
		if size > batchBytes && i > 0 {
			return entries[:i]
		}
	}
	return entries
}

// body encodes one entry by itself, or several together.
func body(channel parley.ChannelID, entries []parley.Message) []byte {
	if len(entries) == 1 {
		return wire.AppendMessage(nil, &entries[0])
	}
	b := append([]byte(`{"type":"entries","data":{"channel":"`), channel...) // the grammar of names needs no escapes
	b = append(b, `","entries":`...)
	b = wire.AppendMessages(b, entries)
	return append(b, "}}"...)
}

// failed records why a channel waits, and returns how long it must wait.
func (w *Webhook) failed(c *worker.Claim[*place], err error) time.Duration {
	if errors.Is(err, worker.ErrLost) {
		w.forget(c.Channel)
		return firstRetry
	}
	if errors.Is(err, context.Canceled) {
		return firstRetry
	}
	wait := delay(c.State.tries)
	var retry *parley.RetryError
	if errors.As(err, &retry) {
		wait = max(wait, min(retry.After, lastRetry))
	}
	c.State.tries++
	c.State.after, c.State.due = c.Position(), w.cfg.Clock().Add(wait)
	w.mu.Lock()
	f := w.failing[c.Channel]
	if f == nil {
		f = &failure{since: w.cfg.Clock()}
		w.failing[c.Channel] = f
	}
	f.tries, f.err = c.State.tries, err.Error()
	w.mu.Unlock()
	if c.State.tries == 1 || c.State.tries%10 == 0 {
		w.cfg.Logger.Warn("a webhook did not accept entries; they are tried again", "webhook", w.cfg.Name, "channel", string(c.Channel),
			"after", c.Position(), "tries", c.State.tries, "error", err)
	}
	return wait
}

func (w *Webhook) recovered(c *worker.Claim[*place]) {
	if c.State.tries == 0 {
		return
	}
	c.State.tries = 0
	w.forget(c.Channel)
}

func (w *Webhook) forget(channel parley.ChannelID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.failing, channel)
}

// delay returns how long to wait after the given number of refused attempts, with jitter.
func delay(tries int) time.Duration {
	d := min(firstRetry<<min(tries, 16), lastRetry)
	return d*3/4 + rand.N(d/2)
}

// Replay delivers the entries after the given one again. after must not exceed the head.
func (w *Webhook) Replay(ctx context.Context, channel parley.ChannelID, after int64) error {
	if !w.wants(channel) {
		return &parley.Error{Code: parley.CodeBadRequest, Channel: channel,
			Detail: fmt.Sprintf("the webhook %s does not follow %s", w.cfg.Name, channel), Hint: "name a channel that its patterns match"}
	}
	return w.channels.Rewind(ctx, channel, after)
}
