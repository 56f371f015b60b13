package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/transfer"
)

func system(projected bool) transfer.System {
	h := mem.NewStore(mem.StoreConfig{Projected: projected}).Open()
	return transfer.System{Store: h, Keys: h}
}

// filled is a system with some of everything.
func filled(t *testing.T, projected bool) transfer.System {
	t.Helper()
	s := system(projected)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add := func(c parley.ChannelID, drafts ...parley.Draft) {
		t.Helper()
		for _, r := range s.Append(t.Context(), c, drafts...) {
			check(r.Err)
		}
	}
	member := func(c parley.ChannelID, user parley.UserID, change parley.MemberChange) {
		t.Helper()
		_, _, err := s.SetMember(t.Context(), c, user, change)
		check(err)
	}
	for i := range 30 {
		c := parley.ChannelID(fmt.Sprint("room-", i))
		for k := range 100 {
			add(c, parley.Draft{User: "alice", Name: "A \"b\" \u2028", Text: fmt.Sprint("@bob ", k, " <é> \x00"), Key: fmt.Sprint(k),
				Join: true, Data: json.RawMessage(`{"raw": "AAE=","n":1}`)})
		}
	}
	text := "edited"
	add("room-1", parley.Draft{User: "bob", Text: "reply", Thread: 7, Join: true},
		parley.Draft{User: "bob", Change: &parley.Change{Of: 7, Kind: parley.ChangeEdit, Text: &text}},
		parley.Draft{User: "bob", Change: &parley.Change{Of: 8, Kind: parley.ChangeDelete}})
	for i := range 30 {
		add("room-1", parley.Draft{User: parley.UserID(fmt.Sprint("u", i)), Change: &parley.Change{Of: 7, Kind: parley.ChangeReact, Emoji: "👍"}})
	}
	add("gone", parley.Draft{User: "alice", Text: "x"}, parley.Draft{User: "alice", Text: "y"})
	check(s.RemoveChannel(t.Context(), "gone"))
	owner, banned, mute, read := parley.RoleOwner, parley.RoleBanned, parley.MuteAll, int64(50)
	member("room-2", "owner", parley.MemberChange{Role: &owner, Mute: &mute})
	member("room-2", "eve", parley.MemberChange{Role: &banned})
	member("room-2", "owner", parley.MemberChange{Read: &read})
	member("members", "owner", parley.MemberChange{Role: &owner})
	_, _, err := s.SetChannel(t.Context(), "room-3", parley.Settings{Title: "T", Data: json.RawMessage(`{"a":[1]}`),
		Retention: &parley.Retention{Messages: 20}}.Replace)
	check(err)
	_, err = s.Keys.PutKey(t.Context(), parley.Key{Name: "shop", Hash: sha256.Sum256([]byte("x")), Created: 7})
	check(err)
	check(s.Revoke(t.Context(), "eve", 1_774_684_800_123_456))
	return s
}

func export(t *testing.T, s transfer.System) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := transfer.Export(t.Context(), s, &b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// content is an export without its first line.
func content(b []byte) string {
	_, rest, _ := strings.Cut(string(b), "\n")
	return rest
}

func imported(t *testing.T, s transfer.System, file []byte) {
	t.Helper()
	r, err := transfer.Import(t.Context(), s, bytes.NewReader(file), nil)
	if err != nil || len(r.Differences) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestEverythingIsMoved(t *testing.T) {
	for _, projected := range []bool{false, true} {
		file := export(t, filled(t, projected))
		for _, part := range []string{`"data":{"raw": "AAE=","n":1}`, `"type":"revocation"`, `"role":"banned"`, `"type":"key","hash":`, `"u29"`} {
			if !strings.Contains(string(file), part) {
				t.Errorf("the file has no %s", part)
			}
		}
		to := system(!projected)
		var told [][2]int64
		r, err := transfer.Import(t.Context(), to, bytes.NewReader(file), func(n, of int64) { told = append(told, [2]int64{n, of}) })
		if err != nil || len(r.Differences) > 0 || r.Channels != 32 || r.Entries != 29*100+20+33 || r.Keys != 1 || r.Revocations != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		if n := len(told); n == 0 || told[n-1] != [2]int64{r.Entries, r.Entries} {
			t.Errorf("progress was %v", told)
		}
		if again := export(t, to); content(again) != content(file) {
			was := strings.SplitAfter(content(file), "\n")
			for i, line := range strings.SplitAfter(content(again), "\n") {
				if i >= len(was) || line != was[i] {
					t.Fatalf("the export of the other system differs in line %d of %d: %s", i, len(was), line)
				}
			}
		}
		imported(t, to, file) // a repeat changes nothing
	}
}

// failing fails after so many calls that restore.
type failing struct {
	transfer.Store
	left *atomic.Int64
}

var errFailed = errors.New("failed")

func (f failing) Restore(ctx context.Context, c parley.ChannelID, at parley.Origin, ms []parley.Message) error {
	if f.left.Add(-1) < 0 {
		return errFailed
	}
	return f.Store.Restore(ctx, c, at, ms)
}

func TestImportIsResumed(t *testing.T) {
	file, other := export(t, filled(t, false)), export(t, system(false))
	for _, calls := range []int64{0, 1, 2, 9, 30} {
		to := system(true)
		var left atomic.Int64
		left.Store(calls)
		_, err := transfer.Import(t.Context(), transfer.System{Store: failing{to.Store, &left}, Keys: to.Keys}, bytes.NewReader(file), nil)
		if !errors.Is(err, errFailed) {
			t.Fatalf("after %d calls: %v", calls, err)
		}
		if _, err := transfer.Import(t.Context(), to, bytes.NewReader(other), nil); !errors.Is(err, transfer.ErrOther) {
			t.Errorf("another file: %v", err)
		}
		imported(t, to, file)
		if content(export(t, to)) != content(file) {
			t.Errorf("after %d calls the system is another one", calls)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	file := string(export(t, filled(t, false)))
	first, rest, _ := strings.Cut(file, "\n")
	lines := strings.SplitAfter(rest, "\n")
	for name, c := range map[string]struct {
		file string
		want error
	}{
		"empty":           {"", transfer.ErrNoExport},
		"something else":  {"hello\n", transfer.ErrNoExport},
		"no header":       {rest, transfer.ErrNoExport},
		"later version":   {strings.Replace(first, `"version":1`, `"version":2`, 1) + "\n" + rest, transfer.ErrNewer},
		"cut off":         {first + "\n" + strings.Join(lines[:len(lines)/2], ""), transfer.ErrCutOff},
		"cut in a line":   {file[:len(file)/2], transfer.ErrDamaged},
		"unknown line":    {first + "\n" + `{"type":"x"}` + "\n", transfer.ErrDamaged},
		"no channel":      {first + "\n" + `{"type":"message","id":1}` + "\n", transfer.ErrDamaged},
		"a missing entry": {first + "\n" + strings.Join(append(lines[:10:10], lines[11:]...), ""), parley.ErrGap},
	} {
		if _, err := transfer.Import(t.Context(), system(false), strings.NewReader(c.file), nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := transfer.Import(t.Context(), filled(t, false), strings.NewReader(file), nil); !errors.Is(err, transfer.ErrNotEmpty) {
		t.Errorf("into a system that is not empty: %v", err)
	}
}

// altering restores something else.
type altering struct {
	transfer.Store
	entries, places bool
}

func (a altering) Restore(ctx context.Context, c parley.ChannelID, at parley.Origin, ms []parley.Message) error {
	if a.entries && c == "room-4" && len(ms) > 0 {
		ms[len(ms)-1].Text += "!"
	}
	return a.Store.Restore(ctx, c, at, ms)
}

func (a altering) RestorePlace(ctx context.Context, c parley.ChannelID, m parley.Member) error {
	if a.places && m.User == "owner" {
		m.ReadID--
	}
	return a.Store.RestorePlace(ctx, c, m)
}

func TestDifferencesAreReported(t *testing.T) {
	file := export(t, filled(t, false))
	for want, a := range map[string]altering{
		"room-4: the first of its entries that is not as in the file lies between 1 and 100": {entries: true},
		"room-2: its members are not those of the file":                                      {places: true},
	} {
		to := system(false)
		a.Store = to.Store
		r, err := transfer.Import(t.Context(), transfer.System{Store: a, Keys: to.Keys}, bytes.NewReader(file), nil)
		if err != nil || len(r.Differences) == 0 || r.Differences[len(r.Differences)-1] != want {
			t.Errorf("%+v, %v", r, err)
		}
	}
}
