package chat

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
)

// A node that cannot follow the changes of rights uses what it has read for one second, shared by all streams.
func TestKnownRightsHoldForASecondWithoutUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := false
		k := newKnown(func() bool { return behind })
		read := func() {
			k.putPublic("room", k.now())
			k.put("room", "alice", facts{role: parley.RoleMember, reading: k.now()})
		}
		is := func(when string, want bool) {
			t.Helper()
			if _, known := k.get("room", "alice"); k.public("room") != want || known != want {
				t.Errorf("%s: public %v, known %v, want %v", when, k.public("room"), known, want)
			}
		}
		is("at first", false)
		read()
		time.Sleep(time.Hour)
		is("an hour later", true)
		behind = true
		is("behind", false)
		read()
		time.Sleep(controlLate - time.Millisecond)
		is("read again, within the second", true)
		time.Sleep(time.Millisecond)
		is("after the second", false)
		behind = false
		is("caught up", true)
		k.generation.Add(1)
		is("when rights have changed", false)
	})
}
