package hub_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/wire"
)

// A session that may not see presence receives none from the moment it follows: neither what was
// pending when it asked for its first bytes, nor after it followed again.
func TestABlindSessionIsNeverToldWhoIsThere(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	publish(t, h, "c", 1, "one")
	joined := func(user parley.UserID) { // a presence event, as chat makes them
		h.Event("c", parley.Event{Name: "user-joined", Object: wire.UserEvent(nil, "user-joined", "c", user, ""), Presence: true})
	}
	for _, form := range []wire.Form{wire.FormWS, wire.FormSSE, wire.FormSSEMulti} {
		s, sighted := open(h, form), open(h, form)
		for round, after := range []*parley.Cursor{nil, {ID: 0}, nil} {
			if _, errs := s.FollowAll(t.Context(), hub.Wanted{Channel: "c", After: after, Blind: true}); errs[0] != nil {
				t.Fatal(errs[0])
			}
			if _, err := sighted.Follow(t.Context(), "c", nil); err != nil {
				t.Fatal(err)
			}
			joined("bob")
			if got := all(t, s); bytes.Contains(got, []byte("bob")) || after != nil && !bytes.Contains(got, []byte("one")) {
				t.Errorf("round %d: a blind session takes %s", round, got)
			}
			if got := all(t, sighted); !bytes.Contains(got, []byte("bob")) {
				t.Errorf("round %d: one that sees takes %s", round, got)
			}
		}
		s.See(func(parley.ChannelID) bool { return true })
		joined("carol")
		if got := all(t, s); !bytes.Contains(got, []byte("carol")) {
			t.Errorf("one that sees again takes %s", got)
		}
		joined("dora")
		s.See(func(parley.ChannelID) bool { return false }) // the right was lost while it waited
		if got := all(t, s); bytes.Contains(got, []byte("dora")) {
			t.Errorf("one that sees no more takes %s", got)
		}
		s.Close()
		sighted.Close()
	}
}

// all takes everything that a session has.
func all(t *testing.T, s *hub.Session) (got []byte) {
	t.Helper()
	for {
		b, err := s.Next("", 1<<20, 1000)
		switch {
		case errors.Is(err, hub.ErrBehind):
			if err := s.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatal(err)
		case len(b) == 0:
			return got
		}
		got = append(got, b...)
	}
}
