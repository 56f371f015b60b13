package redis_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// TestReplicaThatLostTheTailBeginsAnEpoch kills a server and has a replica take its place that never received the last messages.
func TestReplicaThatLostTheTailBeginsAnEpoch(t *testing.T) {
	master, replica := own(t), own(t)
	m, r := master.URL(t), replica.URL(t)
	replicate(t, r, m)
	a, b := openOne(t, redis.Config{URL: m, Replicas: 1}), openOne(t, redis.Config{URL: m})
	before := post(t, a, "1", "one") // which the replica has
	cliOf(t, r, "REPLICAOF", "127.0.0.1", "1")
	post(t, b, "2", "two")
	tail := post(t, b, "3", "three")
	if tail.Message.ID != 3 || tail.Epoch != before.Epoch {
		t.Fatalf("%+v", tail)
	}
	if _, err := master.Control("kill"); err != nil {
		t.Fatal(err)
	}
	cliOf(t, r, "REPLICAOF", "NO", "ONE")
	_, port, _ := strings.Cut(strings.TrimPrefix(m, "redis://"), ":")
	cliOf(t, r, "CONFIG", "SET", "port", port)
	after := post(t, b, "4", "four")
	if after.Epoch == before.Epoch || after.Message.ID != 2 {
		t.Errorf("after the failover: %+v", after)
	}
	for _, id := range []int64{3, 1} { // what was lost, and what is there
		if _, err := a.Read(t.Context(), "room", parley.Cursor{ID: id, Epoch: before.Epoch}, 10); !errors.Is(err, parley.ErrEpoch) {
			t.Errorf("a cursor after %d of the epoch before: %v", id, err)
		}
	}
	run, err := a.Read(t.Context(), "room", parley.Cursor{}, 10)
	if err != nil || run.Epoch != after.Epoch || len(run.Entries) != 2 || run.Entries[1].Text != "four" {
		t.Errorf("the channel holds %+v, %v", run, err)
	}
	if again := post(t, b, "3", "three"); again.Duplicate || again.Message.ID != 3 || again.Epoch != after.Epoch {
		t.Errorf("what was lost, sent again: %+v", again)
	}
}

// TestClusterFailsOver kills a server of a Cluster whose replica takes its place.
func TestClusterFailsOver(t *testing.T) {
	server := testenv.NewService("redis", "--nodes", "6", "--replicas", "1")
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	addrs := strings.Split(server.URL(t), ",")
	cfg := redis.Config{URL: "redis://" + addrs[0] + "?addr=" + strings.Join(addrs[1:], "&addr="), Prefix: "m:"}
	s := openOne(t, cfg)
	all := buses(t, cfg)
	got, lost := make(chan parley.Envelope, 200_000), make(chan struct{}, 1)
	parleytest.StartBus(t, all[0], parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }, OnLost: func() {
		select {
		case lost <- struct{}{}:
		default:
		}
	}})
	parleytest.StartBus(t, all[1], parleytest.Listener{})
	var channels []parley.ChannelID
	for i := range 60 {
		channels = append(channels, parley.ChannelID(fmt.Sprint("c", i)))
		parleytest.Join(t, all[0], channels[i])
	}
	arrivesInTime(t, all, channels, got, 1)
	before := post(t, s, "1", "one")
	m := mover{t, addrs}
	dead := m.owner(m.cli(addrs[0], "CLUSTER", "KEYSLOT", "m:{room}:"))
	for i, addr := range addrs {
		if addr == dead {
			if _, err := server.Control("kill", "--node", fmt.Sprint(i+1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	after := post(t, s, "2", "two")
	if after.Epoch == before.Epoch || after.Message.ID > 2 {
		t.Errorf("after the failover: %+v", after)
	}
	if _, err := s.Read(t.Context(), "room", parley.Cursor{ID: 1, Epoch: before.Epoch}, 10); !errors.Is(err, parley.ErrEpoch) {
		t.Errorf("a cursor of the epoch that ended: %v", err)
	}
	parleytest.Soon(t, "Lost", lost)
	arrivesInTime(t, all, channels, got, 1_000_000)
}
