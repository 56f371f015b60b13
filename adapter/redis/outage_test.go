package redis_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/testenv"
)

// freeze stops Redis without ending it, and returns what lets it go on. node is a folder in that of the service, or "".
func freeze(t *testing.T, server *testenv.SharedService, node string) (thaw func()) {
	t.Helper()
	var pid int
	b, err := os.ReadFile(filepath.Join(server.Dir(), node, "pid"))
	if err == nil {
		_, err = fmt.Sscan(string(b), &pid)
	}
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGSTOP)
	}
	if err != nil {
		t.Fatal(err)
	}
	thaw = func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(thaw) // a stopped server does not end
	return thaw
}

func TestStoreThatIsFrozenRefusesAtOnceAndContinues(t *testing.T) {
	server := own(t)
	s := openOne(t, redis.Config{URL: server.URL(t)})
	before := post(t, s, "1", "one")
	thaw := freeze(t, server, "")
	// The first that is not answered may be stored. Afterwards nothing is sent.
	r := s.Append(t.Context(), "room", parley.Draft{User: "alice", Key: "2", Text: "two"})[0]
	if !errors.Is(r.Err, parley.ErrUnknown) {
		t.Fatalf("an append that Redis does not answer: %v", r.Err)
	}
	for _, channel := range []parley.ChannelID{"room", "other"} {
		for range 50 {
			r := s.Append(t.Context(), channel, parley.Draft{User: "alice", Text: "never"})[0]
			if !errors.Is(r.Err, parley.ErrUnavailable) || errors.Is(r.Err, parley.ErrUnknown) {
				t.Fatalf("an append while Redis is known to be away: %v", r.Err)
			}
		}
	}
	change := parley.Draft{User: "alice", Change: &parley.Change{Of: 1, Kind: parley.ChangeDelete}}
	for what, err := range map[string]error{
		"Bounds":        errorOf(s.Bounds(t.Context(), "room")),
		"Read":          errorOf(s.Read(t.Context(), "room", parley.Cursor{}, 1)),
		"First":         errorOf(s.First(t.Context(), "k", time.Minute)),
		"Memberships":   errorOf(s.Memberships(t.Context(), "alice", "", 10)),
		"PutUnfinished": s.PutUnfinished(t.Context(), "n", "room"),
		"a change":      s.Append(t.Context(), "room", change)[0].Err,
	} {
		if !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("%s while Redis is away: %v", what, err)
		}
	}
	thaw()
	again := post(t, s, "2", "two")
	if again.Epoch != before.Epoch || again.Message.ID != 2 {
		t.Errorf("after it was frozen: %+v", again)
	}
	run, err := s.Read(t.Context(), "room", parley.Cursor{}, 10)
	if err != nil || len(run.Entries) != 2 {
		t.Errorf("the channel holds %+v, %v", run, err)
	}
	if b, err := s.Bounds(t.Context(), "other"); err != nil || b[0].Last != 0 {
		t.Errorf("what was refused is stored: %+v, %v", b, err)
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestStoreEndsWhileRedisIsFrozen(t *testing.T) {
	server := own(t)
	s := openOne(t, redis.Config{URL: server.URL(t)})
	freeze(t, server, "")
	if r := s.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "x"})[0]; !errors.Is(r.Err, parley.ErrUnknown) {
		t.Errorf("an append that Redis does not answer: %v", r.Err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if r := s.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "x"})[0]; !errors.Is(r.Err, parley.ErrClosed) {
		t.Errorf("after the end: %v", r.Err)
	}
}
