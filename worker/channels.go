package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// Config configures Channels.
type Config[S any] struct {
	Name  string // name of the work; a prefix of its groups of rows
	Table parley.Table
	Log   parley.Log // only read
	Node  string     // this run of the node

	Alive func(node string) bool                       // reports whether another node may be running; nil: there are none
	Note  func(channel parley.ChannelID) error         // notes a channel in this node's outbox, durably; nil: there is no outbox
	Watch func(channel parley.ChannelID, watched bool) // enables calls of Grown for other nodes' appends; nil: there are no other nodes
	Wants func(channel parley.ChannelID) bool          // reports whether a channel can have work at all; nil: all channels that clients see
	// Begin returns the position at which the work starts in a channel without a row.
	Begin func(ctx context.Context, channel parley.ChannelID) (position int64, err error)

	// Work does what is due in a channel, one call per channel at a time, and returns the delay after which it must
	// be called again; negative: when the channel has grown, or Wake was called.
	Work    func(ctx context.Context, c *Claim[S]) (again time.Duration)
	Workers int              // calls of Work at a time; 16
	Idle    time.Duration    // a channel without work is released after this time; 10 s
	Clock   func() time.Time // time.Now
}

// ErrLost means that another node has taken the channel.
var ErrLost = errors.New("another node has taken the channel")

// Claim is a channel that this node works on. Only Work may call its methods, unless stated otherwise.
type Claim[S any] struct {
	Channel parley.ChannelID
	State   S // owned by the work, initially zero

	channels *Channels[S]
	record   record
	row      []byte // the stored record

	// guarded by channels.mu
	at    status
	again bool          // the channel has changed since Work was called
	idle  bool          // it waits for its release
	due   time.Time     // due time while it waits
	index int           // in the heap of waiting claims
	gone  chan struct{} // closed when it is taken, or released; nil: neither is in progress
	lost  bool
}

type status uint8

const (
	waiting status = iota // until due, or indefinitely
	ready
	working
)

// record is a channel's row.
type record struct {
	Node     string           `json:"node,omitempty"` // "": no node works on the channel
	Position int64            `json:"position"`       // the work is done up to this entry
	Time     parley.Timestamp `json:"time,omitempty"` // of that entry
	Epoch    string           `json:"epoch,omitempty"`
}

// rowVersion is the first byte of each row.
const rowVersion = 1

func (r record) encode() []byte {
	b, _ := json.Marshal(r) // cannot fail
	return append([]byte{rowVersion}, b...)
}

func decodeRecord(row []byte) (r record, err error) {
	if len(row) == 0 || row[0] != rowVersion {
		return r, errors.New("the row of the channel has a form that this version does not know")
	}
	return r, json.Unmarshal(row[1:], &r)
}

// Channels are the channels that this node works on. All methods may be called concurrently.
type Channels[S any] struct {
	cfg Config[S] // fixed

	mu     sync.Mutex
	claims map[parley.ChannelID]*Claim[S]
	ready  []*Claim[S]
	waits  waits[S]
	more   sync.Cond
	timer  chan struct{} // holds a token if the first of waits has changed
	closed bool
}

// New creates Channels that work on no channel yet.
func New[S any](cfg Config[S]) *Channels[S] {
	if cfg.Alive == nil {
		cfg.Alive = func(string) bool { return false }
	}
	if cfg.Note == nil {
		cfg.Note = func(parley.ChannelID) error { return nil }
	}
	if cfg.Watch == nil {
		cfg.Watch = func(parley.ChannelID, bool) {}
	}
	if cfg.Wants == nil {
		cfg.Wants = func(channel parley.ChannelID) bool { return !channel.Internal() && channel[0] != '@' }
	}
	if cfg.Workers == 0 {
		cfg.Workers = 16 // they mostly wait for the store and for other servers
	}
	if cfg.Idle == 0 {
		cfg.Idle = 10 * time.Second // so that a channel with occasional messages is not taken for each
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	c := &Channels[S]{cfg: cfg, claims: map[parley.ChannelID]*Claim[S]{}, timer: make(chan struct{}, 1)}
	c.more.L = &c.mu
	return c
}

// groups is the number of groups that hold the rows, so that none grows without limit.
const groups = 256

func (c *Channels[S]) group(channel parley.ChannelID) string {
	return Group(c.cfg.Name, string(channel), groups)
}

// Group returns the group of rows that contains a key, one of count groups with a common name.
func Group(name, key string, count uint32) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return groupName(name, h.Sum32()%count)
}

func groupName(name string, n uint32) string { return fmt.Sprintf("%s/%02x", name, n) }

// Busy reports whether this node works on a channel.
func (c *Channels[S]) Busy(channel parley.ChannelID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims[channel] != nil
}

// Grown is called when a channel has new entries. It does not block.
func (c *Channels[S]) Grown(channel parley.ChannelID) { c.Wake(channel) }

// Wake makes Work be called soon, if this node works on the channel. It does not block.
func (c *Channels[S]) Wake(channel parley.ChannelID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cl := c.claims[channel]; cl != nil {
		c.wakeLocked(cl)
	}
}

// Take returns once this node, or another live one, works on a channel. It is called after entries were stored, by the
// node that stored them or by one that has found them.
func (c *Channels[S]) Take(ctx context.Context, channel parley.ChannelID) error {
	if !c.cfg.Wants(channel) {
		return nil
	}
	for {
		c.mu.Lock()
		cl := c.claims[channel]
		switch {
		case cl == nil:
			cl = &Claim[S]{Channel: channel, channels: c, index: -1, at: working, gone: make(chan struct{})}
			c.claims[channel] = cl
			c.mu.Unlock()
			if done, err := c.take(ctx, cl); done || err != nil {
				return err
			}
		case cl.gone == nil:
			c.wakeLocked(cl)
			c.mu.Unlock()
			return nil
		default: // it is being taken or released
			gone := cl.gone
			c.mu.Unlock()
			select {
			case <-gone:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// take tries once to take a channel. done reports whether a node works on it.
func (c *Channels[S]) take(ctx context.Context, cl *Claim[S]) (done bool, err error) {
	taken := false
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(cl.gone)
		cl.gone = nil
		if taken {
			cl.at = waiting
			c.wakeLocked(cl)
		} else {
			cl.lost = true
			delete(c.claims, cl.Channel)
		}
	}()
	if taken, done, err = c.tryTake(ctx, cl); err != nil {
		err = fmt.Errorf("take %s for %s: %w", cl.Channel, c.cfg.Name, err)
	}
	if taken {
		c.cfg.Watch(cl.Channel, true)
	}
	return taken || done, err
}

// tryTake writes this node into a channel's row, unless the row names another live node.
func (c *Channels[S]) tryTake(ctx context.Context, cl *Claim[S]) (taken, done bool, err error) {
	rows, err := c.cfg.Table.Get(ctx, c.group(cl.Channel), string(cl.Channel))
	if err != nil {
		return false, false, err
	}
	var is record
	if rows[0] == nil {
		is.Position, err = c.cfg.Begin(ctx, cl.Channel)
	} else {
		is, err = decodeRecord(rows[0])
	}
	if err != nil {
		return false, false, err
	}
	if is.Node != "" && is.Node != c.cfg.Node && c.cfg.Alive(is.Node) {
		return false, true, nil
	}
	head := int64(0)
	if is, head, err = c.inEpoch(ctx, cl.Channel, is); err != nil || is.Position >= head {
		return false, err == nil, err // without an error: nothing to do
	}
	if err := c.cfg.Note(cl.Channel); err != nil {
		return false, false, err
	}
	cl.row = rows[0]
	is.Node = c.cfg.Node
	if err = cl.store(ctx, is); errors.Is(err, ErrLost) {
		return false, false, nil // look again
	}
	return err == nil, false, err
}

// inEpoch moves a position from another epoch to the last entry that is not later in time, since ids after the
// surviving entries now identify other entries. head is the channel's last entry.
func (c *Channels[S]) inEpoch(ctx context.Context, channel parley.ChannelID, r record) (_ record, head int64, err error) {
	bs, err := c.cfg.Log.Bounds(ctx, channel)
	if err != nil {
		return r, 0, err
	}
	if r.Epoch != "" && r.Epoch != bs[0].Epoch {
		at, err := parley.SeekTime(ctx, c.cfg.Log, channel, r.Time)
		if err != nil {
			return r, 0, err
		}
		r.Position = min(r.Position, at.ID)
	}
	r.Position, r.Epoch = min(r.Position, bs[0].Last), bs[0].Epoch
	return r, bs[0].Last, nil
}

// Position returns the entry up to which the work is done.
func (cl *Claim[S]) Position() int64 { return cl.record.Position }

// Epoch returns the epoch of the position.
func (cl *Claim[S]) Epoch() string { return cl.record.Epoch }

// Move stores how far the work is done. ErrLost means that another node has taken the channel, and this one must stop.
func (cl *Claim[S]) Move(ctx context.Context, position int64, at parley.Timestamp) error {
	next := cl.record
	next.Position, next.Time = position, at
	return cl.store(ctx, next)
}

// Begun reports whether the log has begun another epoch; if so, it moves the position into it.
func (cl *Claim[S]) Begun(ctx context.Context, epoch string) (begun bool, err error) {
	if epoch == cl.record.Epoch {
		return false, nil
	}
	next, _, err := cl.channels.inEpoch(ctx, cl.Channel, cl.record)
	if err != nil {
		return false, err
	}
	return true, cl.store(ctx, next)
}

// store swaps the row. It resolves an unknown outcome by reading the row.
func (cl *Claim[S]) store(ctx context.Context, next record) error {
	table, group, row := cl.channels.cfg.Table, cl.channels.group(cl.Channel), next.encode()
	swapped, err := table.Swap(ctx, group, cl.row, parley.Row{Key: string(cl.Channel), Value: row})
	if err != nil && !errors.Is(err, parley.ErrUnknown) {
		return err
	}
	if err != nil || !swapped {
		rows, get := table.Get(ctx, group, string(cl.Channel))
		switch {
		case get != nil:
			return errors.Join(err, get)
		case bytes.Equal(rows[0], row):
		case err != nil && bytes.Equal(rows[0], cl.row):
			return err // the next call retries
		default:
			cl.channels.drop(cl)
			return ErrLost
		}
	}
	cl.record, cl.row = next, row
	return nil
}

// drop removes a channel that another node has taken.
func (c *Channels[S]) drop(cl *Claim[S]) {
	c.mu.Lock()
	taking := cl.record == (record{})
	if !taking {
		delete(c.claims, cl.Channel)
		c.waits.remove(cl)
	}
	cl.lost = true
	c.mu.Unlock()
	if !taking {
		c.cfg.Watch(cl.Channel, false)
	}
}

// Since returns the time at which a work started in this store, and stores now as that time if there is none.
func Since(ctx context.Context, table parley.Table, group, key string, now time.Time) (parley.Timestamp, error) {
	for {
		rows, err := table.Get(ctx, group, key)
		if err != nil {
			return 0, fmt.Errorf("read when %s began: %w", group, err)
		}
		if row := rows[0]; row != nil {
			var since parley.Timestamp
			if row[0] != rowVersion || json.Unmarshal(row[1:], &since) != nil {
				return 0, fmt.Errorf("read when %s began: the row has a form that this version does not know", group)
			}
			return since, nil
		}
		value, err := json.Marshal(parley.Timestamp(now.UnixMicro()))
		if err != nil {
			return 0, err
		}
		_, err = table.Swap(ctx, group, nil, parley.Row{Key: key, Value: append([]byte{rowVersion}, value...)})
		if err != nil && !errors.Is(err, parley.ErrUnknown) {
			return 0, fmt.Errorf("note that %s begins: %w", group, err)
		}
	}
}
