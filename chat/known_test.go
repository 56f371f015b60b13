package chat_test

import (
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
)

// That a channel is public is remembered, and must not keep members out of it when it is
// no longer: on another node the change shows later.
func TestWhatIsKnownOfAChannelNeverRefuses(t *testing.T) {
	s, _, store := real(t, chat.Config{})
	if err := s.Authorize(t.Context(), dev("bob"), access.Read, "room"); err != nil { // it is public
		t.Fatal(err)
	}
	if _, err := s.PutMember(t.Context(), dev("root"), "room", "bob", ""); err != nil {
		t.Fatal(err)
	}
	token := access.Caller{User: "bob", As: &access.Credentials{Listed: true}}
	if err := s.Authorize(t.Context(), token, access.Read, "room"); err == nil {
		t.Fatal("a token without channels reads a public one")
	}
	if err := s.Authorize(t.Context(), dev("bob"), access.Read, "room"); err != nil { // it is remembered
		t.Fatal(err)
	}
	if _, _, err := store.SetChannel(t.Context(), "room",
		parley.Settings{Kind: parley.KindMembers}.Replace); err != nil { // as another node does
		t.Fatal(err)
	}
	if err := s.Authorize(t.Context(), token, access.Read, "room"); err != nil {
		t.Errorf("a member of a members-only channel: %v", err)
	}
}
