package cassandra

import (
	"context"

	"github.com/parley-server/parley"
)

const maxRun = 1 << 20 // bytes at which a run that is read ends

// Read implements parley.Log.
func (s *Store) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (run parley.Run, err error) {
	err = s.in(ctx, func() error {
		if run.Epoch = s.epoch; after.Epoch != "" && after.Epoch != s.epoch {
			return parley.ErrEpoch
		}
		v, err := s.view(ctx, channel)
		from := max(after.ID, 0) + 1
		switch {
		case err != nil:
			return err
		case from < v.floor:
			return parley.ErrTrimmed
		case from > v.id || limit <= 0:
			return nil
		}
		to := v.id
		if v.id-from >= int64(limit) {
			to = from + int64(limit) - 1
		}
		run.Entries, err = s.window(ctx, channel, &v, from, to, maxRun)
		if err == nil && len(run.Entries) == 0 { // it was removed since the view
			return parley.ErrTrimmed
		}
		return err
	}, "read %s after %d", channel, after.ID)
	if err != nil {
		return parley.Run{}, err
	}
	return run, nil
}

// window reads entries in their current state: messages after their last change, and changes of deleted messages without
// content. All changes up to the view's head are folded; later ones among the entries count too.
func (s *Store) window(ctx context.Context, channel parley.ChannelID, v *view, from, to int64, most int) ([]parley.Message, error) {
	ms, _, err := s.windowStates(ctx, channel, v, from, to, most)
	return ms, err
}

// windowStates is window with the states of changed messages.
func (s *Store) windowStates(ctx context.Context, channel parley.ChannelID, v *view, from, to int64, most int) (
	ms []parley.Message, is map[int64]state, err error) {
	is = map[int64]state{}
	if v.changed > 0 {
		if err := s.states(ctx, channel, from, to, is); err != nil {
			return nil, nil, err
		}
	}
	rs, err := s.rows(ctx, channel, from, to, most)
	if err != nil {
		return nil, nil, err
	}
	var outside []int64 // messages before these that are changed here
	for i := range rs {
		r := &rs[i]
		if r.Change == "" {
			continue
		}
		if r.Of < from && r.Of >= v.floor {
			outside = append(outside, r.Of)
		}
		if r.ID > is[r.Of].v {
			is[r.Of] = state{r.ID, *r.Target}
		}
	}
	if err := s.statesOf(ctx, channel, outside, is); err != nil {
		return nil, nil, err
	}
	ms = make([]parley.Message, len(rs))
	for i := range rs {
		m := rs[i].Message
		st, changed := is[m.ID]
		switch {
		case m.Change == "" && changed:
			m = st.m
		case m.Change == "":
		case m.Of < v.floor:
			m.Target = &parley.Message{ID: m.Of, Channel: channel, User: m.Target.User, Time: m.Target.Time, Deleted: true}
		case is[m.Of].m.Deleted:
			gone := m.Target.Tombstone()
			m.Target = &gone
		}
		ms[i] = m
	}
	return ms, is, nil
}

// statesOf is states for messages that are not adjacent.
func (s *Store) statesOf(ctx context.Context, channel parley.ChannelID, of []int64, into map[int64]state) error {
	for len(of) > 0 {
		bucket := s.bucketOf(of[0])
		var here, others []int64
		for _, id := range of {
			if s.bucketOf(id) == bucket {
				here = append(here, id)
			} else {
				others = append(others, id)
			}
		}
		of = others
		rs := s.read(`SELECT target, v, state FROM now WHERE channel = ? AND bucket = ? AND target IN ?`, string(channel), bucket, here).
			IterContext(ctx)
		var id, v int64
		var body []byte
		for rs.Scan(&id, &v, &body) {
			m, err := messageOf(channel, body)
			if err != nil {
				_ = rs.Close()
				return err
			}
			if v > into[id].v {
				into[id] = state{v, m}
			}
			body = nil
		}
		if err := rs.Close(); err != nil {
			return err
		}
	}
	return nil
}
