package nats

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/parley-server/parley"
)

// A room of any size says what a plain list of stays says.
func TestRoomIsAListOfStays(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	nodes := []*lease{{name: "a"}, {name: "b"}, {name: "c"}}
	type key struct {
		user parley.UserID
		node *lease
	}
	var r room
	model := map[key]stay{}
	for step := range 20_000 {
		crowd := 4 + step/50%40 // it grows beyond what a list holds, and shrinks
		k := key{parley.UserID(fmt.Sprint("u", rnd.IntN(crowd))), nodes[rnd.IntN(3)]}
		if _, had := model[k]; rnd.IntN(3) > 0 {
			s := stay{k.node, parley.Timestamp(step), 1, step%2 == 0}
			r.put(k.user, s)
			model[k] = s
		} else if r.remove(k.user, k.node) != had {
			t.Fatalf("step %d: %v was there: %v", step, k, had)
		} else {
			delete(model, k)
		}
		for _, s := range r.stays(k.user) {
			if model[key{k.user, s.node}] != s {
				t.Fatalf("step %d: %v", step, s)
			}
		}
		if step%10 > 0 {
			continue
		}
		got := map[key]stay{}
		r.each(func(u parley.UserID, s stay) { got[key{u, s.node}] = s })
		if !reflect.DeepEqual(got, model) || r.empty() != (len(model) == 0) {
			t.Fatalf("step %d: %v, want %v", step, got, model)
		}
	}
}

// Rolls that apply the same operations are the same; so is one that reads them as they are written.
func TestOperationsAreReadAsTheyWereWritten(t *testing.T) {
	o := operation{author: "me", number: 1 << 40, kind: beatOf, node: "n.1", ttl: 5_000_000, all: true}
	for i := range 9000 {
		o.list = append(o.list, parley.PresenceChange{User: parley.UserID(fmt.Sprint("user", i)), Channel: "a long name of a channel", Here: true,
			Since: 1_774_684_800_123_456, Transports: 5})
	}
	o.list = append(o.list, parley.PresenceChange{User: "gone", Seen: 7})
	messages := o.encode()
	if len(messages) < 2 {
		t.Fatal("one message for all")
	}
	var list []parley.PresenceChange
	for i, m := range messages {
		part, err := decodeOperation(m)
		if err != nil {
			t.Fatal(err)
		}
		if list = append(list, part.list...); part.more != (i < len(messages)-1) || len(m) > maxOperation+200 {
			t.Errorf("part %d has %d bytes, more: %v", i, len(m), part.more)
		}
		part.more, part.list = false, o.list
		if !reflect.DeepEqual(part, o) {
			t.Errorf("part %d: %+v", i, part)
		}
	}
	if !slices.Equal(list, o.list) {
		t.Error("the changes are others")
	}
	// None of it shows before all has come, and nothing of what was given up before.
	r := newRoll()
	given := operation{author: "me", number: 7, node: "n.1", ttl: 1, more: true, list: []parley.PresenceChange{{User: "ghost", Here: true}}}
	r.apply(&given, 1, 1, 50, false)
	for i, m := range messages {
		part, err := decodeOperation(m)
		if err != nil {
			t.Fatal(err)
		}
		a := r.apply(&part, len(m), uint64(i+1), 100, true)
		if last := i == len(messages)-1; (len(r.nodes) == 1) != last || last && len(a.lease.Elsewhere) != len(o.list) {
			t.Errorf("after part %d there are %d nodes", i, len(r.nodes))
		}
	}
	if is := r.online("ghost", 100); is.Online {
		t.Error("what was given up is applied")
	}
	for _, m := range [][]byte{nil, {9, 1}, messages[0][:len(messages[0])-1]} {
		if o, err := decodeOperation(m); err == nil {
			t.Errorf("read as %+v", o)
		}
	}
}

func FuzzOperation(f *testing.F) {
	o := operation{author: "me", number: 1, node: "n", list: []parley.PresenceChange{{User: "u", Here: true}}}
	f.Add(o.encode()[0])
	f.Add(encodeSigns([]sign{{"u", 7}}))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if o, err := decodeOperation(b); err == nil {
			newRoll().apply(&o, len(b), 1, 1, true)
		}
		_, _ = decodeSigns(b)
	})
}
