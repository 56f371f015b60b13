package embedded

import (
	"errors"
	"fmt"
	"io"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// build is one batch and its waiting callers. It is owned by the builder, then by the completer.
type build struct {
	log      *Log
	number   uint64
	batch    *pebble.Batch
	requests []*request
	touched  []*head                    // pinned once each
	ends     []record                   // of touched, after this batch
	keys     map[string]*parley.Message // messages stored in this batch, by sender's key
	posted   map[memberRef]pointer      // authors' read pointers after this batch
	failed   error                      // error of applying the batch
}

// newBuild creates a batch of requests. keys must be empty, and is empty again when it returns.
func (l *Log) newBuild(number uint64, requests []*request, keys map[string]*parley.Message) *build {
	defer clear(keys)
	size, reads := 0, false
	for _, r := range requests {
		size += r.size + 64*len(r.drafts)
		reads = reads || r.reads()
	}
	b := &build{log: l, number: number, requests: requests, keys: keys, posted: map[memberRef]pointer{}}
	if reads {
		b.batch = l.db.NewIndexedBatchWithSize(size + 256)
	} else {
		b.batch = l.db.NewBatchWithSize(size + 256)
	}
	for _, r := range requests {
		if r.do != nil {
			r.err = r.do(b)
			continue
		}
		b.append(r)
	}
	b.savePointers()
	b.ends = make([]record, len(b.touched))
	for i, h := range b.touched {
		b.ends[i] = h.next
	}
	return b
}

// head returns a channel's head and keeps it until the batch is complete.
func (b *build) head(ch parley.ChannelID) (*head, error) {
	h, err := b.log.hold(ch)
	if err != nil {
		return nil, err
	}
	if h.batch == b.number {
		b.log.heads.release(h)
		return h, nil
	}
	h.batch = b.number
	b.touched = append(b.touched, h)
	return h, nil
}

// append assigns ids to the drafts of one call.
func (b *build) append(r *request) {
	if err := b.log.refusal(r.anyUrgent()); err != nil {
		r.err = err
		return
	}
	low := b.log.refusal(false)
	h, err := b.head(r.channel)
	if err != nil {
		r.err = fmt.Errorf("%w: %w", parley.ErrUnavailable, err)
		return
	}
	r.results = make([]parley.Result, len(r.drafts))
	for i := range r.drafts {
		if low != nil && !r.urgent(&r.drafts[i]) {
			r.results[i].Err = low
			continue
		}
		res := &r.results[i]
		*res = b.one(h, &r.drafts[i], r.seen)
		if res.Err != nil {
			continue
		}
		res.Epoch = b.log.epoch
		if d := &r.drafts[i]; d.key != nil && d.Change == nil && !res.Duplicate {
			b.keep(d.key, &res.Message)
		}
	}
}

// one stores one draft of a call that looked up its key after batch seen.
func (b *build) one(h *head, d *draft, seen uint64) (r parley.Result) {
	if d.Change != nil {
		return b.change(h, d)
	}
	if d.key != nil {
		first, found, err := b.find(h, d, seen)
		if err != nil {
			return parley.Result{Err: fmt.Errorf("look for the key of a message to %s: %w: %w", h.channel, parley.ErrUnavailable, err)}
		}
		if found {
			return parley.Result{Message: first, Duplicate: true}
		}
	}
	if err := b.reply(h, d); err != nil {
		return parley.Result{Err: err}
	}
	r.Message, r.Facts = b.store(h, d)
	return r
}

// store puts one message at the end of its channel.
func (b *build) store(h *head, d *draft) (m parley.Message, facts []parley.Fact) {
	n := &h.next
	n.last++
	n.count++
	n.time = max(parley.Timestamp(b.log.cfg.Clock().UnixMicro()), n.time+1)
	m = parley.Message{ID: n.last, Channel: h.channel, User: d.User, Name: d.Name, Text: d.Text,
		Data: d.Data, Thread: d.Thread, Key: d.Key, Time: n.time, Count: n.count}

	op := b.batch.SetDeferred(messageKeyLen(h.channel), prefixSize+len(d.body))
	appendMessageKey(op.Key[:0], h.channel, m.ID)
	putPrefix(op.Value, m.Time, m.Count)
	copy(op.Value[prefixSize:], d.body)
	must(op.Finish())
	b.exist(h)
	return m, b.derive(h, d, &m)
}

// exist marks a channel that has an entry as existing.
func (b *build) exist(h *head) {
	if !h.next.exists {
		h.next.exists = true
		b.saveRecord(h)
		if err := b.listed(h); err != nil {
			b.log.cfg.Logger.Error("a channel is not listed", "channel", string(h.channel), "err", err)
		}
	}
}

// get reads a row, including everything in flight if the batch's own writes must be visible to it.
func (b *build) get(key []byte) ([]byte, io.Closer, error) {
	if b.batch.Indexed() {
		b.log.rowsRead.Add(1)
		return b.batch.Get(key)
	}
	return b.log.db.Get(key)
}

// keep remembers the message stored with a key.
func (b *build) keep(key []byte, m *parley.Message) {
	must(b.batch.Set(key, encodeID(m.ID), nil))
	name := string(key)
	b.keys[name] = m
	b.log.recent.add(name, b.number)
}

// find finds the message stored with the same key: in this batch, then in the database, where
// batches in flight are visible. The answer waits for them, since batches complete in order. A key
// that was absent after batch seen is searched for only among the keys stored since.
func (b *build) find(h *head, d *draft, seen uint64) (parley.Message, bool, error) {
	if kept, ok := b.keys[string(d.key)]; ok {
		m := *kept
		if m.ID < h.next.first { // trimmed or removed in this batch
			return parley.Message{}, false, nil
		}
		m.Data = append([]byte(nil), m.Data...)
		if len(m.Data) == 0 {
			m.Data = nil
		}
		return m, true, nil
	}
	if d.absent && !b.log.recent.mayHave(d.key, seen) {
		return parley.Message{}, false, nil
	}
	v, closer, err := b.log.db.Get(d.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return parley.Message{}, false, nil
	}
	if err != nil {
		return parley.Message{}, false, err
	}
	id, err := decodeID(v)
	closer.Close()
	if err != nil || id < h.next.first {
		return parley.Message{}, false, err
	}
	t, err := b.entry(h, id)
	return t.Message, err == nil, err
}

func (b *build) saveRecord(h *head) {
	must(b.batch.Set(headKey(h.channel), h.next.encode(), nil))
}

// must panics if writing to a batch fails, which is impossible, as a batch is in memory.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
