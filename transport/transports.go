package transport

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
)

// Config of Transports. The zero value works.
type Config struct {
	HeartbeatInterval time.Duration // a client that was silent for so long is pinged; 30 s
	HeartbeatTimeout  time.Duration // and disconnected after so long; 90 s
	MaxFrame          int           // a WebSocket message in bytes; 128 KiB
	Comment           time.Duration // a quiet event stream receives a comment after so long; 20 s

	MaxSubscriptions int           // channels of one WebSocket; 10,000
	Door             Door          // nil: no refusals, and held polls stay in their handlers
	Credentials      Credentials   // nil: no credentials are required, as in development
	Policy           Policy        // nil: AllowAll
	Events           parley.Events // Dropped is called for each stream that the server ends
	// OnRefused is called with each refused frame; may be nil.
	OnRefused   func(c access.Caller, frame string, e *parley.Error)
	Compression bool // permessage-deflate for WebSocket clients that offer it; off, since it costs CPU at both ends
}

// Transports serves all transports.
type Transports struct {
	chat    *chat.Service
	engine  *engine.Engine
	cfg     Config
	started time.Time // milliseconds count from here
	heads   heads

	callers       shared[access.Caller] // without their users; see keep
	epochs        shared[string]
	requests      sync.WaitGroup // in flight; none is added once draining
	rightsChanges atomic.Uint64  // number of rights changes so far

	mu       sync.Mutex
	leaving  chan struct{} // closed when draining begins
	draining bool
	retry    func() time.Duration // set when draining begins
}

// New creates the transports.
func New(c *chat.Service, e *engine.Engine, cfg Config) *Transports {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.HeartbeatInterval, 30*time.Second)
	def(&cfg.HeartbeatTimeout, 90*time.Second)
	def(&cfg.Comment, min(20*time.Second, cfg.HeartbeatTimeout/3)) // so that it reveals a stalled stream
	if cfg.MaxSubscriptions == 0 {
		cfg.MaxSubscriptions = 10_000
	}
	if cfg.Policy == nil {
		cfg.Policy = AllowAll{}
	}
	if cfg.OnRefused == nil {
		cfg.OnRefused = func(access.Caller, string, *parley.Error) {}
	}
	if cfg.MaxFrame == 0 {
		cfg.MaxFrame = 128 << 10
	}
	cfg.Events = cfg.Events.Complete()
	t := &Transports{chat: c, engine: e, cfg: cfg, started: e.Now(), leaving: make(chan struct{})}
	c.OnRights(t.rightsChange)
	e.OnPause(t.resume)
	return t
}

// Streams returns the number of WebSockets, event streams and held polls.
func (t *Transports) Streams() int { return t.engine.Len() }
