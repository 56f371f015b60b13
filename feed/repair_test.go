package feed

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

func (js *joins) add(channels int) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for i := range channels {
		js.makeLocked(parley.ChannelID(fmt.Sprint("c", i))).watched = 1
	}
}

func TestEveryChannelIsCheckedWhileTheBusKeepsLosing(t *testing.T) {
	f := &Feed{joins: joins{byHash: map[uint64]*join{}}}
	const channels = 5 * checkSuspect
	f.joins.add(channels)
	seen := map[parley.ChannelID]bool{}
	for range channels / checkSuspect {
		f.suspect(lostHeads)
		some, what := f.joins.nextToCheck(time.Now())
		if what == lostNothing {
			t.Fatal("channels are not checked in a hurry")
		}
		for _, channel := range some {
			seen[channel] = true
			f.joins.reached(channel, int64(len(seen))) // it moves, and so is checked first in the next round
		}
	}
	if len(seen) != channels {
		t.Fatalf("of %d channels %d were checked", channels, len(seen))
	}
}

func TestLossDuringACheckCausesAnotherCheck(t *testing.T) {
	f := &Feed{joins: joins{byHash: map[uint64]*join{}}}
	f.joins.add(2 * checkSuspect)
	f.suspect(lostHeads)
	var rounds []lost
	next := func() {
		_, what := f.joins.nextToCheck(time.Now())
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

func TestManyNodesShareTheCheckBudget(t *testing.T) {
	f := &Feed{digest: digest{peers: map[string]*peer{}}}
	for n := 1; n <= 5*checkNodes; n++ {
		if n > 1 {
			f.digest.from(fmt.Sprint("n", n), "self", 1, 0, 0, time.Now())
		}
		want := checkEvery
		if n > checkNodes {
			want = checkEvery / checkNodes * time.Duration(n)
		}
		if got := shared(checkEvery, f.digest.nodes()); got != want {
			t.Errorf("each of %d nodes asks every %v, want %v", n, got, want)
		}
	}
}
