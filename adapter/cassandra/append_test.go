package cassandra_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/cassandra"
)

const room parley.ChannelID = "room"

var errLost = errors.New("the answer was lost")

func keyed(key, text string) parley.Draft { return parley.Draft{User: "u", Key: key, Text: text} }

func plain(n int, name string) (ds []parley.Draft) {
	for i := range n {
		ds = append(ds, parley.Draft{User: "u", Text: fmt.Sprint(name, i)})
	}
	return ds
}

// stored demands that drafts were stored, and returns their ids.
func stored(t *testing.T, rs []parley.Result) (ids []int64) {
	t.Helper()
	for i, r := range rs {
		if r.Err != nil {
			t.Fatalf("result %d: %v", i, r.Err)
		}
		ids = append(ids, r.Message.ID)
	}
	return ids
}

// texts reads a channel, and demands that ids are dense, times rise and each text is there once.
func texts(t *testing.T, s *opened) (all []string) {
	t.Helper()
	seen := map[string]bool{}
	var last parley.Message
	for {
		run, err := s.Read(t.Context(), room, parley.Cursor{ID: last.ID}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(run.Entries) == 0 {
			return all
		}
		for _, m := range run.Entries {
			if m.ID != last.ID+1 || m.Time <= last.Time || m.Count != last.Count+1 || seen[m.Text] {
				t.Fatalf("after %+v comes %+v", last, m)
			}
			last, seen[m.Text] = m, true
			all = append(all, m.Text)
		}
	}
}

// once returns an error the first time only.
func once(err error) func(parley.ChannelID) error {
	return func(parley.ChannelID) error {
		was := err
		err = nil
		return was
	}
}

// testBucket is config's.
const testBucket = 64

func TestAppendCrossesBorders(t *testing.T) {
	s := open(t, config(t), 2)
	for _, n := range []int{testBucket - 1, 1, 1, testBucket, 3*testBucket + 5} {
		stored(t, s[0].Append(t.Context(), room, plain(n, fmt.Sprint(n, "/", len(texts(t, s[1])), "."))...))
		if n == 1 {
			s[0].Forget(room)
		}
	}
	if n := len(texts(t, s[1])); n != 5*testBucket+6 {
		t.Errorf("%d messages", n)
	}
	if b, err := s[1].Bounds(t.Context(), room); err != nil || b[0].Last != int64(len(texts(t, s[0]))) {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestStaleHeadOnlyCostsATry(t *testing.T) {
	s := open(t, config(t), 2)
	for i := range 2 * testBucket { // each of them has a head that is no longer the channel's
		if got := stored(t, s[i%2].Append(t.Context(), room, plain(1, fmt.Sprint(i, "."))...)); got[0] != int64(i+1) {
			t.Fatalf("message %d has id %d", i, got[0])
		}
	}
	texts(t, s[0])
}

func TestConflictMovesTheBatchAfterTheOther(t *testing.T) {
	for _, before := range []int{0, 1, testBucket - 2, testBucket - 1, testBucket} {
		s := open(t, config(t), 2)
		stored(t, s[0].Append(t.Context(), room, plain(before, "first")...))
		other := func() (done func(parley.ChannelID) error) {
			var once sync.Once
			return func(parley.ChannelID) error {
				once.Do(func() { stored(t, s[1].Append(t.Context(), room, plain(3, "other")...)) })
				return nil
			}
		}
		s[0].SetFaults(other(), nil)
		ids := stored(t, s[0].Append(t.Context(), room, plain(2, "own")...))
		if want := int64(before + 4); ids[0] != want || ids[1] != want+1 {
			t.Errorf("after %d and the other's 3 come %v", before, ids)
		}
		if all := texts(t, s[1]); len(all) != before+5 || all[before] != "other0" || all[before+4] != "own1" {
			t.Errorf("%v", all)
		}
	}
}

// A lost answer is found out by the batch's nonce, whether or not others have gone on.
func TestLostAnswerIsFoundOut(t *testing.T) {
	for _, before := range []int{0, testBucket - 1, testBucket} {
		for _, others := range []int{0, 2, 2 * testBucket} {
			s := open(t, config(t), 2)
			stored(t, s[0].Append(t.Context(), room, plain(before, "first")...))
			lose := once(errLost)
			s[0].SetFaults(nil, func(c parley.ChannelID) error {
				err := lose(c)
				if err != nil {
					stored(t, s[1].Append(t.Context(), room, plain(others, "other")...))
				}
				return err
			})
			rs := s[0].Append(t.Context(), room, keyed("k", "own"))
			if ids := stored(t, rs); ids[0] != int64(before+1) || rs[0].Duplicate {
				t.Errorf("after %d, with %d of others: %+v", before, others, rs)
			}
			if all := texts(t, s[1]); len(all) != before+1+others {
				t.Errorf("%d messages, want %d", len(all), before+1+others)
			}
			if r := s[1].Append(t.Context(), room, keyed("k", "again"))[0]; !r.Duplicate || r.Message.ID != int64(before+1) {
				t.Errorf("the repeat: %+v", r)
			}
		}
	}
}

// A batch that did not arrive is sent again, and loses if others were faster.
func TestLostBatchIsSentAgain(t *testing.T) {
	for _, others := range []int{0, 3} {
		s := open(t, config(t), 2)
		stored(t, s[0].Append(t.Context(), room, plain(1, "first")...))
		lose := once(errLost)
		s[0].SetFaults(func(c parley.ChannelID) error {
			err := lose(c)
			if err != nil {
				stored(t, s[1].Append(t.Context(), room, plain(others, "other")...))
			}
			return err
		}, nil)
		if ids := stored(t, s[0].Append(t.Context(), room, plain(1, "own")...)); ids[0] != int64(2+others) {
			t.Errorf("with %d of others: %v", others, ids)
		}
		texts(t, s[1])
	}
}

// A head that is so old that what came after it was removed only costs a try.
func TestHeadBeforeWhatWasRemovedOnlyCostsATry(t *testing.T) {
	cfg := config(t)
	now := time.Unix(1_800_000_000, 0)
	cfg.Clock = func() time.Time { return now }
	cfg.Retention = parley.Retention{Seconds: 60}
	s := open(t, cfg, 2)
	stored(t, s[0].Append(t.Context(), room, plain(1, "first")...))
	stored(t, s[1].Append(t.Context(), room, plain(5, "other")...))
	now = now.Add(time.Hour)
	if err := s[1].Trim(t.Context(), room); err != nil || s[1].CountRows(t, room) != 0 {
		t.Fatal(err)
	}
	if ids := stored(t, s[0].Append(t.Context(), room, plain(1, "next")...)); ids[0] != 7 {
		t.Errorf("%v", ids)
	}
}

// What no replica was given is not stored, and never will be.
func TestUnsentBatchIsRefused(t *testing.T) {
	s := open(t, config(t), 2)
	s[0].SetFaults(once(cassandra.ErrNotSent), nil)
	if r := s[0].Append(t.Context(), room, plain(1, "own")...)[0]; !errors.Is(r.Err, parley.ErrUnavailable) ||
		errors.Is(r.Err, parley.ErrUnknown) {
		t.Errorf("%+v", r)
	}
	stored(t, s[0].Append(t.Context(), room, plain(1, "next")...))
	if all := texts(t, s[1]); len(all) != 1 {
		t.Errorf("%v", all)
	}
}

// An outcome that cannot be found out is unknown, and what comes after it in the same call is not stored.
func TestOutcomeThatCannotBeFoundOutIsUnknown(t *testing.T) {
	s := open(t, config(t), 2)
	s[0].SetFaults(nil, func(parley.ChannelID) error {
		if err := s[0].Cut(); err != nil {
			t.Error(err)
		}
		return errLost
	})
	rs := s[0].Append(t.Context(), room, plain(testBucket+1, "own")...)
	for i, r := range rs {
		if want := parley.ErrUnknown; i < testBucket && !errors.Is(r.Err, want) {
			t.Fatalf("result %d: %v", i, r.Err)
		}
	}
	if r := rs[testBucket]; !errors.Is(r.Err, parley.ErrUnavailable) || errors.Is(r.Err, parley.ErrUnknown) {
		t.Errorf("the batch after it: %+v", r)
	}
	if all := texts(t, s[1]); len(all) != testBucket {
		t.Errorf("%d messages", len(all))
	}
}

func TestKeysWorkAcrossBucketsAndNodes(t *testing.T) {
	s := open(t, config(t), 2)
	first := stored(t, s[0].Append(t.Context(), room, keyed("a", "a"), keyed("b", "b")))
	stored(t, s[1].Append(t.Context(), room, plain(2*testBucket, "x")...))
	rs := s[0].Append(t.Context(), room, keyed("a", "again"), keyed("c", "c"), keyed("b", "again"))
	if ids := stored(t, rs); !rs[0].Duplicate || ids[0] != first[0] || rs[1].Duplicate || ids[1] != 2*testBucket+3 || ids[2] != first[1] {
		t.Errorf("%v: %+v", ids, rs)
	}
	for _, h := range s {
		if m, found, err := h.Lookup(t.Context(), room, "u", "b"); err != nil || !found || m.ID != first[1] {
			t.Errorf("%+v, %v, %v", m, found, err)
		}
	}
}

// Two nodes with the same key at a border: one of them stores it, in whichever bucket.
func TestKeyAtABorderIsStoredOnce(t *testing.T) {
	for round := range 5 {
		s := open(t, config(t), 2)
		stored(t, s[0].Append(t.Context(), room, plain(testBucket-1, "x")...))
		stored(t, s[1].Append(t.Context(), "other", plain(1, "x")...))
		results := make([]parley.Result, 2)
		var wait sync.WaitGroup
		for i := range results {
			wait.Go(func() {
				results[i] = s[i].Append(t.Context(), room, parley.Draft{User: "u", Text: fmt.Sprint("y", i)}, keyed("k", "own"))[1]
			})
		}
		wait.Wait()
		stored(t, results)
		if results[0].Message.ID != results[1].Message.ID || results[0].Duplicate == results[1].Duplicate {
			t.Errorf("round %d: %+v", round, results)
		}
		if all := texts(t, s[0]); len(all) != testBucket-1+3 {
			t.Errorf("round %d: %d messages", round, len(all))
		}
	}
}

// Everything has expired and was removed: ids go on after the last.
func TestIdsGoOnWhenNothingIsLeft(t *testing.T) {
	cfg := config(t)
	now := time.Unix(1_800_000_000, 0)
	cfg.Clock = func() time.Time { return now }
	cfg.Retention = parley.Retention{Seconds: 60}
	s := open(t, cfg, 2)
	const n = 3*testBucket + 1
	stored(t, s[0].Append(t.Context(), room, append(plain(n-1, "@bob "), parley.Draft{User: "u", Text: "x", Thread: 1})...))
	run, err := s[1].Read(t.Context(), room, parley.Cursor{}, n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s[1].Project(t.Context(), room, run); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if err := s[1].Trim(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	s[0].Forget(room)
	b, err := s[0].Bounds(t.Context(), room)
	if err != nil || b[0].First != n+1 || b[0].Last != n {
		t.Fatalf("%+v, %v", b, err)
	}
	if got := s[1].CountRows(t, room); got != 0 {
		t.Errorf("%d entries are left", got)
	}
	if ids := stored(t, s[0].Append(t.Context(), room, plain(1, "next")...)); ids[0] != n+1 {
		t.Errorf("the next id is %v", ids)
	}
	if c, err := s[0].Unread(t.Context(), "bob", parley.Place{Channel: room}); err != nil || c[0].Unread != 1 || c[0].Mentions != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
