package chat_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/chat"
)

// A user's own channel has no members. Whoever moves its pointer or mutes it is told what to do instead, and not to join it.
func TestAUsersOwnChannelHasNoPointer(t *testing.T) {
	s, _, _ := real(t, chat.Config{})
	_, _, read := s.MarkRead(t.Context(), dev("alice"), "@alice", 1)
	for what, err := range map[string]error{"read": read, "mute": s.Mute(t.Context(), dev("alice"), "@alice", parley.MuteAll)} {
		var e *parley.Error
		if !errors.As(err, &e) || e.Code != parley.CodeForbidden || strings.Contains(e.Hint, "join") ||
			!strings.Contains(e.Detail, "no members") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
