package hub_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/wire"
)

func TestChannelsAreFoundAfterManyChanges(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	open := map[int]*hub.Session{}
	name := func(i int) parley.ChannelID { return parley.ChannelID(fmt.Sprint("c", i)) }
	for round := range 20 {
		for range 1500 {
			i := r.IntN(4000)
			if s := open[i]; s != nil && (round%2 == 1 || r.IntN(2) == 0) {
				s.Close()
				delete(open, i)
			} else if s == nil {
				open[i] = new(hub.Session)
				h.Open(open[i], wire.FormWS, noBell{})
				if _, err := open[i].Follow(t.Context(), name(i), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range 4000 {
			h.Event(name(i), parley.Event{Name: "typing", Object: []byte(`{}`)})
		}
		for i, s := range open {
			n := 0
			for b, _ := s.Next("", 1, 1); len(b) > 0; b, _ = s.Next("", 1, 1) {
				n++
			}
			if n != 1 {
				t.Fatalf("seed %d, round %d: channel %d got %d events", seed, round, i, n)
			}
		}
	}
	for _, s := range open {
		s.Close()
	}
	if h.Recent() != 0 {
		t.Errorf("seed %d: %d bytes are kept for nobody", seed, h.Recent())
	}
}
