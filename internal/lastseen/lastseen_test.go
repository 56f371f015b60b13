package lastseen

import (
	"fmt"
	"testing"

	"github.com/parley-server/parley"
)

func TestLatestTimesAreKept(t *testing.T) {
	m := Memory{Most: 10}
	for round := range 50 {
		for i := range 20 {
			m.Note(parley.UserID(fmt.Sprint("u", i)), parley.Timestamp(100*round+i+1))
		}
	}
	for i := range 20 {
		if at := m.Of(parley.UserID(fmt.Sprint("u", i))); (at != 0) != (i >= 10) {
			t.Errorf("u%d was seen at %v", i, at)
		}
	}
	m.Note("u19", 1)
	if at := m.Of("u19"); at != 4920 {
		t.Errorf("an earlier moment replaced it: %v", at)
	}
	if len(m.order) > 20 || len(m.of) > 10 {
		t.Errorf("%d notes of %d users", len(m.order), len(m.of))
	}
}
