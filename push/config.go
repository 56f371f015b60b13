package push

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/worker"
)

// Store is what a Pusher reads.
type Store interface {
	parley.Log
	parley.Roster
	parley.Index
	parley.Directory
	parley.Table
}

// Devices holds the devices on which users receive notifications.
type Devices interface {
	Devices(ctx context.Context, user parley.UserID) ([]parley.Device, error)
	// RemoveDevice removes a device that no longer accepts notifications.
	RemoveDevice(ctx context.Context, d parley.Device) error
	// MarkFailed records when an attempt was refused; 0: the last one succeeded.
	MarkFailed(ctx context.Context, d parley.Device, at parley.Timestamp) error
}

// Target is a platform and one of the operator's apps there.
type Target struct {
	Platform parley.Platform
	App      string
}

// DefaultApp is the app of devices that name none.
const DefaultApp = "default"

// Webhook is the target for every user, whatever devices the user has.
var Webhook = Target{Platform: "webhook"}

// Config of a Pusher.
type Config struct {
	Store     Store
	Devices   Devices
	Notifiers map[Target]parley.Notifier
	Delay     time.Duration // from a message to its notification; 2 s
	Window    time.Duration // between two notifications of a channel to a user; 10 s
	Node      string        // this run of the node

	// Visible reports for each user whether a connection on some node shows messages to the
	// user.
	Visible func(ctx context.Context, users ...parley.UserID) ([]bool, error)
	// Settle waits until this node's appends are reflected in members' pointers and counts; nil: they always are.
	Settle func(ctx context.Context, channels ...parley.ChannelID)

	Alive func(node string) bool // as in worker.Config, like the following
	Note  func(channel parley.ChannelID) error
	Watch func(channel parley.ChannelID, watched bool)

	OnDecision func(platform string, decision string) // counts; must not block
	Logger     *slog.Logger
	Clock      func() time.Time
}

func (cfg *Config) defaults() {
	if cfg.Delay == 0 {
		cfg.Delay = 2 * time.Second
	}
	if cfg.Window == 0 {
		cfg.Window = 10 * time.Second
	}
	if cfg.Settle == nil {
		cfg.Settle = func(context.Context, ...parley.ChannelID) {}
	}
	if cfg.OnDecision == nil {
		cfg.OnDecision = func(string, string) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
}

// Pusher sends push notifications. All methods may be called concurrently.
type Pusher struct {
	cfg       Config // fixed
	channels  *worker.Channels[*room]
	breakers  breakers
	senders   chan struct{} // holds a token for each member to whom a notification is being sent
	readers   chan struct{} // of these, for each whose messages and devices are being read
	badges    *badges
	decisions ring

	begun time.Time // when this node began

	mu    sync.Mutex
	since parley.Timestamp           // when push began in this store; 0: not known yet
	off   map[parley.UserID]struct{} // users for whom the webhook has answered 410
}

// senders is how many notifications wait for a provider at a time, each some tens of milliseconds. The work before that
// uses this machine's processors, of which publishers must keep their share: only half of them do it at once.
const senders = 256

// New creates a Pusher. It works once it has been passed to feed.Feed's AddWork.
func New(cfg Config) *Pusher {
	cfg.defaults()
	p := &Pusher{cfg: cfg, begun: cfg.Clock(), breakers: breakers{all: map[service]*breaker{}}, senders: make(chan struct{}, senders),
		readers: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), off: map[parley.UserID]struct{}{}}
	p.badges = newBadges(p)
	p.channels = worker.New(worker.Config[*room]{Name: "push", Table: cfg.Store, Log: cfg.Store, Node: cfg.Node, Alive: cfg.Alive,
		Note: cfg.Note, Watch: cfg.Watch, Begin: p.begin, Work: p.work, Workers: 32, Clock: cfg.Clock})
	return p
}

// Take implements feed.Work.
func (p *Pusher) Take(ctx context.Context, channel parley.ChannelID) error {
	return p.channels.Take(ctx, channel)
}

// Grown implements feed.Work.
func (p *Pusher) Grown(channel parley.ChannelID) { p.channels.Grown(channel) }

// Busy implements feed.Work.
func (p *Pusher) Busy(channel parley.ChannelID) bool { return p.channels.Busy(channel) }

// Run sends until ctx ends.
func (p *Pusher) Run(ctx context.Context) error {
	var badges sync.WaitGroup
	badges.Go(func() { p.badges.run(ctx) })
	defer badges.Wait()
	return p.channels.Run(ctx)
}

// sinceKey is the row that says when push began in this store.
const (
	metaGroup = "push"
	sinceKey  = "since"
)

// begin returns the position in a channel without pushes so far: messages from before push was turned on concern no
// member.
func (p *Pusher) begin(ctx context.Context, channel parley.ChannelID) (int64, error) {
	since, err := p.sinceWhen(ctx)
	if err != nil {
		return 0, err
	}
	c, err := parley.SeekTime(ctx, p.cfg.Store, channel, since)
	return c.ID, err
}

func (p *Pusher) sinceWhen(ctx context.Context) (parley.Timestamp, error) {
	p.mu.Lock()
	since := p.since
	p.mu.Unlock()
	if since != 0 {
		return since, nil
	}
	since, err := worker.Since(ctx, p.cfg.Store, metaGroup, sinceKey, p.begun)
	if err == nil {
		p.mu.Lock()
		p.since = since
		p.mu.Unlock()
	}
	return since, err
}

// collapse names the notification that a later one replaces: the same for one channel and user.
func collapse(channel parley.ChannelID, user parley.UserID) string {
	sum := sha256.Sum256([]byte(string(channel) + "\x00" + string(user)))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}
