package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/wire"
)

// A session follows the given channels, in that order, however many there are.
func TestSessionFollowsItsChannelsInOrder(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	rapid.Check(t, func(t *rapid.T) {
		s := open(h, wire.FormSSEMulti)
		defer s.Close()
		var model []parley.ChannelID
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			channel := parley.ChannelID(fmt.Sprint("c", rapid.IntRange(0, 120).Draw(t, "channel")))
			at := slices.Index(model, channel)
			if got := s.Follows(channel); got != (at >= 0) {
				t.Fatalf("%s is followed: %t", channel, got)
			}
			if at >= 0 {
				model = slices.Delete(model, at, at+1)
			}
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				if got := s.Unfollow(channel); got != (at >= 0) {
					t.Fatalf("%s was followed: %t", channel, got)
				}
				continue
			}
			if _, err := s.Follow(t.Context(), channel, nil); err != nil {
				t.Fatal(err)
			}
			model = append(model, channel)
		}
		want := ""
		for i, channel := range model {
			if i > 0 {
				want += ","
			}
			want += string(channel) + ":0"
		}
		if got := s.CursorText(); got != want || s.Len() != len(model) {
			t.Fatalf("%d channels, %s; want %d, %s", s.Len(), got, len(model), want)
		}
	})
}

// down is a log that cannot tell the bounds of one channel.
type down struct {
	parley.Log
	channel parley.ChannelID
}

func (d down) Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	if slices.Contains(channels, d.channel) {
		return nil, parley.ErrUnavailable
	}
	return d.Log.Bounds(ctx, channels...)
}

// Of channels that are followed together, those that cannot be read are not followed; the others begin where they should.
func TestFollowAllFollowsWhatItCan(t *testing.T) {
	store := mem.NewStore(mem.StoreConfig{}).Open()
	for _, channel := range []parley.ChannelID{"a", "b", "c"} {
		store.Append(t.Context(), channel, parley.Draft{Text: "one"}, parley.Draft{Text: "two"})
	}
	f := feed.New(down{store, "b"}, feed.Config{})
	s := open(node{f.Hub(), f}, wire.FormSSEMulti)
	defer s.Close()
	starts, errs := s.FollowAll(t.Context(),
		hub.Wanted{Channel: "a", After: &parley.Cursor{ID: 1}}, hub.Wanted{Channel: "b"}, hub.Wanted{Channel: "c"})
	if errs[0] != nil || !errors.Is(errs[1], parley.ErrUnavailable) || errs[2] != nil {
		t.Fatalf("errors: %v", errs)
	}
	if !starts[0].Resumed || starts[0].Cursor != 1 || starts[2].Resumed || starts[2].Cursor != 2 {
		t.Errorf("starts: %+v", starts)
	}
	if got := s.CursorText(); got != "a:1,c:2" || s.Follows("b") {
		t.Errorf("it follows %s", got)
	}
	if got := string(all(t, s)); !strings.Contains(got, "two") || strings.Contains(got, "one") {
		t.Errorf("it takes %s", got)
	}
}

// BenchmarkManyChannels measures following ten thousand channels over one connection,
// one after another.
func BenchmarkManyChannels(b *testing.B) {
	h, _, _ := start(b, hub.Config{})
	const channels = 10_000
	for b.Loop() {
		s := open(h, wire.FormWS)
		for i := range channels {
			channel := parley.ChannelID(fmt.Sprint("c", i))
			if s.Follows(channel) || s.Len() != i {
				b.Fatal("it is followed already")
			}
			if _, err := s.Follow(b.Context(), channel, nil); err != nil {
				b.Fatal(err)
			}
			if s.CursorText() != "" {
				b.Fatal("a WebSocket has id: lines")
			}
		}
		s.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/channels, "ns/channel")
}
