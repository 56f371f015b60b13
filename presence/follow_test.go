package presence

import (
	"testing"
	"time"
)

// What a node has sent determines what a newer move means: a departure that was sent may reach the others after the arrival on
// another node, so an arrival here must also be sent, wherever else the user is.
func TestMovesThatFollowOneAnother(t *testing.T) {
	came, left := move{came: true}, move{}
	for _, c := range []struct {
		first, then, want move
		waits             bool
	}{
		{came, left, move{}, false},
		{left, came, move{}, false},
		{came, came, came, true},
		{left, left, left, true},
		{move{ask: 5}, came, move{came: true, left: 5}, true},
		{move{ask: 5}, left, left, true},
		{move{came: true, left: 5}, left, move{ask: 5}, true},
		{move{came: true, left: 5}, came, move{came: true, left: 5}, true},
	} {
		if is, waits := c.first.followedBy(c.then); is != c.want || waits != c.waits {
			t.Errorf("%+v, then %+v: %+v, %v", c.first, c.then, is, waits)
		}
	}
}

func TestArrivalAfterASentDepartureIsAlwaysSent(t *testing.T) {
	at := presenceKey{user: "alice"}
	for is, want := range map[move]int{{came: true}: 0, {came: true, left: 5}: 1, {}: 0, {ask: 5}: 1} {
		k := NewKeeper(New(Config{}, time.Now()), Config{})
		k.settle(t.Context(), map[presenceKey]move{at: is}, map[presenceKey]int{at: 0}, []bool{true})
		if got := k.tracker.log.moved; len(got) != want || want > 0 && !got[0].came {
			t.Errorf("%+v of a user who is elsewhere: sent %+v", is, got)
		}
	}
}
