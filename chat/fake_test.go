package chat_test

import (
	"context"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/hub"
)

// fake is a store whose times, trims and short reads are set by the test.
type fake struct {
	*mem.Handle
	store  *mem.Store
	now    parley.Timestamp
	most   int    // messages of one read; 0: no limit
	onRead func() // what happens just before a read; set once
}

func newFake() *fake {
	f := &fake{}
	f.store = mem.NewStore(mem.StoreConfig{Clock: func() time.Time { return time.UnixMicro(int64(f.now)) }})
	f.Handle = f.store.Open()
	return f
}

// with adds messages of these times to a channel.
func (f *fake) with(channel parley.ChannelID, times ...parley.Timestamp) (ms []parley.Message) {
	for _, f.now = range times {
		ms = append(ms, f.Append(context.Background(), channel, parley.Draft{User: "u", Text: "x"})[0].Message)
	}
	return ms
}

func (f *fake) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	if do := f.onRead; do != nil {
		f.onRead = nil
		do()
	}
	if f.most > 0 {
		limit = min(limit, f.most)
	}
	return f.Handle.Read(ctx, channel, after, limit)
}

func service(t *testing.T, log chat.Store) (*chat.Service, *hub.Hub) {
	t.Helper()
	f := feed.New(log, feed.Config{})
	return chat.New(log, f, chat.Config{}), f.Hub()
}

// answering is a service whose answers are limited to a number of bytes; 0: the default.
func answering(log chat.Store, most int) *chat.Service {
	return chat.New(log, feed.New(log, feed.Config{}), chat.Config{MaxAnswer: most})
}

func dev(user parley.UserID) access.Caller { return access.Caller{User: user, As: access.Developer} }

// settingsOf returns the settings of one channel.
func settingsOf(ctx context.Context, d parley.Directory, ch parley.ChannelID) (parley.Settings, error) {
	all, err := d.Settings(ctx, ch)
	if err != nil {
		return parley.Settings{}, err
	}
	return all[0], nil
}

// memberOf returns a user's membership in one channel.
func memberOf(ctx context.Context, r parley.Roster, ch parley.ChannelID, user parley.UserID) (parley.Member, error) {
	ms, err := r.Member(ctx, user, ch)
	if err != nil {
		return parley.Member{}, err
	}
	return ms[0], nil
}
