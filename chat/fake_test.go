package chat_test

import (
	"context"
	"testing"

	"parley"
	"parley/access"
	"parley/chat"
	"parley/feed"
	"parley/hub"
)

// fake is a log whose messages, times and trims the test makes.
type fake struct {
	channels map[parley.ChannelID]*kept
	onRead   func(ch *kept) // what happens just before a read; set once

	memberships map[parley.UserID][]parley.ChannelID
}

type kept struct {
	first    int64 // below it everything was trimmed
	messages []parley.Message
	most     int // messages of one read; 0: no limit
}

var _ parley.Log = (*fake)(nil)

// with adds a channel with messages of these times.
func (f *fake) with(channel parley.ChannelID, times ...parley.Timestamp) *kept {
	k := &kept{first: 1}
	for i, at := range times {
		k.messages = append(k.messages, parley.Message{ID: int64(i + 1), Channel: channel, User: "u", Text: "x", Time: at})
	}
	if f.channels == nil {
		f.channels = map[parley.ChannelID]*kept{}
	}
	f.channels[channel] = k
	return k
}

func (f *fake) Append(_ context.Context, _ parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	return make([]parley.Result, len(drafts))
}

func (f *fake) Read(_ context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	k := f.channels[channel]
	if k == nil {
		return parley.Run{Epoch: "e"}, nil
	}
	if do := f.onRead; do != nil {
		f.onRead = nil
		do(k)
	}
	if after.ID+1 < k.first {
		return parley.Run{}, parley.ErrTrimmed
	}
	if k.most > 0 {
		limit = min(limit, k.most)
	}
	from := min(int(after.ID), len(k.messages))
	return parley.Run{Epoch: "e", Entries: k.messages[from:min(from+limit, len(k.messages))]}, nil
}

func (f *fake) Lookup(_ context.Context, channel parley.ChannelID, user parley.UserID, key string) (parley.Message, bool, error) {
	if k := f.channels[channel]; k != nil {
		for _, m := range k.messages {
			if m.User == user && m.Key == key {
				return m, true, nil
			}
		}
	}
	return parley.Message{}, false, nil
}

func (f *fake) Bounds(_ context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	out := make([]parley.Bounds, len(channels))
	for i, channel := range channels {
		out[i] = parley.Bounds{Channel: channel, Epoch: "e", First: 1}
		if k := f.channels[channel]; k != nil {
			out[i].First, out[i].Last = k.first, int64(len(k.messages))
			if n := len(k.messages); n > 0 {
				out[i].Time = k.messages[n-1].Time
			}
		}
	}
	return out, nil
}

func (f *fake) Close() error { return nil }

// store is a log with channels that have no settings, members or threads.
type store struct{ parley.Log }

func (store) Settings(_ context.Context, cs ...parley.ChannelID) ([]parley.Settings, error) {
	return make([]parley.Settings, len(cs)), nil
}

func (store) SetChannel(context.Context, parley.ChannelID, func(*parley.Settings) error) (was, is parley.Settings, err error) {
	return was, is, nil
}

func (store) RemoveChannel(context.Context, parley.ChannelID) error { return nil }
func (store) Channels(context.Context, parley.ChannelID, int) ([]parley.ChannelID, error) {
	return nil, nil
}

func (store) Member(_ context.Context, _ parley.UserID, cs ...parley.ChannelID) ([]parley.Member, error) {
	return make([]parley.Member, len(cs)), nil
}

func (store) SetMember(context.Context, parley.ChannelID, parley.UserID, parley.MemberChange) (was, is parley.Member, err error) {
	return was, is, nil
}

func (store) Members(context.Context, parley.ChannelID, parley.UserID, int) ([]parley.Member, parley.UserID, error) {
	return nil, "", nil
}

func (store) OpenChannels(context.Context, parley.ChannelID, int) ([]parley.ChannelID, error) {
	return nil, nil
}

func (s store) Memberships(_ context.Context, user parley.UserID, after parley.ChannelID, _ int) (some []parley.ChannelID, err error) {
	if f, ok := s.Log.(*fake); ok {
		for _, c := range f.memberships[user] {
			if c > after {
				some = append(some, c)
			}
		}
	}
	return some, nil
}

func (store) Unread(_ context.Context, _ parley.UserID, ps ...parley.Place) ([]parley.Count, error) {
	return make([]parley.Count, len(ps)), nil
}

func (store) Latest(_ context.Context, cs ...parley.ChannelID) ([]*parley.Message, error) {
	return make([]*parley.Message, len(cs)), nil
}

func (store) Revoke(context.Context, parley.UserID, parley.Timestamp) error { return nil }

func (store) Revoked(context.Context, parley.UserID) (parley.Timestamp, error) { return 0, nil }

func (store) Thread(context.Context, parley.ChannelID, int64, parley.ThreadQuery) (t parley.Thread, err error) {
	return t, nil
}

func (store) Project(context.Context, parley.ChannelID, parley.Run) ([]parley.Fact, error) {
	return nil, nil
}

func (store) Position(_ context.Context, cs ...parley.ChannelID) ([]int64, error) {
	return make([]int64, len(cs)), nil
}

func (store) Reactors(context.Context, parley.ChannelID, int64, string, parley.UserID, parley.UserID, int) (r parley.Reactors, err error) {
	return r, nil
}

func service(t *testing.T, log parley.Log) (*chat.Service, *hub.Hub) {
	t.Helper()
	f := feed.New(log, feed.Config{})
	return chat.New(store{log}, f, chat.Config{}), f.Hub()
}

// answering is a service whose answers have so many bytes; 0: the usual.
func answering(log parley.Log, most int) *chat.Service {
	return chat.New(store{log}, feed.New(log, feed.Config{}), chat.Config{MaxAnswer: most})
}

func dev(user parley.UserID) access.Caller { return access.Caller{User: user, As: access.Developer} }

// settingsOf are those of one channel.
func settingsOf(ctx context.Context, d parley.Directory, ch parley.ChannelID) (parley.Settings, error) {
	all, err := d.Settings(ctx, ch)
	if err != nil {
		return parley.Settings{}, err
	}
	return all[0], nil
}

// memberOf is a user's place in one channel.
func memberOf(ctx context.Context, r parley.Roster, ch parley.ChannelID, user parley.UserID) (parley.Member, error) {
	ms, err := r.Member(ctx, user, ch)
	if err != nil {
		return parley.Member{}, err
	}
	return ms[0], nil
}
