package cassandra_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// project takes in all entries of room.
func project(t *testing.T, s *opened) {
	t.Helper()
	for {
		at, err := s.Position(t.Context(), room)
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.Read(t.Context(), room, parley.Cursor{ID: at[0]}, 50)
		if err != nil {
			t.Fatal(err)
		}
		if len(run.Entries) == 0 {
			return
		}
		if _, err := s.Project(t.Context(), room, run); err != nil {
			t.Fatal(err)
		}
	}
}

func changing(c parley.Change) parley.Draft { return parley.Draft{User: "u", Change: &c} }

// What was deleted is overwritten, with all its changes, when their buckets are full.
func TestDeletedMessageIsOverwritten(t *testing.T) {
	const secret = "s3cret"
	text := secret + " @bob, edited"
	edit := changing(parley.Change{Of: 2, Kind: parley.ChangeEdit, Text: &text})
	remove := changing(parley.Change{Of: 2, Kind: parley.ChangeDelete})
	react := changing(parley.Change{Of: 2, Kind: parley.ChangeReact, Emoji: "x"})
	for name, parts := range map[string][2][]parley.Draft{ // before and after a border
		"all in one bucket":         {{edit, react, remove}, nil},
		"deleted in the next":       {{edit}, {remove}},
		"edited in the next":        {nil, {edit, react, remove}},
		"a bucket between them":     {{edit}, append(plain(testBucket, "between"), edit, react, remove)},
		"deleted when it was alone": {nil, {remove}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, config(t), 2)
			stored(t, s[0].Append(t.Context(), room, plain(1, "first")...))
			stored(t, s[0].Append(t.Context(), room, parley.Draft{User: "u", Text: secret, Key: "k"}))
			if edited := "again " + text; len(parts[1]) > testBucket {
				parts[1][testBucket] = changing(parley.Change{Of: 2, Kind: parley.ChangeEdit, Text: &edited})
			}
			for i, part := range parts {
				stored(t, s[0].Append(t.Context(), room, part...))
				project(t, s[1])
				if i == 0 && !strings.Contains(s[1].Stored(t, room), secret) {
					t.Error("a conditional batch may still come, and the text is overwritten")
				}
				stored(t, s[0].Append(t.Context(), room, plain(testBucket, "x")...))
				project(t, s[1])
			}
			if strings.Contains(s[1].Stored(t, room), secret) {
				t.Error("the text is still stored")
			}
			run, err := s[0].Read(t.Context(), room, parley.Cursor{}, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range run.Entries {
				if (m.ID == 2 || m.Of == 2 && m.Target.ID != 2) && !m.Deleted || m.Of == 2 && !m.Target.Deleted {
					t.Errorf("%+v of %+v", m, m.Target)
				}
			}
			if r := s[0].Append(t.Context(), room, keyed("k", "x"))[0]; !r.Duplicate || !r.Message.Deleted {
				t.Errorf("a repeat: %+v", r)
			}
		})
	}
}

// What retention or a removal took away is not stored any more, also in a bucket that is not full.
func TestWhatIsNotKeptIsNotStored(t *testing.T) {
	const secret = "s3cret"
	text := secret + ", edited"
	for name, n := range map[string]int{
		"a bucket that is not full": 5, "more than one bucket": testBucket + 5, "full buckets": 2*testBucket - 2,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			now := time.Unix(1_800_000_000, 0)
			cfg.Clock = func() time.Time { return now }
			s := open(t, cfg, 2)
			edit := changing(parley.Change{Of: 1, Kind: parley.ChangeEdit, Text: &text})
			stored(t, s[0].Append(t.Context(), room, append([]parley.Draft{keyed("k", secret), edit}, plain(n, secret)...)...))
			project(t, s[1])
			if err := s[1].RemoveChannel(t.Context(), room); err != nil {
				t.Fatal(err)
			}
			for _, wait := range []time.Duration{0, time.Hour} {
				now = now.Add(wait)
				if err := s[1].Trim(t.Context(), room); err != nil {
					t.Fatal(err)
				}
				if wait == 0 && s[0].CountRows(t, room) == 0 {
					t.Error("a batch that lost its answer could not find itself")
				}
			}
			if strings.Contains(s[0].Stored(t, room), secret) || s[0].CountRows(t, room) != 0 {
				t.Errorf("%d entries are still stored", s[0].CountRows(t, room))
			}
			rs := s[0].Append(t.Context(), room, keyed("k", "next"), keyed("k", "again"))
			if ids := stored(t, rs); ids[0] != int64(n+3) || rs[0].Duplicate || ids[1] != ids[0] || !rs[1].Duplicate {
				t.Errorf("%+v", rs)
			}
		})
	}
}
