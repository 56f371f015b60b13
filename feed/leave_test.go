package feed

import (
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
)

// A watched channel whose join failed is not joined, so there is nothing to leave.
func TestFailedJoinLeavesNothingToCheck(t *testing.T) {
	js := joins{byHash: map[uint64]*join{}, leaves: map[*join]time.Time{}, looks: clock.NewOnDemand(leaveLooks, 0)}
	j, now := js.makeLocked("room"), time.Now()
	j.watched = 1
	js.leaveLocked(j, now)
	if left := js.unfollowed(now.Add(time.Hour), func(parley.ChannelID) bool { return false }); len(left) > 0 || js.hasLeaves() {
		t.Errorf("%d channels are left, and others wait: %v", len(left), js.hasLeaves())
	}
}
