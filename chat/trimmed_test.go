package chat_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/wire"
)

var totalOf = regexp.MustCompile(`"type":"unread".*"total":([0-9]+)`)

// Trimmed messages are no longer unread, and this is announced even if nothing else happens;
// for channels without announced counts the next total includes it.
func TestRetentionCorrectsTheTotal(t *testing.T) {
	spaces, err := chat.NewNamespaces([]chat.Namespace{{Prefix: "big:", Fanout: chat.Tiered}, {Prefix: "feed:", Fanout: chat.OnRead}})
	if err != nil {
		t.Fatal(err)
	}
	s, h, store := real(t, chat.Config{Namespaces: spaces})
	channels := []parley.ChannelID{"room", "other", "big:1", "feed:1"}
	for _, channel := range channels {
		if _, err := s.PutMember(t.Context(), dev("bob"), channel, "bob", ""); err != nil {
			t.Fatal(err)
		}
	}
	session := &hub.Session{}
	h.Open(session, wire.FormWS, silent{})
	t.Cleanup(session.Close)
	if _, err := session.Follow(t.Context(), "@bob", nil); err != nil {
		t.Fatal(err)
	}
	s.Enter("@bob", dev("bob"), parley.TransportWebSocket)
	t.Cleanup(func() { s.Leave("@bob", dev("bob"), parley.TransportWebSocket) })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last := ""
	look := func() {
		t.Helper()
		b, err := session.Next("", 1<<20, 1)
		if err != nil {
			t.Fatal(err)
		}
		if m := totalOf.FindStringSubmatch(string(b)); m != nil {
			last = m[1]
		}
	}
	until := func(what string, total int, do func()) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); last != fmt.Sprint(total); <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the total is %s, want %d", what, last, total)
			}
			do()
			look()
		}
	}
	trim := func(channel parley.ChannelID) {
		t.Helper()
		if _, _, err := store.SetChannel(t.Context(), channel,
			parley.Settings{Retention: &parley.Retention{Messages: 10}}.Replace); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
			if bs, err := store.Handle.Bounds(t.Context(), channel); err != nil || bs[0].First > 1 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is not trimmed", channel)
			}
		}
	}
	nothing := func() {}
	for i := range 60 {
		say(t, s, "alice", "room", fmt.Sprint(i))
	}
	until("sixty messages", 60, nothing)
	trim("room")
	until("ten are kept", 10, nothing)
	for i, channel := range channels[2:] {
		for range 60 {
			say(t, s, "alice", channel, "x")
		}
		say(t, s, "alice", "other", "x")
		until("some that are not told", 10+10*i+60+1, nothing)
		trim(channel)
		until("and are trimmed", 10+10*(i+1), func() { // sent with the next total after the channel was checked
			say(t, s, "alice", "other", "x")
			if _, _, err := s.MarkRead(t.Context(), dev("bob"), "other", 1<<40); err != nil {
				t.Fatal(err)
			}
		})
	}
}
