package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// Reader follows one channel up to its End over the given transports.
type Reader struct {
	Client     *client.Client
	Channel    string
	Transports []client.Transport // it starts with the first; with more than one it switches after each problem
	After      *int64             // nil: start at the head
	DropOdds   int                // the reader drops its connection once in DropOdds entries; 0: never
	Rand       *rand.Rand         // for switches and drops
	View       View
}

// Run reads until it has seen the End. It may be called again after ctx has ended; a new connection
// then resumes from its view's cursor.
func (r *Reader) Run(ctx context.Context) error {
	after := r.After
	if r.View.Begun() {
		last := r.View.Last()
		after = &last
	}
	var sub *client.Subscription
	sub = r.Client.Subscribe(r.Channel, client.Options{From: client.Position{After: after}, Transport: r.Transports[0],
		OnTrouble: func(client.Trouble) { sub.Hop(r.pick()) }})
	defer sub.Close()
	for {
		e, err := sub.Next(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", r.View.Name, err)
		}
		switch {
		case e.Welcome != nil && !r.View.Begun():
			from := e.Welcome.Cursor
			if after != nil {
				from = *after
			}
			r.View.Begin(from)
		case e.Reset != nil && e.Reset.Reason == "expired":
			r.View.Reset(e.Reset.After())
		case e.Reset != nil:
			r.View.Renew(e.Reset.After(), time.Now())
		case e.ID > 0:
			entry := EntryOf(e.Message)
			r.View.See(entry)
			if entry.Publisher == End {
				return nil
			}
			if r.DropOdds > 0 && r.Rand.IntN(r.DropOdds) == 0 {
				sub.Hop(r.pick())
			}
		}
	}
}

// pick chooses the next transport: a different one if possible.
func (r *Reader) pick() client.Transport {
	if len(r.Transports) == 1 {
		return r.Transports[0]
	}
	i := 1 + r.Rand.IntN(len(r.Transports)-1)
	r.Transports[0], r.Transports[i] = r.Transports[i], r.Transports[0]
	return r.Transports[0]
}
