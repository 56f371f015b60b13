package chat

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"parley"
	"parley/hub"
)

// controlChannel is where what takes rights away is written down, in the log that all
// nodes share. No client can name it.
const controlChannel parley.ChannelID = "$control"

// controlEvery is how often its head is looked at, beside being told of it: the
// second that reliability.md gives a removal holds without any hint.
const controlEvery = 300 * time.Millisecond

// order says whose rights may have become fewer. An empty field means all.
type order struct {
	Channel parley.ChannelID `json:"channel,omitempty"`
	User    parley.UserID    `json:"user,omitempty"`
}

// control follows the orders of all nodes.
type control struct {
	log  parley.Log
	hub  *hub.Hub
	kick chan struct{} // holds a token if there is something new

	mu        sync.Mutex
	listeners []func(parley.ChannelID, parley.UserID)
}

func newControl(log parley.Log, h *hub.Hub) *control {
	return &control{log: log, hub: h, kick: make(chan struct{}, 1)}
}

// append writes an order down; when it returns nil every node will follow it.
func (c *control) append(ctx context.Context, o order) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	// The change was made; that its maker goes away must not keep the others from it.
	answer := make(chan error, 1)
	c.hub.Publish(controlChannel, parley.Draft{User: parley.Guest, Data: data}, func(r parley.Result) {
		select {
		case c.kick <- struct{}{}:
		default:
		}
		answer <- r.Err
	})
	select {
	case err = <-answer:
		return err
	case <-ctx.Done():
		return parley.ErrUnknown
	}
}

// OnRights calls f after rights of a user in a channel may have become fewer; "" means
// all users, or all channels. f must not block.
func (s *Service) OnRights(f func(channel parley.ChannelID, user parley.UserID)) {
	s.control.mu.Lock()
	defer s.control.mu.Unlock()
	s.control.listeners = append(s.control.listeners, f)
}

// run follows the orders that come after its start: before it, there was no stream
// that they could end.
func (c *control) run(ctx context.Context, do func(order)) {
	tick := time.NewTicker(controlEvery)
	defer tick.Stop()
	cursor, known := parley.Cursor{}, false
	for {
		if !known {
			if bs, err := c.log.Bounds(ctx, controlChannel); err == nil {
				cursor.ID, known = bs[0].Last, true
			}
		}
		for known {
			ms, err := c.log.Read(ctx, controlChannel, cursor, 1000)
			if errors.Is(err, parley.ErrTrimmed) || errors.Is(err, parley.ErrEpoch) {
				known = false
				do(order{}) // what was missed may be about anybody
			}
			if err != nil || len(ms) == 0 {
				break
			}
			for i := range ms {
				var o order
				if json.Unmarshal(ms[i].Data, &o) == nil {
					do(o)
				}
			}
			cursor.ID += int64(len(ms))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.kick:
		}
	}
}

// obey follows one order.
func (s *Service) obey(o order) {
	s.known.generation.Add(1)
	if o.User != "" {
		s.membersChanged(o.User, false) // by another node; of its own it knows
	}
	s.control.mu.Lock()
	listeners := s.control.listeners
	s.control.mu.Unlock()
	for _, f := range listeners {
		f(o.Channel, o.User)
	}
}
