package chat

import (
	"fmt"
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
			k.putPublic("room", k.publicNow("room"))
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
		k.changed(rightsChange{})
		is("when rights have changed", false)
	})
}

// A channel stays known as public when rights change elsewhere, also on a node that then cannot follow the changes.
func TestKnownPublicChannelsOutliveOtherChanges(t *testing.T) {
	k := newKnown(func() bool { return false })
	other := parley.ChannelID("other")
	for i := 0; k.publicSlot(other) == k.publicSlot("room"); i++ {
		other = parley.ChannelID(fmt.Sprint("other", i))
	}
	for _, c := range []struct {
		change rightsChange
		public bool // the channel is still known as public
	}{
		{rightsChange{Channel: other}, true},
		{rightsChange{Channel: other, User: "alice"}, true},
		{rightsChange{Channel: "room", User: "alice"}, true},
		{rightsChange{User: "alice"}, true},
		{rightsChange{Channel: "room"}, false},
		{rightsChange{}, false},
	} {
		before := k.publicNow("room")
		k.putPublic("room", before)
		k.put("room", "alice", facts{role: parley.RoleMember, reading: k.now()})
		k.changed(c.change)
		if is := k.public("room"); is != c.public {
			t.Errorf("after %+v: public %v, want %v", c.change, is, c.public)
		}
		if _, known := k.get("room", "alice"); known {
			t.Errorf("after %+v the access of a user is still known", c.change)
		}
		k.putPublic("room", before) // by a reading that began before the change
		if is := k.public("room"); is != c.public {
			t.Errorf("after %+v and a reading that began before it: public %v, want %v", c.change, is, c.public)
		}
	}
}
