package parleytest_test

import (
	"os"
	"testing"
	"time"

	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/parleytest"
)

// badBuses are the ways in which a bus may fail.
var badBuses = map[string]parleytest.BusFaults{
	"loses, repeats, delays": {Lose: 0.2, Repeat: 0.2, Delay: 30 * time.Millisecond},
	"loses everything":       {Lose: 1},
	"deaf though connected":  {Deaf: true},
}

// long is how long the cluster tests run: PARLEY_CLUSTER=10m makes them search for longer.
func long(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(os.Getenv("PARLEY_CLUSTER"))
	if err != nil {
		return short
	}
	return d
}

// Readers that hop between nodes and transports lose and repeat nothing and see everything in
// order, whatever the bus does.
func TestAClusterLosesAndRepeatsNothing(t *testing.T) {
	for name, faults := range badBuses {
		for over, open := range sharedStores {
			t.Run(name+", over "+over, func(t *testing.T) {
				c := newCluster(t, 3, open, faults)
				r, err := load.Run(t.Context(),
					load.Config{Servers: []string{c.url}, For: long(t, 2*time.Second), Readers: 40, DropOdds: 20, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				t.Log(r)
				if !r.OK() || r.Resets != 0 || r.Acknowledged == 0 {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}
