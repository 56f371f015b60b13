package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// Pipeline publishes over a WebSocket with many messages under way. After a broken connection it
// resends, in order, everything that was not acknowledged.
type Pipeline struct {
	Publisher
	Window int // messages under way at a time; default 16. The server reads no more than 64 ahead
}

// Run publishes until stop is closed, and waits for the last acknowledgement. It stops immediately
// when ctx ends. It returns a refusal that retrying cannot fix, or ctx's error.
func (p *Pipeline) Run(ctx context.Context, stop <-chan struct{}) error {
	if p.Window <= 0 {
		p.Window = 16
	}
	var flight []Stamp // sent but not acknowledged, in order
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

// connection publishes over one socket. done reports that stop was closed and nothing is under way.
func (p *Pipeline) connection(ctx context.Context, stop <-chan struct{}, flight *[]Stamp, last *int64) (done bool, err error) {
	s, err := p.Client.Dial(ctx, p.Channel, client.Position{})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.CloseNow()
	for _, f := range *flight {
		if _, err := s.SendDraft(ctx, f.draft()); err != nil {
			return false, err
		}
	}
	answers := make(chan answer, p.Window)
	go receive(ctx, s, answers)
	again := map[Stamp]bool{} // refused
	var refused error         // the first refusal: after it nothing is sent, but answers to messages under way are read
	broken := false
	pace := time.NewTimer(0)
	defer pace.Stop()
	for {
		var due <-chan time.Time
		var ending <-chan struct{}
		if len(*flight) < p.Window && refused == nil && !broken && !closed(stop) {
			due, ending = pace.C, stop
		}
		switch {
		case due == nil && len(*flight) == 0:
			return true, nil
		case refused != nil && len(again) == len(*flight):
			return false, refused
		}
		select {
		case <-ending:
		case <-due:
			*last++
			f := Stamp{p.Name, *last}
			*flight = append(*flight, f)
			p.Ledger.Sent(f)
			if _, err := s.SendDraft(ctx, f.draft()); err != nil {
				broken = true // this also ends receive, after the answers already received
			}
			pace.Reset(p.Pace)
		case a := <-answers:
			if a.err != nil {
				if refused != nil { // other messages may have been refused too
					p.excuse(*flight)
				}
				return false, a.err
			}
			switch i := index(*flight, a.event); {
			case i < 0:
			case a.event.Ack != nil:
				p.Ledger.AckedAt((*flight)[i], a.event.Ack.ID, a.at)
				*flight = append((*flight)[:i:i], (*flight)[i+1:]...)
			default: // refused for now; its successors may be stored before it
				again[(*flight)[i]] = true
				p.excuse((*flight)[i : i+1])
				if refused == nil || terminal(a.event.Err) != nil {
					refused = a.event.Err
				}
			}
		}
	}
}

// answer is an event from a socket with its time, or the reason why no more will follow.
type answer struct {
	event client.Event
	at    time.Time
	err   error
}

// receive passes on events until the socket or ctx ends.
func receive(ctx context.Context, s *client.Socket, answers chan<- answer) {
	for {
		e, err := s.Receive(ctx)
		select {
		case answers <- answer{e, time.Now(), err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *Pipeline) excuse(flight []Stamp) {
	for _, s := range flight {
		p.Ledger.Excuse(s)
	}
}

// index returns the position in flight of the message that an event answers, or -1.
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
