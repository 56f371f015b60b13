package redis

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

const (
	maxBatch    = 100       // drafts of one channel that are stored together
	maxBytes    = 256 << 10 // of them
	maxTogether = 128       // channels of one call
	lanes       = 2         // calls in flight at a time
)

// appends are the waiting batches. While calls are in flight the batches of all channels collect, and the next call takes
// them: on one server a script may use all slots. On a Cluster each batch is a call of its own.
type appends struct {
	alone bool // a Cluster: fixed

	mu      sync.Mutex
	waiting []*batch
	busy    int // calls under way
}

// batch is drafts of a channel that are stored in one step.
type batch struct {
	channel parley.ChannelID
	args    []string // of lua/append.lua
	size    int      // of them, in bytes

	// set before done has a token
	done  chan struct{} // holds one
	text  string        // the answer
	epoch string
	err   error
}

// signals are channels for one token, without a token.
var signals = sync.Pool{New: func() any { return make(chan struct{}, 1) }}

// put queues a batch.
func (s *Store) put(b *batch) {
	a := &s.appends
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, b)
	if a.busy < lanes || a.alone {
		a.busy++
		go s.appendWaiting()
	}
}

// next returns the batches of the next call, or nil: then the lane ends.
func (a *appends) next() []*batch {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, size := 0, 0
	for n < len(a.waiting) && n < maxTogether && size < maxBytes && (n == 0 || !a.alone) {
		size += a.waiting[n].size
		n++
	}
	if n == 0 {
		a.busy--
		a.waiting = nil
		return nil
	}
	some := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	return some
}

func (s *Store) appendWaiting() {
	for some := s.appends.next(); some != nil; some = s.appends.next() {
		s.appendTogether(some)
	}
}

// appendTogether stores batches of several channels in one call.
func (s *Store) appendTogether(some []*batch) {
	c := call{script: appendScript, keys: make([]string, 0, 2*len(some)), waits: true}
	n := 1
	for _, b := range some {
		c.keys = append(c.keys, s.keysOf(b.channel)...)
		n += len(b.args)
	}
	c.args = append(make([]string, 0, n+3), s.node)
	if s.appends.alone {
		c.args = append(c.args, "", "", "")
	} else {
		c.args = append(c.args, s.allChannels(), s.userLists(), s.outbox())
	}
	for _, b := range some {
		c.args = append(c.args, b.args...)
	}
	m, epoch, err := s.resend(context.Background(), c)
	var answers []rueidis.RedisMessage
	if err == nil {
		if answers, err = m.ToArray(); err == nil && len(answers) != len(some) {
			err = errAnswer
		}
		if err != nil {
			err = fmt.Errorf("%w: %w", parley.ErrUnknown, err)
		}
	}
	for i, b := range some {
		if b.epoch, b.err = epoch, err; err == nil {
			if b.text, err = answers[i].ToString(); err != nil {
				b.err = fmt.Errorf("%w: %w", parley.ErrUnknown, err)
				err = nil
			}
		}
		s.turns.give(b.channel)
		b.done <- struct{}{}
	}
}

// appendMessages stores messages in one batch, with a note of the channel for the node notes, if it is not empty. With an error
// the results do not count.
func (s *Store) appendMessages(
	ctx context.Context, notes string, channel parley.ChannelID, drafts []parley.Draft, results []parley.Result,
) error {
	b := &batch{channel: channel, done: signals.Get().(chan struct{})}
	if err := s.turns.take(ctx, channel); err != nil {
		return fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}
	keep := s.keeps(channel)
	head := append(make([]byte, 0, 4*8+1+len(channel)+1+len(notes)), s.nextNumber()...)
	for _, n := range []int64{keep.Messages, keep.Seconds, int64(len(drafts))} {
		head = appendNumber(head, n)
	}
	head = append(append(head, flag(findable(channel))...), channel...)
	if notes != "" {
		head = append(append(head, 0), notes...)
	}
	b.args = append(make([]string, 0, 1+4*len(drafts)), rueidis.BinaryString(head))
	for i := range drafts {
		d := &drafts[i]
		m := &results[i].Message
		*m = parley.Message{User: d.User, Name: d.Name, Text: d.Text, Join: d.Join}
		if len(d.Data) > 0 {
			m.Data = bytes.Clone(d.Data)
		}
		key := senderKey(d.User, d.Key)
		entry := draftOf(m, d.Thread, key)
		m.Thread, m.Key = d.Thread, d.Key
		b.args = append(b.args, key, whoPosts(m), entry, moreOf(m))
		b.size += len(entry) + len(key) + len(d.User) + 64
	}
	s.put(b)
	select {
	case <-b.done:
		signals.Put(b.done)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", parley.ErrUnknown, context.Cause(ctx))
	}
	if b.err != nil {
		return b.err
	}
	a, err := answerOf(b.text)
	if err != nil {
		return fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}
	return s.complete(ctx, b, &a, results)
}

// whoPosts encodes the author of a message for lua/append.lua.
func whoPosts(m *parley.Message) string {
	switch {
	case m.User == parley.Guest:
		return ""
	case m.Join:
		return "\x01" + string(m.User)
	default:
		return "p" + string(m.User)
	}
}

// moreOf encodes what else is derived from a message for lua/append.lua.
func moreOf(m *parley.Message) string {
	names := namesIn(m)
	switch {
	case m.Thread != 0:
		return "r" + names
	case names != "":
		return "-" + names
	default:
		return ""
	}
}

// namesIn returns the names that a message mentions.
func namesIn(m *parley.Message) string {
	var b strings.Builder
	for _, u := range m.Mentions() {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(u))
	}
	return b.String()
}

// mentioned returns the facts of an entry: users whom a message mentions now and did not
// before.
func mentioned(m *parley.Message, had []parley.UserID, id int64) (facts []parley.Fact) {
	for _, u := range m.Mentions() {
		if u != m.User && !slices.Contains(had, u) {
			facts = append(facts, parley.Fact{Kind: parley.FactMentioned, User: u, ID: id})
		}
	}
	return facts
}

// complete sets the results of a batch that was stored.
func (s *Store) complete(ctx context.Context, b *batch, a *answer, results []parley.Result) error {
	exceptions := a.exceptions
	var again []int
	var ids []int64
	left, noted := int64(0), false // how many were stored
	for i := range results {
		m := &results[i].Message
		stored := true
		for ; len(exceptions) > 0 && exceptions[0].draft == i; exceptions = exceptions[1:] {
			switch e := exceptions[0]; e.status {
			case excDuplicate:
				again, ids = append(again, i), append(ids, e.value)
				stored = false
			case excNoThread:
				results[i] = parley.Result{Err: fmt.Errorf("reply in %s: %w", b.channel, parley.ErrNoThread)}
				stored = false
			case excThread:
				m.Thread = e.value
			case excJoined:
				results[i].Facts = []parley.Fact{{Kind: parley.FactJoined, User: m.User}}
			case excNoted:
				noted = true
			}
		}
		if stored {
			m.Channel = b.channel
			left++
		}
	}
	if len(exceptions) > 0 {
		return fmt.Errorf("%w: %w", parley.ErrUnknown, errAnswer)
	}
	derived := !noted || s.listed(ctx, b.channel)
	for i := range results {
		r := &results[i]
		if r.Message.Channel == "" {
			continue
		}
		left--
		r.Message.ID, r.Message.Time, r.Message.Count = a.last-left, a.time-parley.Timestamp(left), a.count-left
		r.Epoch, r.Derived = b.epoch, derived
		for k := range r.Facts {
			r.Facts[k].ID = r.Message.ID
		}
		r.Facts = append(r.Facts, mentioned(&r.Message, nil, r.Message.ID)...)
	}
	return s.duplicates(ctx, b.channel, ids, results, again)
}

// listedWithin limits how long an append waits for lists in other slots.
const listedWithin = time.Second

// listed updates lists in other slots after an append, and reports whether that succeeded.
func (s *Store) listed(ctx context.Context, channel parley.ChannelID) bool {
	ctx, cancel := context.WithTimeout(ctx, listedWithin)
	defer cancel()
	return s.settle(ctx, channel) == nil
}

// duplicates sets the messages of results that were stored before. If one cannot be read its outcome is
// unknown.
func (s *Store) duplicates(ctx context.Context, channel parley.ChannelID, ids []int64, results []parley.Result, which []int) error {
	if len(which) == 0 {
		return nil
	}
	found, epoch, err := s.get(ctx, channel, ids...)
	for k, i := range which {
		switch {
		case err != nil:
			results[i] = parley.Result{Err: fmt.Errorf("%w: read message %d, which has the key: %w", parley.ErrUnknown, ids[k], err)}
		case found[k].Message == nil: // it was trimmed since
			results[i] = parley.Result{
				Err: fmt.Errorf("%w: message %d, which has the key, was just removed", parley.ErrUnavailable, ids[k]),
			}
		default:
			results[i] = parley.Result{Message: *found[k].Message, Epoch: epoch, Duplicate: true}
		}
	}
	return nil
}
