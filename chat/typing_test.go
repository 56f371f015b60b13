package chat

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

func TestUsersWhoTypedLongAgoAreForgotten(t *testing.T) {
	now := time.Now()
	of := typing{last: map[typist]time.Time{}}
	for round := range 5 {
		for i := range 100 {
			if !of.due(typist{"room", parley.UserID(fmt.Sprint(round, "-", i))}, now.Add(time.Duration(i)*time.Millisecond)) {
				t.Fatalf("round %d: user %d was not reported", round, i)
			}
		}
		now = now.Add(typingEvery)
	}
	if n := len(of.last); n > 200 {
		t.Errorf("%d users are remembered, 100 have typed in the last two seconds", n)
	}
}
