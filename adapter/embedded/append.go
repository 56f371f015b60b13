package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// draft is a parley.Draft that has been copied out of its caller's memory.
type draft struct {
	parley.Draft
	body []byte // encoded; Data is a part of it
	key  []byte // under which the id is kept, nil if the draft has no Key
	// absent means that the key was not stored in the batches up to request.seen.
	absent   bool
	mentions []parley.UserID
}

func newDraft(ch parley.ChannelID, d parley.Draft) draft {
	body := appendBody(make([]byte, 0, d.Size()), &d)
	if len(d.Data) == 0 {
		d.Data = nil
	} else {
		end := len(body)
		d.Data = json.RawMessage(body[end-len(d.Data) : end : end])
	}
	out := draft{Draft: d, body: body}
	if d.Key != "" {
		out.key = senderKey(ch, d.User, d.Key)
	}
	if c := d.Change; c != nil && c.Data != nil {
		own := *c
		data := append(json.RawMessage(nil), *c.Data...)
		own.Data, out.Change = &data, &own
	}
	m := parley.Message{Text: out.Text, Data: out.Data}
	out.mentions = m.Mentions()
	return out
}

// Append implements parley.Log. Concurrent callers share a sync.
func (l *Log) Append(ctx context.Context, channel parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	if len(drafts) == 0 {
		return nil
	}
	r := &request{channel: channel, drafts: make([]draft, len(drafts))}
	for i, d := range drafts {
		r.drafts[i] = newDraft(channel, d)
		r.size += len(r.drafts[i].body) + 2*messageKeyLen(channel)
	}
	err := l.look(r)
	if err == nil {
		err = l.submit(ctx, r)
	}
	if err != nil {
		results := make([]parley.Result, len(drafts))
		for i := range results {
			results[i].Err = fmt.Errorf("append to %s: %w", channel, err)
		}
		return results
	}
	return r.results
}

// look looks up the keys of a request before it is queued, since callers have more time than the
// single builder, which then searches only the keys stored since.
func (l *Log) look(r *request) error {
	if err := l.gate.acquire(); err != nil {
		return err
	}
	defer l.gate.release()
	r.seen = l.applied.Load()
	for i := range r.drafts {
		if d := &r.drafts[i]; d.key != nil {
			_, closer, err := l.db.Get(d.key)
			if err == nil {
				closer.Close()
			}
			d.absent = errors.Is(err, pebble.ErrNotFound) // other errors recur in the builder
		}
	}
	return nil
}

// Lookup implements parley.Log.
func (l *Log) Lookup(ctx context.Context, channel parley.ChannelID, user parley.UserID, key string) (parley.Message, bool, error) {
	m, found, err := l.lookup(ctx, channel, user, key)
	if err != nil {
		err = fmt.Errorf("look for the key of a message to %s: %w", channel, err)
	}
	return m, found, err
}

func (l *Log) lookup(ctx context.Context, channel parley.ChannelID, user parley.UserID, key string) (
	m parley.Message, found bool, err error) {
	if err := l.gate.acquire(); err != nil {
		return m, false, err
	}
	defer l.gate.release()
	if err := ctx.Err(); err != nil {
		return m, false, err
	}
	h, err := l.hold(channel)
	if err != nil {
		return m, false, err
	}
	defer l.heads.release(h)
	v, closer, err := l.db.Get(senderKey(channel, user, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	id, err := decodeID(v)
	closer.Close()
	// Entries in flight are above the bounds; trimmed ones, even if trimmed just now, are below.
	if b := h.bounds(); err != nil || id < b.first || id > b.last {
		return m, false, err
	}
	m, err = l.get(h, id)
	if id < h.bounds().first {
		return parley.Message{}, false, nil
	}
	return m, err == nil, err
}

// submit passes a request to the builder and waits. It returns ErrUnknown if ctx ends first.
func (l *Log) submit(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}
	if r.do == nil {
		if err := l.refusal(r.anyUrgent()); err != nil {
			return err
		}
	}
	r.done = make(chan struct{})
	if err := l.queue.put(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	// No caller waits for it any longer: it is dropped unless the builder has taken it.
	r.state.CompareAndSwap(waiting, abandoned)
	return fmt.Errorf("%w: %w", parley.ErrUnknown, context.Cause(ctx))
}
