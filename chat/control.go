package chat

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/internal/clock"
)

// controlChannel records changes that take rights away, in the log that all nodes share. No
// client can name it.
const controlChannel parley.ChannelID = "$control"

const (
	// controlEvery is how often the head of $control is read, even without a hint: so a removal
	// takes effect within the second that reliability.md promises.
	controlEvery = 300 * time.Millisecond
	// orderTime limits how long a change may take that a rightsChange announced.
	orderTime = 10 * time.Second
	// controlLate is for how long a node may deliver to members of channels without knowing which
	// rights changes other nodes have written.
	controlLate = time.Second
	// controlBack is how many rights changes before its start a node reads: the last ones may
	// still be in progress.
	controlBack = 64
)

// rightsChange says whose rights shrink. An empty field means all. A change is announced
// before it is made, and the rightsChange is closed after it:
//
//	rightsChange ──▶ the change ──▶ rightsChange with Done ──▶ every node rechecks rights
//	   └──▶ open: every node rechecks with each tick, until Done or for orderTime
//
// So the change and its announcement need not be one step in a store: whatever happens
// between them, no node serves what the store no longer allows for longer than a tick.
type rightsChange struct {
	Channel parley.ChannelID `json:"channel,omitempty"`
	User    parley.UserID    `json:"user,omitempty"`
	Done    int64            `json:"done,omitempty"` // the id of the rights change that it closes
}

// control follows the rights changes of all nodes.
type control struct {
	log  parley.Log
	feed *feed.Feed
	kick chan struct{} // holds a token if there is something new

	asked chan chan error // asks for a read of the head at once; the answer is its error

	// owned by run
	open   map[int64]openOrder // rights changes whose change may be in progress
	cursor parley.Cursor       // the last rights change that was applied
	known  bool                // the cursor is set

	shared bool         // other nodes write rights changes too
	begin  time.Time    // with a monotonic reading, which readAt counts from
	readAt atomic.Int64 // when the last reading up to the head began

	mu        sync.Mutex
	listeners []func(parley.ChannelID, parley.UserID)
}

type openOrder struct {
	rightsChange
	since time.Time
}

func newControl(log parley.Log, f *feed.Feed) *control {
	return &control{log: log, feed: f, kick: make(chan struct{}, 1), asked: make(chan chan error), open: map[int64]openOrder{},
		shared: f.Shared(), begin: time.Now()}
}

// append stores a rights change and returns its id.
func (c *control) append(ctx context.Context, o rightsChange) (id int64, err error) {
	data, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	answer := make(chan parley.Result, 1)
	c.feed.Publish(controlChannel, parley.Draft{User: parley.Guest, Data: data}, func(r parley.Result) {
		c.kicked()
		answer <- r
	})
	select {
	case r := <-answer:
		return r.Message.ID, r.Err
	case <-ctx.Done():
		return 0, parley.ErrUnknown
	}
}

// kicked makes run read the head soon, because there may be something new.
func (c *control) kicked() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// detached returns a context for work that must not end with its caller's connection.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), orderTime)
}

// takeRights makes a change that takes rights away, and has every node apply it. The error is
// the outcome of the change: if the rights change cannot be stored, nothing was changed.
func (s *Service) takeRights(ctx context.Context, o rightsChange, change func(context.Context) error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	id, err := s.control.append(ctx, o)
	if err != nil {
		return err
	}
	err = change(ctx)
	s.obey(o) // even if the outcome is unknown
	if errors.Is(err, parley.ErrUnknown) {
		return err // it stays open: the change may still be made
	}
	o.Done = id
	// If this fails, every node keeps rechecking until the rights change is too old.
	_, _ = s.control.append(ctx, o)
	return err
}

// OnRights calls f after the rights of a user in a channel may have shrunk; "" means all users,
// or all channels. f must not block.
func (s *Service) OnRights(f func(channel parley.ChannelID, user parley.UserID)) {
	s.control.mu.Lock()
	defer s.control.mu.Unlock()
	s.control.listeners = append(s.control.listeners, f)
}

// run applies the rights changes that come after its start: before it, there was no stream that
// they could affect, unless their change is still to be made.
func (c *control) run(ctx context.Context, do func(rightsChange)) {
	tick := clock.NewPulse(controlEvery)
	defer tick.Stop()
	for {
		_ = c.read(ctx, do) // retried with the next tick
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			tick.Again()
			c.recheck(do)
		case <-c.kick:
		case answer := <-c.asked:
			answer <- c.read(ctx, do)
		}
	}
}

// behind reports whether the rights changes of other nodes could not be read for controlLate.
func (c *control) behind() bool {
	return c.shared && time.Since(c.begin)-time.Duration(c.readAt.Load()) > controlLate
}

// read applies the rights changes up to the head.
func (c *control) read(ctx context.Context, do func(rightsChange)) error {
	began := time.Since(c.begin)
	err := c.readOrders(ctx, do)
	if err == nil {
		c.readAt.Store(int64(began))
	}
	return err
}

func (c *control) readOrders(ctx context.Context, do func(rightsChange)) error {
	if !c.known {
		bs, err := c.log.Bounds(ctx, controlChannel)
		if err != nil {
			return err
		}
		c.cursor, c.known = parley.Cursor{ID: max(bs[0].First-1, bs[0].Last-controlBack), Epoch: bs[0].Epoch}, true
	}
	for {
		run, err := c.log.Read(ctx, controlChannel, c.cursor, 1000)
		if errors.Is(err, parley.ErrTrimmed) || errors.Is(err, parley.ErrEpoch) {
			c.known = false
			do(rightsChange{}) // the missed ones may concern anybody
		}
		ms := run.Entries
		if err != nil || len(ms) == 0 {
			return err
		}
		for i := range ms {
			c.follow(&ms[i], do)
		}
		c.cursor.ID += int64(len(ms))
	}
}

// Behind reports whether this node has been unable for a second to read which rights were taken
// away on other nodes. Until it can, streams of channels that are not known to be public receive
// nothing. It does not block.
func (s *Service) Behind() bool { return s.control.behind() }

// KnownPublic reports whether a channel was found to be public and no change of that is known, without reading the store.
func (s *Service) KnownPublic(channel parley.ChannelID) bool {
	_, known := s.known.wasPublic(channel)
	return known
}

// CatchUp returns when this node has applied all rights changes that exist now.
func (s *Service) CatchUp(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case s.control.asked <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow processes one entry of the channel.
func (c *control) follow(m *parley.Message, do func(rightsChange)) {
	var o rightsChange
	switch err := json.Unmarshal(m.Data, &o); {
	case err != nil:
	case o.Done != 0:
		delete(c.open, o.Done)
		do(o)
	default:
		c.open[m.ID] = openOrder{o, time.Now()}
	}
}

// recheck applies the open rights changes again, since their change may have been made by now.
func (c *control) recheck(do func(rightsChange)) {
	for id, o := range c.open {
		if time.Since(o.since) > orderTime+controlEvery {
			delete(c.open, id)
		}
		do(o.rightsChange)
	}
}

// obey applies one rights change.
func (s *Service) obey(o rightsChange) {
	s.known.changed(o)
	if o.User != "" {
		s.watches.Moved(o.User, false) // by another node; this node knows its own changes
	} else if o.Channel != "" {
		s.feed.Hub().Forget(o.Channel) // another node may have removed it
	}
	s.control.mu.Lock()
	listeners := s.control.listeners
	s.control.mu.Unlock()
	for _, f := range listeners {
		f(o.Channel, o.User)
	}
}
