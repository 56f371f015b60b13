package nats

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-server/parley"
)

func (s *Store) nodeSubject(node string) string { return s.prefix + ".presence.node." + token(node) }

// do stores an operation and waits for its answer.
func (s *Store) do(ctx context.Context, subject string, o *operation) (answer, error) {
	o.author, o.number = s.author, s.numbers.Add(1)
	answers := s.replica.expect(o.number)
	defer s.replica.forget(o.number)
	for _, data := range o.encode() {
		if _, err := s.publish(ctx, &nats.Msg{Subject: subject, Data: data}); err != nil {
			return answer{}, err
		}
	}
	select {
	case a := <-answers:
		return a, nil
	case <-ctx.Done():
		s.replica.restart()
		return answer{}, fmt.Errorf("read back what was stored: %w", ctx.Err())
	}
}

// now asks the roll for its current state, with the store's time.
func (s *Store) now(ctx context.Context, question func(r *roll, at parley.Timestamp)) error {
	stream, err := s.js.Stream(ctx, s.streams[0].Name)
	if err != nil {
		return err
	}
	is := stream.CachedInfo()
	return s.replica.ask(ctx, is, func(r *roll) { question(r, max(r.now, micros(is.TimeStamp))) })
}

// note stores last sightings for nodes that start later.
func (s *Store) note(ctx context.Context, signs []sign) error {
	for some := range slices.Chunk(signs, 4096) {
		if _, err := s.publish(ctx, &nats.Msg{Subject: s.prefix + ".seen", Data: encodeSigns(some)}); err != nil {
			return err
		}
	}
	return nil
}

// Beat implements parley.Presence.
func (s *Store) Beat(ctx context.Context, b parley.Beat) (parley.Lease, error) {
	fail := func(err error) (parley.Lease, error) {
		return parley.Lease{}, fmt.Errorf("beat of node %s: %w", b.Node, err)
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return fail(err)
	}
	defer cancel()
	var signs []sign
	for _, c := range b.Changes {
		if c.Channel == "" && !c.Here && c.Seen > 0 {
			signs = append(signs, sign{c.User, c.Seen})
		}
	}
	if err := s.note(ctx, signs); err != nil {
		return fail(err)
	}
	a, err := s.do(ctx, s.nodeSubject(b.Node), &operation{node: b.Node, ttl: b.TTL.Microseconds(), all: b.All, list: b.Changes})
	if err != nil {
		return fail(err)
	}
	if a.heavy {
		s.compact(ctx, b.Node)
	}
	return a.lease, nil
}

// compact replaces a node's operations by one with the same meaning. It is called by the node itself, which beats once
// at a time. A failed attempt is repeated after a later beat.
func (s *Store) compact(ctx context.Context, node string) {
	o := operation{author: s.author, number: s.numbers.Add(1), node: node, all: true}
	var last uint64
	err := s.now(ctx, func(r *roll, _ parley.Timestamp) {
		if n := r.nodes[node]; n != nil {
			last, o.ttl, o.list = n.last, n.ttl, r.all(n)
		}
	})
	if err != nil || last == 0 {
		return
	}
	var first uint64
	for _, data := range o.encode() {
		var opts []jetstream.PublishOpt
		if first == 0 {
			opts = append(opts, jetstream.WithExpectLastSequencePerSubject(last))
		}
		seq, err := s.publish(ctx, &nats.Msg{Subject: s.nodeSubject(node), Data: data}, opts...)
		if err != nil {
			return
		}
		if first == 0 {
			first = seq
		}
	}
	s.purge(ctx, s.nodeSubject(node), jetstream.WithPurgeSequence(first))
}

// purge removes operations that are not needed. After a failure they take memory until a later purge of
// the subject.
func (s *Store) purge(ctx context.Context, subject string, which jetstream.StreamPurgeOpt) {
	if stream, err := s.js.Stream(ctx, s.streams[0].Name); err == nil {
		_ = stream.Purge(ctx, jetstream.WithPurgeSubject(subject), which)
	}
}

// Online implements parley.Presence.
func (s *Store) Online(ctx context.Context, users ...parley.UserID) (all []parley.OnlineStatus, err error) {
	ctx, cancel, err := s.begin(ctx)
	if err == nil {
		defer cancel()
		err = s.now(ctx, func(r *roll, at parley.Timestamp) {
			for _, u := range users {
				all = append(all, r.online(u, at))
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("who is online: %w", err)
	}
	return all, nil
}

// Here implements parley.Presence.
func (s *Store) Here(ctx context.Context, channel parley.ChannelID, limit int) (here parley.Occupancy, err error) {
	ctx, cancel, err := s.begin(ctx)
	if err == nil {
		defer cancel()
		err = s.now(ctx, func(r *roll, at parley.Timestamp) { here = r.here(channel, limit, at) })
	}
	if err != nil {
		return here, fmt.Errorf("who is in %s: %w", channel, err)
	}
	return here, nil
}

// EndLease implements parley.Presence.
func (s *Store) EndLease(ctx context.Context, node string) error {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("end the lease of node %s: %w", node, err)
	}
	defer cancel()
	known := false
	var signs []sign
	err = s.now(ctx, func(r *roll, _ parley.Timestamp) {
		n := r.nodes[node]
		if known = n != nil; known && r.rooms[""] != nil {
			for _, user := range r.rooms[""].of(n) {
				signs = append(signs, sign{user, n.beat})
			}
		}
	})
	if err == nil && known {
		if err = s.note(ctx, signs); err == nil {
			_, err = s.do(ctx, s.nodeSubject(node), &operation{kind: endOf, node: node})
		}
	}
	if err != nil {
		return fmt.Errorf("end the lease of node %s: %w", node, err)
	}
	return nil
}

// Reap implements parley.Presence.
func (s *Store) Reap(ctx context.Context) ([]parley.Gone, error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("reap nodes whose leases have ended: %w", err)
	}
	defer cancel()
	some := false
	if err = s.now(ctx, func(r *roll, at parley.Timestamp) { some = r.lapsed(at) }); err == nil && !some {
		return nil, nil
	}
	var a answer
	if err == nil {
		a, err = s.do(ctx, s.prefix+reapSubject, &operation{kind: reaping})
	}
	if err != nil {
		return nil, fmt.Errorf("reap nodes whose leases have ended: %w", err)
	}
	var signs []sign
	for _, g := range a.gone {
		if g.Channel == "" {
			signs = append(signs, sign{g.User, g.Seen})
		}
	}
	if s.note(ctx, signs) == nil { // else the operations stay, and nodes that start know the users by them
		for _, n := range a.spent {
			s.purge(ctx, s.nodeSubject(n.node), jetstream.WithPurgeSequence(n.until))
		}
	}
	s.purge(ctx, s.prefix+reapSubject, jetstream.WithPurgeKeep(keptReaps))
	return a.gone, nil
}

const (
	reapSubject = ".presence.reap"
	keptReaps   = 256 // only the last matters to a roll, but each author waits for its own
)
