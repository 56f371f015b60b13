package chat

import (
	"context"
	"maps"
	"slices"

	"parley"
)

// boundsBudget is how many channels are asked at a time whether their history has become
// shorter.
const boundsBudget = 250

// checkTrimmed has the counts of channels corrected whose messages retention has taken away:
// nothing else tells of that, on whatever node it happened. It looks at some channels each
// time, in turn.
func (s *Service) checkTrimmed(ctx context.Context) {
	channels := s.inboxes.someReaders(boundsBudget)
	if len(channels) == 0 {
		return
	}
	bs, err := s.store.Bounds(ctx, channels...)
	if err != nil {
		return // the next time
	}
	for i := range bs {
		users := s.inboxes.begins(bs[i].Channel, bs[i].First)
		switch f := s.spaces.Of(bs[i].Channel).Fanout; {
		case len(users) == 0:
		case f == OnRead || f == Tiered:
			s.inboxes.uncounted(bs[i].Channel, users)
		default:
			s.inboxes.posted(bs[i].Channel)
		}
	}
}

// someReaders returns the next channels in turn of those whose readers are told of them.
func (in *inboxes) someReaders(most int) []parley.ChannelID {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.turn) == 0 {
		in.turn = slices.Collect(maps.Keys(in.readers))
	}
	n := min(most, len(in.turn))
	some := in.turn[:n:n]
	in.turn = in.turn[n:]
	return some
}

// begins says where a channel begins now, and returns its readers if they were counted when
// it began before that.
func (in *inboxes) begins(channel parley.ChannelID, first int64) []parley.UserID {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := in.readers[channel]
	if r == nil || r.first == 0 || r.first >= first {
		return nil
	}
	r.first = first
	return slices.Collect(maps.Keys(r.users))
}

// countedFromLocked takes in where a channel began when one of its readers was counted. A count
// that is older than what is known of the channel is made again.
func (in *inboxes) countedFromLocked(user parley.UserID, channel parley.ChannelID, first int64) {
	switch r := in.readers[channel]; {
	case r == nil:
	case r.first == 0:
		r.first = first
	case first < r.first:
		in.places[inboxPlace{user, channel}] = struct{}{}
	}
}
