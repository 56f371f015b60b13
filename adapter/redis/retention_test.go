package redis_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
)

func fill(t *testing.T, s parley.Log, channel parley.ChannelID, n int) {
	t.Helper()
	drafts := make([]parley.Draft, n)
	for i := range drafts {
		drafts[i] = parley.Draft{User: "alice", Text: "@bob " + fmt.Sprint(i), Key: fmt.Sprint(i)}
	}
	for _, r := range s.Append(t.Context(), channel, drafts...) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// left are the keys that Redis has of a channel.
func left(t *testing.T, cfg redis.Config, channel parley.ChannelID, kind string) string {
	t.Helper()
	return strings.TrimSpace(cliOf(t, cfg.URL, "HLEN", cfg.Prefix+"{"+string(channel)+"}:"+kind))
}

func TestRetentionOfChannelsWithoutSettings(t *testing.T) {
	cfg := config(t)
	cfg.Retention = parley.Retention{Messages: 100}
	cfg.RetentionOf = func(c parley.ChannelID) parley.Retention {
		if c == "few" {
			return parley.Retention{Messages: 20}
		}
		return parley.Retention{}
	}
	s := openOne(t, cfg)
	if _, _, err := s.SetChannel(t.Context(), "all", parley.Settings{Retention: &parley.Retention{}}.Replace); err != nil {
		t.Fatal(err)
	}
	for _, channel := range []parley.ChannelID{"some", "few", "all"} {
		fill(t, s, channel, 500)
	}
	bounds, err := s.Bounds(t.Context(), "some", "few", "all")
	if err != nil || bounds[0].First != 401 || bounds[1].First != 481 || bounds[2].First != 1 {
		t.Errorf("%+v, %v", bounds, err)
	}
	if n := left(t, cfg, "some", "log"); n != "200" {
		t.Errorf("%s entries and keys are left", n)
	}
}

func TestSweepTrimsWhatNobodyUses(t *testing.T) {
	var now atomic.Int64
	now.Store(1_800_000_000_000_000)
	cfg := config(t)
	cfg.Clock = func() time.Time { return time.UnixMicro(now.Load()) }
	cfg.Retention = parley.Retention{Seconds: 60}
	s := openOne(t, cfg)
	fill(t, s, "room", 2500)
	project(t, s)
	now.Add(120e6)
	if n := left(t, cfg, "room", "log"); n != "5000" {
		t.Fatalf("%s entries are left before the sweep", n)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"log", "named"} {
		if n := left(t, cfg, "room", kind); n != "0" {
			t.Errorf("%s of %s are left", n, kind)
		}
	}
}

func TestWithoutRoomMessagesAreRefusedAndRemovalWorks(t *testing.T) {
	server := own(t, "--maxmemory", "8mb")
	cfg := redis.Config{URL: server.URL(t)}
	s := openOne(t, cfg)
	text := strings.Repeat("x", 10_000)
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		err = s.Append(t.Context(), "room", parley.Draft{User: "alice", Text: text})[0].Err
	}
	if !errors.Is(err, parley.ErrUnavailable) {
		t.Fatalf("without room: %v", err)
	}
	if run, err := s.Read(t.Context(), "room", parley.Cursor{}, 3); err != nil || len(run.Entries) != 3 {
		t.Errorf("read without room: %v", err)
	}
	if err := s.RemoveChannel(t.Context(), "room"); err != nil {
		t.Errorf("remove without room: %v", err)
	}
	if r := s.Append(t.Context(), "room", parley.Draft{User: "alice", Text: text})[0]; r.Err != nil {
		t.Errorf("when there is room again: %v", r.Err)
	}
}
