package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	client "parley/client/go"
)

// Pipeline publishes over a WebSocket with many messages under way. After a
// broken connection it sends again, in order, what was not acknowledged.
type Pipeline struct {
	Publisher
	Window int // messages under way at a time. Default 16; the server reads no further than 64
}

// Run publishes until stop is closed, and waits for the last acknowledgement.
// ctx ends it at once. Errors: a refusal that trying again can't heal, or ctx's.
func (p *Pipeline) Run(ctx context.Context, stop <-chan struct{}) error {
	if p.Window <= 0 {
		p.Window = 16
	}
	var flight []Stamp // sent and not acknowledged, in order
	last := int64(0)
	for tries := 0; ; tries++ {
		done, err := p.connection(ctx, stop, &flight, &last)
		if done || ctx.Err() != nil {
			return ctx.Err()
		}
		if e, ok := errors.AsType[*client.Error](err); ok && e.Terminal() {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		t := time.NewTimer(time.Duration(min(tries+1, 20)) * 5 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// connection publishes over one socket. done: stop was closed and nothing is
// under way.
func (p *Pipeline) connection(ctx context.Context, stop <-chan struct{}, flight *[]Stamp, last *int64) (done bool, err error) {
	s, err := p.Client.Dial(ctx, p.Channel, client.Cursor{})
	if err != nil {
		return false, err
	}
	defer s.CloseNow()
	for _, f := range *flight {
		if _, err := s.SendDraft(ctx, f.draft()); err != nil {
			return false, err
		}
	}
	for {
		for len(*flight) < p.Window && !closed(stop) {
			p.pace(ctx, stop)
			*last++
			f := Stamp{p.Name, *last}
			*flight = append(*flight, f)
			p.Ledger.Sent(f)
			if _, err := s.SendDraft(ctx, f.draft()); err != nil {
				return false, err
			}
		}
		if len(*flight) == 0 {
			return true, nil
		}
		e, err := s.Receive(ctx)
		if err != nil {
			return false, err
		}
		switch i := index(*flight, e); {
		case i < 0:
		case e.Ack != nil:
			p.Ledger.Acked((*flight)[i], e.Ack.ID)
			*flight = append((*flight)[:i:i], (*flight)[i+1:]...)
		default: // refused for now; its successors may be stored before it
			p.Ledger.Excuse((*flight)[i])
			return false, e.Err
		}
	}
}

// index finds whose answer an event is, or -1.
func index(flight []Stamp, e client.Event) int {
	key := ""
	switch {
	case e.Ack != nil:
		key = e.Ack.Key
	case e.Type == "error" && e.Err != nil:
		key = e.Err.Key
	}
	for i, f := range flight {
		if key != "" && f.Key() == key {
			return i
		}
	}
	return -1
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
