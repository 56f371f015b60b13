// Package ingest publishes the records that other systems put into a topic, each once, and stores its position in each
// partition. It reads no topic itself: that is a parley.Intake.
package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/internal/backoff"
	"github.com/parley-server/parley/wire"
)

// Publisher is chat.Service.
type Publisher interface {
	PostAll(ctx context.Context, items []chat.Item) []parley.Result
}

// Ingest implements parley.IntakeHandler.
type Ingest struct {
	store  parley.Directory
	chat   Publisher
	logger *slog.Logger
	events parley.Events
}

var _ parley.IntakeHandler = (*Ingest)(nil)

// New creates an Ingest. No function of events may be nil.
func New(store parley.Directory, to Publisher, logger *slog.Logger, events parley.Events) *Ingest {
	return &Ingest{store: store, chat: to, logger: logger, events: events}
}

// caller acts as any user, like a back end with an API key.
var caller = access.Caller{User: parley.Guest, As: &access.Credentials{Any: true, Service: true}}

// The position is stored as the data of a channel that no client can name. The channel has no
// entries.
type position struct {
	Next int64 `json:"next"`
}

// place names a partition in few enough bytes to leave room for an offset in a key.
func place(topic string, partition int32) string {
	const most = parley.MaxKey - len("/2147483647/9223372036854775807")
	if len(topic) > most {
		sum := sha256.Sum256([]byte(topic))
		topic = hex.EncodeToString(sum[:16])
	}
	return fmt.Sprintf("%s/%d", topic, partition)
}

// positionOf returns the channel that stores the position of a partition.
func positionOf(topic string, partition int32) parley.ChannelID {
	return parley.ChannelID("$ingest/" + place(topic, partition))
}

// From implements parley.IntakeHandler.
func (i *Ingest) From(ctx context.Context, topic string, partition int32) (offset int64, known bool, err error) {
	all, err := i.store.Settings(ctx, positionOf(topic, partition))
	if err != nil {
		return 0, false, fmt.Errorf("read the position in %s/%d: %w", topic, partition, err)
	}
	if len(all) == 0 || len(all[0].Data) == 0 {
		return 0, false, nil
	}
	var p position
	if err := json.Unmarshal(all[0].Data, &p); err != nil {
		return 0, false, fmt.Errorf("read the position in %s/%d: %w", topic, partition, err)
	}
	return p.Next, true, nil
}

// Take implements parley.IntakeHandler. It publishes each record with its place as the idempotency key, so a record that is
// read again is stored once; only then it moves the position. While the store is unavailable it retries.
func (i *Ingest) Take(ctx context.Context, records []parley.Record) error {
	waiting := make([]chat.Item, 0, len(records))
	from := make([]*parley.Record, 0, len(records))
	for n := range records {
		r := &records[n]
		if it := item(r); it.Err != nil {
			i.skip(r, it.Err)
		} else {
			waiting, from = append(waiting, it), append(from, r)
		}
	}
	for try := 0; len(waiting) > 0; try++ {
		if try > 0 && !backoff.Wait(ctx, try-1) {
			return ctx.Err()
		}
		results := i.chat.PostAll(ctx, waiting)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var again []chat.Item
		var againFrom []*parley.Record
		for n, res := range results {
			switch {
			case res.Err == nil && res.Duplicate:
				i.events.Ingested("repeated")
			case res.Err == nil:
				i.events.Ingested("stored")
			case temporary(res.Err):
				i.logger.Warn("records of the topic cannot be stored now; they are tried again", "topic", from[n].Topic, "error", res.Err)
				again, againFrom = append(again, item(from[n])), append(againFrom, from[n])
			default:
				i.skip(from[n], res.Err)
			}
		}
		waiting, from = again, againFrom
	}
	return i.move(ctx, &records[len(records)-1])
}

// move stores the position after a record.
func (i *Ingest) move(ctx context.Context, last *parley.Record) error {
	for try := 0; ; try++ {
		_, _, err := i.store.SetChannel(ctx, positionOf(last.Topic, last.Partition), func(s *parley.Settings) (err error) {
			var p position
			if len(s.Data) > 0 {
				if err := json.Unmarshal(s.Data, &p); err != nil {
					return err
				}
			}
			p.Next = max(p.Next, last.Offset+1)
			s.Data, err = json.Marshal(p)
			return err
		})
		if err == nil {
			return nil
		}
		i.logger.Warn("the position in the topic cannot be kept now; it is tried again", "topic", last.Topic, "error", err)
		if !backoff.Wait(ctx, try) {
			return ctx.Err()
		}
	}
}

// skip reports a record that can never be published.
func (i *Ingest) skip(r *parley.Record, err error) {
	e := parley.AsError(err)
	i.events.Ingested("skipped")
	i.logger.Warn("a record of the topic is not a message and is skipped", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset,
		"code", string(e.Code), "detail", e.Detail)
}

// item checks a record.
func item(r *parley.Record) (it chat.Item) {
	var post wire.Post
	if it.Err = wire.Unmarshal(r.Value, &post); it.Err != nil {
		return it
	}
	if r.Key != "" {
		post.Channel = r.Key
	}
	post.Key = fmt.Sprintf("%s/%d", place(r.Topic, r.Partition), r.Offset)
	it.Caller = caller
	if !wire.Absent(post.User) {
		if it.Caller.User, it.Err = parley.ParseUser(post.User); it.Err != nil {
			return it
		}
	}
	if it.Channel, it.Err = parley.ParseChannel(post.Channel); it.Err != nil {
		return it
	}
	it.Draft, it.Err = post.Draft()
	return it
}

// temporary reports whether a refusal may pass.
func temporary(err error) bool {
	switch parley.AsError(err).Code {
	case parley.CodeUnavailable, parley.CodeOverloaded, parley.CodeRateLimited, parley.CodeDraining:
		return true
	}
	return false
}
