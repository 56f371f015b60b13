package load

import (
	"context"
	"fmt"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// Publisher sends stamped messages to one channel, one at a time.
type Publisher struct {
	Name    string
	Client  *client.Client
	Channel string
	Ledger  *Ledger
	Pace    time.Duration // between messages; 0: as fast as they are acknowledged
}

// Run publishes over HTTP until stop is closed, and waits for the last acknowledgement. It stops
// immediately when ctx ends. It returns a refusal, or ctx's error.
func (p *Publisher) Run(ctx context.Context, stop <-chan struct{}) error {
	for n := int64(1); ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := p.publish(ctx, n); err != nil {
			return err
		}
		p.pace(ctx, stop)
	}
}

// pace waits until the next message is due.
func (p *Publisher) pace(ctx context.Context, stop <-chan struct{}) {
	if p.Pace <= 0 {
		return
	}
	t := time.NewTimer(p.Pace)
	defer t.Stop()
	select {
	case <-t.C:
	case <-stop:
	case <-ctx.Done():
	}
}

func (p *Publisher) publish(ctx context.Context, n int64) error {
	s := Stamp{p.Name, n}
	p.Ledger.Sent(s)
	ack, err := p.Client.Publish(ctx, p.Channel, s.draft())
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	p.Ledger.Acked(s, ack.ID)
	return nil
}

// Finish sends the message at which readers stop. All publishers must have ended.
func Finish(ctx context.Context, c *client.Client, channel string, l *Ledger) error {
	p := Publisher{Name: End, Client: c, Channel: channel, Ledger: l}
	return p.publish(ctx, 1)
}

// ReadLog reads all entries that a channel keeps, by short polls.
func ReadLog(ctx context.Context, c *client.Client, channel string) ([]Entry, error) {
	head, err := c.Head(ctx, channel)
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", channel, err)
	}
	s, err := c.Open(ctx, client.Poll, channel, client.At(0))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var log []Entry
	for at := int64(0); at < head.Last; {
		e, err := s.Next(ctx)
		if err != nil {
			return log, fmt.Errorf("read the log of %s after %d: %w", channel, at, err)
		}
		if e.ID > 0 {
			log, at = append(log, EntryOf(e.Message)), e.ID
		}
	}
	return log, nil
}
