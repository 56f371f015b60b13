package webhook

import (
	"context"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/worker"
)

// State is the state of a webhook.
type State struct {
	Name      string           `json:"name"`
	State     string           `json:"state"`     // "ok", or "failing": a channel waits for the endpoint
	Delivered int64            `json:"delivered"` // entries delivered by this node since it started
	Last      parley.Timestamp `json:"last,omitempty"`
	LastError string           `json:"last_error,omitempty"`
	Cursors   []Cursor         `json:"cursors"`
	Truncated bool             `json:"truncated,omitempty"` // there are more channels
}

// Cursor is the delivery position in one channel.
type Cursor struct {
	Channel parley.ChannelID `json:"channel"`
	Cursor  int64            `json:"cursor"`
	LastID  int64            `json:"last_id"`
	Tries   int              `json:"tries,omitempty"` // refused attempts in a row, on this node
	Error   string           `json:"error,omitempty"`
}

// State describes the webhook with at most limit channels.
func (w *Webhook) State(ctx context.Context, limit int) (State, error) {
	s := State{Name: w.cfg.Name, State: "ok", Cursors: []Cursor{}}
	positions, more, err := worker.Positions(ctx, w.cfg.Store, w.group(), limit)
	if err != nil {
		return s, err
	}
	channels := make([]parley.ChannelID, len(positions))
	for i := range positions {
		channels[i] = positions[i].Channel
	}
	var bs []parley.Bounds
	if len(channels) > 0 {
		if bs, err = w.cfg.Store.Bounds(ctx, channels...); err != nil {
			return s, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Delivered, s.Last, s.Truncated = w.sent, w.last, more
	var newest *failure
	for _, f := range w.failing {
		if s.State = "failing"; newest == nil || f.since.After(newest.since) {
			newest, s.LastError = f, f.err
		}
	}
	for i, p := range positions {
		c := Cursor{Channel: p.Channel, Cursor: p.Position, LastID: bs[i].Last}
		if f := w.failing[p.Channel]; f != nil {
			c.Tries, c.Error = f.tries, f.err
		}
		s.Cursors = append(s.Cursors, c)
	}
	return s, nil
}
