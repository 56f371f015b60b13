package feed

import (
	"fmt"
	"testing"

	"github.com/parley-server/parley"
)

func (js *joins) add(channels int) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for i := range channels {
		js.makeLocked(parley.ChannelID(fmt.Sprint("c", i))).watched = 1
	}
}

func TestABusThatLosesAllTheTimeKeepsNoChannelFromBeingChecked(t *testing.T) {
	f := &Feed{joins: joins{byHash: map[uint64]*join{}}}
	const channels = 5 * checkSuspect
	f.joins.add(channels)
	seen := map[parley.ChannelID]bool{}
	for range channels / checkSuspect {
		f.suspect(lostHeads)
		some, what := f.joins.nextToCheck()
		if what == lostNothing {
			t.Fatal("channels are not checked in a hurry")
		}
		for _, channel := range some {
			seen[channel] = true
			f.joins.reached(channel, int64(len(seen))) // it moves, and is looked at first the next time
		}
	}
	if len(seen) != channels {
		t.Fatalf("of %d channels %d were checked", channels, len(seen))
	}
}

func TestWhatIsLostWhileChannelsAreCheckedIsLookedForOnceMore(t *testing.T) {
	f := &Feed{joins: joins{byHash: map[uint64]*join{}}}
	f.joins.add(2 * checkSuspect)
	f.suspect(lostHeads)
	var rounds []lost
	next := func() {
		_, what := f.joins.nextToCheck()
		rounds = append(rounds, what)
	}
	next()
	f.suspect(lostEvents)
	f.suspect(lostHeads)
	for range 4 {
		next()
	}
	want := []lost{lostHeads, lostHeads, lostEvents, lostEvents, lostNothing}
	if fmt.Sprint(rounds) != fmt.Sprint(want) {
		t.Fatalf("rounds %v, want %v", rounds, want)
	}
}
