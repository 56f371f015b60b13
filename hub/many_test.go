package hub_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-server/parley"
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
