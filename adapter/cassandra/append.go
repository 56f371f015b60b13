package cassandra

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/parley-server/parley"
)

const (
	maxBatch    = 256             // entries that are stored together
	maxBytes    = 256 << 10       // of them
	batchTime   = 5 * time.Second // the time limit of a batch
	maxConflict = 50              // how often a batch may lose to other nodes
)

// Append implements parley.Log (algorithms: docs/ARCHITECTURE.md). Messages are appended in batches, and each change
// by itself.
func (s *Store) Append(ctx context.Context, channel parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	results := make([]parley.Result, len(drafts))
	fail := func(err error) []parley.Result {
		for i := range results {
			results[i] = parley.Result{Err: fmt.Errorf("append to %s: %w", channel, err)}
		}
		return results
	}
	if err := s.begin(context.Background()); err != nil {
		return fail(err)
	}
	if ctx.Done() == nil {
		defer s.calls.Done()
		s.appendAll(channel, drafts, results)
		return results
	}
	// An append in flight continues after its caller has stopped waiting, with bytes of its
	// own.
	own := slices.Clone(drafts)
	for i := range own {
		own[i].Data = bytes.Clone(own[i].Data)
	}
	all := make([]parley.Result, len(drafts))
	done := make(chan struct{})
	go func() {
		defer s.calls.Done()
		defer close(done)
		s.appendAll(channel, own, all)
	}()
	select {
	case <-done:
		return all
	case <-ctx.Done():
		return fail(fmt.Errorf("%w: %w", parley.ErrUnknown, context.Cause(ctx)))
	}
}

func (s *Store) appendAll(channel parley.ChannelID, drafts []parley.Draft, results []parley.Result) {
	give, err := s.locks.take(context.Background(), string(channel))
	if err == nil {
		defer give()
	}
	for at := 0; at < len(drafts); {
		n := 1
		if drafts[at].Change == nil {
			for at+n < len(drafts) && drafts[at+n].Change == nil {
				n++
			}
			s.appendMessages(channel, drafts[at:at+n], results[at:at+n])
		} else {
			results[at] = s.appendChange(channel, &drafts[at])
		}
		at += n
	}
	for i := range results {
		if err := results[i].Err; err != nil {
			results[i] = parley.Result{Err: fmt.Errorf("append to %s: %w", channel, err)}
		} else {
			results[i].Epoch = s.epoch
		}
	}
	s.mu.Lock()
	s.grown[channel] = true
	s.mu.Unlock()
}

// pending is a draft without a result so far.
type pending struct {
	result  *parley.Result
	m       parley.Message
	thread  int64  // as the draft has it
	ukey    []byte // nil: it has no key
	intent  int64  // the bucket for which the key is noted; -1: none
	was     int64  // the message that had the key and is no longer kept; 0: none
	checked bool   // its thread is one
	size    int
}

func (p *pending) end(r parley.Result) { *p.result = r }

// appendMessages stores messages, batch by batch, and sets their results.
func (s *Store) appendMessages(channel parley.ChannelID, drafts []parley.Draft, results []parley.Result) {
	all := make([]*pending, len(drafts))
	for i := range drafts {
		d := &drafts[i]
		p := &pending{result: &results[i], thread: d.Thread, intent: -1, size: d.Size()}
		p.m = parley.Message{Channel: channel, User: d.User, Name: d.Name, Text: d.Text, Thread: d.Thread, Key: d.Key, Join: d.Join}
		if len(d.Data) > 0 {
			p.m.Data = bytes.Clone(d.Data)
		}
		if d.Key != "" {
			p.ukey = ukey(d.User, d.Key)
		}
		all[i] = p
	}
	for conflicts := 0; len(all) > 0; {
		ctx, cancel := context.WithTimeout(context.Background(), batchTime)
		lost, err := s.appendSome(ctx, channel, &all)
		cancel()
		if err == nil && !lost {
			conflicts = 0
			continue
		}
		if conflicts++; err == nil && conflicts > maxConflict {
			err = fmt.Errorf("%w: other nodes append to the channel all the time", parley.ErrUnavailable)
		}
		if err != nil {
			for _, p := range all {
				p.end(parley.Result{Err: err})
			}
			return
		}
		backOff(conflicts)
	}
}

// backOff waits, so that two nodes do not keep losing to each other.
func backOff(conflicts int) {
	if conflicts > 1 {
		time.Sleep(time.Duration(mathrand.Int64N(int64(min(conflicts, 10)) * 20 * int64(time.Millisecond) / 4)))
	}
}

// appendSome stores the first drafts of all in one batch, or finds that some of them were stored before. It removes those
// that have a result. lost reports whether another node was faster.
func (s *Store) appendSome(ctx context.Context, channel parley.ChannelID, all *[]*pending) (lost bool, err error) {
	h, ok := s.known(channel)
	if !ok {
		if h, err = s.freshHead(ctx, channel); err != nil {
			return false, unavailable(err)
		}
	}
	bucket := s.bucketOf(h.id + 1)
	some := s.nextBatch(*all, (bucket+1)*s.size-h.id)
	if again, err := s.prepare(ctx, channel, h, bucket, some); err != nil || again {
		*all = slices.DeleteFunc(*all, ended)
		return false, unavailable(err)
	}
	b := batch{channel: channel, bucket: bucket, from: h, is: h}
	for _, p := range some {
		p.m.ID, p.m.Time, p.m.Count = b.is.id+1, max(s.now(), b.is.time+1), b.is.count+1
		b.is.id, b.is.time, b.is.count = p.m.ID, p.m.Time, p.m.Count
		b.add(p.m, nil)
		if p.ukey != nil {
			b.keys = append(b.keys, keyRow{ukey: p.ukey, of: p.m.ID, was: p.was})
		}
	}
	applied, err := s.send(ctx, &b)
	if err != nil {
		// Drafts of later batches were not tried.
		for _, p := range some {
			p.end(parley.Result{Err: err})
		}
		*all = slices.DeleteFunc(*all, ended)
		if errors.Is(err, parley.ErrUnknown) {
			err = unavailable(errors.New("an earlier batch of the same call has an unknown outcome"))
		}
		return false, err
	}
	if applied {
		for _, p := range some {
			p.end(parley.Result{Message: p.m})
		}
		*all = slices.DeleteFunc(*all, ended)
		return false, nil
	}
	taken, err := s.taken(ctx, channel, bucket, some)
	*all = slices.DeleteFunc(*all, ended)
	return !taken, unavailable(err)
}

func ended(p *pending) bool { return p.result.Err != nil || p.result.Message.ID != 0 }

// unavailable returns the error of a failure before anything was stored.
func unavailable(err error) error {
	if err == nil || errors.Is(err, parley.ErrClosed) || errors.Is(err, parley.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", parley.ErrUnavailable, err)
}

// nextBatch returns the first drafts of all that fit into one batch. A draft with the same key as
// an earlier one waits for it.
func (s *Store) nextBatch(all []*pending, room int64) []*pending {
	n, size := 0, 0
	for n < len(all) && n < maxBatch && int64(n) < room && (n == 0 || size+all[n].size <= maxBytes) {
		if k := all[n].ukey; k != nil && slices.ContainsFunc(all[:n], func(p *pending) bool { return bytes.Equal(p.ukey, k) }) {
			break
		}
		size += all[n].size
		n++
	}
	return all[:n]
}

// prepare notes keys, and finds the messages that drafts reply to. again reports whether a draft has a
// result now.
func (s *Store) prepare(ctx context.Context, channel parley.ChannelID, h head, bucket int64, some []*pending) (again bool, err error) {
	if err := s.noteKeys(ctx, channel, bucket, some); err != nil {
		return false, err
	}
	for i, p := range some {
		if !ended(p) && p.thread != 0 && !p.checked {
			if err := s.checkThread(ctx, channel, h, some[:i], p); err != nil {
				return false, err
			}
		}
		again = again || ended(p)
	}
	return again, nil
}

// checkThread finds the root that a draft replies to. before are the earlier drafts of its
// batch.
func (s *Store) checkThread(ctx context.Context, channel parley.ChannelID, h head, before []*pending, p *pending) error {
	if slices.ContainsFunc(before, ended) {
		return nil // the next attempt assigns other ids
	}
	p.m.Thread = p.thread
	if to := p.thread - h.id; to > 0 && to <= int64(len(before)) {
		if root := before[to-1].m.Thread; root != 0 {
			p.m.Thread = root
		}
		return nil // another head assigns other ids: not checked
	}
	root, err := s.entry(ctx, channel, p.thread)
	if err != nil {
		return err
	}
	if root != nil && root.Change == "" {
		if p.checked = true; root.Thread != 0 {
			p.m.Thread = root.Thread
		}
		return nil
	}
	if p.ukey != nil { // a repeat returns the stored message, whatever it replies to
		if m, found, err := s.lookup(ctx, channel, p.m.User, p.m.Key); err != nil || found {
			if err == nil {
				p.end(parley.Result{Message: m, Duplicate: true})
			}
			return err
		}
	}
	p.end(parley.Result{Err: parley.ErrNoThread})
	return nil
}
