package embedded_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
)

// content is what a store returns, as recorded in testdata/format1.zip by the version that created it.
type content struct {
	Epoch    string
	Channels []parley.ChannelID
	Open     []parley.ChannelID
	Rooms    map[parley.ChannelID]*roomContent
	Lists    map[parley.UserID][]parley.ChannelID
	Revoked  map[parley.UserID]parley.Timestamp
}

type roomContent struct {
	First, Last int64
	Time        int64
	Entries     []parley.Message
	Settings    parley.Settings
	Members     []parley.Member
	Banned      map[parley.UserID]parley.Role
	Unread      map[parley.UserID][2]int64
	Latest      *parley.Message
	Threads     map[int64][]int64
	Replies     map[int64]int64
	Reactors    map[string][]parley.UserID
}

// answers asks a store for everything that was recorded.
func answers(t *testing.T, l *embedded.Log, of *content) *content {
	t.Helper()
	ctx := t.Context()
	is := &content{Epoch: l.Epoch(), Rooms: map[parley.ChannelID]*roomContent{}, Lists: map[parley.UserID][]parley.ChannelID{},
		Revoked: map[parley.UserID]parley.Timestamp{}}
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	var err error
	is.Channels, err = l.Channels(ctx, "", 100)
	add(err)
	is.Open, err = l.OpenChannels(ctx, "", 100)
	add(err)
	for user := range of.Lists {
		is.Lists[user], err = l.Memberships(ctx, user, "", 100)
		add(err)
		is.Revoked[user], err = l.Revoked(ctx, user)
		add(err)
	}
	for ch, want := range of.Rooms {
		bs, err := l.Bounds(ctx, ch)
		add(err)
		sets, err := l.Settings(ctx, ch)
		add(err)
		last, err := l.Latest(ctx, ch)
		add(err)
		b := bs[0]
		r := &roomContent{First: b.First, Last: b.Last, Time: int64(b.Time), Settings: sets[0], Latest: last[0],
			Banned: map[parley.UserID]parley.Role{}, Unread: map[parley.UserID][2]int64{}, Threads: map[int64][]int64{},
			Replies: map[int64]int64{}, Reactors: map[string][]parley.UserID{}}
		is.Rooms[ch] = r
		r.Entries, err = runOf(ctx, l, ch, parley.Cursor{ID: b.First - 1}, 1000)
		add(err)
		r.Members, _, err = l.Members(ctx, ch, "", 100)
		add(err)
		for i := range r.Members {
			r.Members[i].ReadCount = 0 // it was not recorded
		}
		for user := range of.Lists {
			ms, err := l.Member(ctx, user, ch)
			add(err)
			m := ms[0]
			r.Unread[user] = [2]int64{}
			if !m.Role.In() {
				r.Banned[user] = m.Role
				continue
			}
			n, err := l.Unread(ctx, user, parley.Place{Channel: ch, ReadID: m.ReadID, ReadCount: m.ReadCount})
			add(err)
			r.Unread[user] = [2]int64{n[0].Unread, n[0].Mentions}
		}
		for root := range want.Threads {
			th, err := l.Thread(ctx, ch, root, parley.ThreadQuery{Limit: 100})
			add(err)
			r.Replies[root], r.Threads[root] = th.Count, []int64{root}
			for _, m := range th.Replies {
				r.Threads[root] = append(r.Threads[root], m.ID)
			}
		}
		for emoji := range want.Reactors {
			rs, err := l.Reactors(ctx, ch, 1, emoji, "u01", "", 100)
			add(err)
			r.Reactors[emoji] = rs.Users
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return is
}

// unzip unpacks a data directory of another version, and returns its recorded content.
func unzip(t *testing.T, file string) (dir string, holds *content) {
	t.Helper()
	dir = t.TempDir()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := os.CopyFS(dir, z); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "want.json"))
	if err == nil {
		b = bytes.ReplaceAll(b, []byte(`"Muted": true`), []byte(`"Mute": "all"`)) // its name then
		err = json.Unmarshal(b, &holds)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, holds
}

// same compares as JSON, where a missing list and an empty list of another version are equal.
func same(t *testing.T, when string, got, want *content) {
	t.Helper()
	for ch := range want.Rooms {
		if g, w := asJSON(t, got.Rooms[ch]), asJSON(t, want.Rooms[ch]); g != w {
			t.Errorf("%s: %s has %.3000s\nwant %.3000s", when, ch, g, w)
		}
	}
	if g, w := asJSON(t, got), asJSON(t, want); g != w && !t.Failed() {
		t.Errorf("%s: %.2000s\nwant %.2000s", when, g, w)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("null", "[]").Replace(string(b))
}

// A data directory of the previous format is read unchanged, also after changes by this version.
func TestDirectoryOfPreviousFormatOpens(t *testing.T) {
	dir, want := unzip(t, "testdata/format1.zip")
	cfg := embedded.Config{FreeFloor: -1, TrimEvery: time.Hour}
	log := start(t, dir, cfg)
	same(t, "opened", answers(t, log.Log, want), want)
	rows, err := log.Untagged()
	if err != nil || rows < 100 {
		t.Errorf("%d rows of the previous format, %v: the fixture shows nothing", rows, err)
	}
	log.stop(t)
	log = start(t, dir, cfg)
	same(t, "opened again", answers(t, log.Log, want), want)

	// What is written now is in this format, next to rows in the previous one.
	for _, d := range []parley.Draft{{User: "alice", Key: "k1", Text: "again"}, {User: "bob", Key: "k\x00", Text: "again"}} {
		if r := log.Append(t.Context(), "room", d)[0]; r.Err != nil || !r.Duplicate {
			t.Errorf("a repeat: %+v", r)
		}
	}
	text := "edited twice"
	if m := changing(t, log, "bob", parley.Change{Of: 2, Kind: parley.ChangeEdit, Text: &text}); m.Target.Data == nil ||
		m.Target.Text != text {
		t.Errorf("%+v", m.Target)
	}
	if m := changing(t, log, "u03", parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "👍"}); m.Target.Reactions[0].Count != 25 {
		t.Errorf("%+v", m.Target)
	}
	reply := log.Append(t.Context(), "room", parley.Draft{User: "dora", Text: "@bob", Thread: 1})[0]
	if reply.Err != nil {
		t.Fatal(reply.Err)
	}
	changing(t, log, "alice", parley.Change{Of: 1, Kind: parley.ChangeDelete})
	if rows, err := log.Holds("room", "Räume"); err != nil || rows != 0 {
		t.Error(rows, err)
	}
	th, err := log.Thread(t.Context(), "room", 1, parley.ThreadQuery{Limit: 10})
	if err != nil || th.Count != 2 || !th.Root.Deleted || th.Root.Text != "" {
		t.Errorf("%+v, %v", th, err)
	}
	if err := log.Revoke(t.Context(), "eve", 1_774_684_800_000_000); err != nil {
		t.Fatal(err)
	}
	if at, err := log.Revoked(t.Context(), "eve"); err != nil || at != 1_774_684_800_000_001 {
		t.Error(at, err)
	}
	was, is, err := log.SetChannel(t.Context(), "room", func(s *parley.Settings) error { s.Topic = "other"; return nil })
	if err != nil || was.Topic != "t" || is.Title != "Räume" {
		t.Errorf("%+v, %+v, %v", was, is, err)
	}
	busy := log.Append(t.Context(), "busy", parley.Draft{User: "alice", Text: "@bob"})[0]
	ms, err := log.Member(t.Context(), "bob", "busy")
	if err != nil {
		t.Fatal(err)
	}
	n, err := log.Unread(t.Context(), "bob", parley.Place{Channel: "busy", ReadID: ms[0].ReadID, ReadCount: ms[0].ReadCount})
	if unread := busy.Message.ID - ms[0].ReadID; err != nil || n[0].Unread != unread || n[0].Mentions != unread {
		t.Errorf("%+v, %v, want %d", n, err, unread)
	}
	if err := log.RemoveChannel(t.Context(), "closed"); err != nil {
		t.Fatal(err)
	}
	if left, err := log.Holds("closed", ""); err != nil || left != 0 {
		t.Errorf("%d rows are left, %v", left, err)
	}
}

// Every value that this version writes begins with a format byte.
func TestEveryValueNamesItsForm(t *testing.T) {
	log := start(t, "data", embedded.Config{FS: vfs.NewMem(), TrimEvery: time.Hour})
	fillAll(t, log)
	if rows, err := log.Untagged(); err != nil || rows != 0 {
		t.Errorf("%d rows do not, %v", rows, err)
	}
}

// fillAll writes a row of each kind.
func fillAll(t *testing.T, log *running) {
	t.Helper()
	for i := range 20 {
		for _, d := range []parley.Draft{{User: "alice", Text: "secret @bob", Key: fmt.Sprint(i), Join: true},
			{User: "bob", Text: "x", Thread: 1, Join: true}} {
			if r := log.Append(t.Context(), "room", d)[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	text := "secret edited"
	changing(t, log, "alice", parley.Change{Of: 1, Kind: parley.ChangeEdit, Text: &text})
	changing(t, log, "bob", parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "x"})
	changing(t, log, "bob", parley.Change{Of: 2, Kind: parley.ChangeDelete})
	role := parley.RoleBanned
	if _, _, err := log.SetMember(t.Context(), "room", "eve", parley.MemberChange{Role: &role}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := log.SetChannel(t.Context(), "room", parley.Settings{Title: "t"}.Replace); err != nil {
		t.Fatal(err)
	}
	if err := log.Revoke(t.Context(), "eve", 1); err != nil {
		t.Fatal(err)
	}
}

// Fields of a later version in an entry are kept as long as this version knows that they are not content.
func TestUnknownFieldsAreKept(t *testing.T) {
	fs := vfs.NewMem()
	log := start(t, "data", embedded.Config{FS: fs, TrimEvery: time.Hour})
	fillAll(t, log)
	before, err := runOf(t.Context(), log, "room", parley.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range before {
		if err := log.Extend("room", m.ID, embedded.Field(6, "kept")+embedded.Field(7, "content")+embedded.Field(1<<40, "")); err != nil {
			t.Fatal(err)
		}
	}
	log.stop(t)
	log = start(t, "data", log.cfg)
	after, err := runOf(t.Context(), log, "room", parley.Cursor{}, 100)
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Fatalf("with fields of a later version it reads %+v, %v", after, err)
	}
	rows := func(what string) int {
		t.Helper()
		n, err := log.Holds("room", what)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	kept, content := rows("kept"), rows("content")
	if kept < len(before) || content < len(before) {
		t.Fatalf("%d and %d rows have fields", kept, content)
	}
	text := "again"
	changing(t, log, "alice", parley.Change{Of: 1, Kind: parley.ChangeEdit, Text: &text})
	changing(t, log, "carol", parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "x"})
	if r := log.Append(t.Context(), "room", parley.Draft{User: "bob", Text: "x", Thread: 1})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	if got := rows("kept"); got != kept {
		t.Errorf("after changes %d rows have what is to be kept, before %d", got, kept)
	}
	changing(t, log, "alice", parley.Change{Of: 1, Kind: parley.ChangeDelete})
	if got := rows("kept"); got != kept {
		t.Errorf("after a deletion %d rows have what is to be kept, before %d", got, kept)
	}
	if got := rows("content"); got != content-2 { // the message's and its first edit's
		t.Errorf("after a deletion %d rows have content, before %d", got, content)
	}
	if n := rows("secret edited"); n != 0 {
		t.Errorf("%d rows have deleted text", n)
	}
}

func TestDirectoryOfLaterVersionIsRefused(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	later := func(t *testing.T, dir string) {
		t.Helper()
		files := listing(t, dir)
		_, err := embedded.Open(dir, embedded.Config{Logger: quiet})
		why := fmt.Sprintf("its format is %d, and this version reads up to %d", embedded.Format+1, embedded.Format)
		if !errors.Is(err, embedded.ErrNewer) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v", err)
		}
		if now := listing(t, dir); !slices.Equal(now, files) {
			t.Errorf("the directory holds %v, before %v", now, files)
		}
	}
	t.Run("by its state file", func(t *testing.T) {
		dir := t.TempDir()
		start(t, dir, embedded.Config{}).stop(t)
		path := filepath.Join(dir, "state")
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		is := strings.Replace(string(was), fmt.Sprintf(`"format":%d`, embedded.Format), fmt.Sprintf(`"format":%d`, embedded.Format+1), 1)
		if err := os.WriteFile(path, []byte(is), 0o600); err != nil || is == string(was) {
			t.Fatal(is, err)
		}
		later(t, dir)
		if err := os.WriteFile(path, was, 0o600); err != nil {
			t.Fatal(err)
		}
		start(t, dir, embedded.Config{})
	})
	t.Run("by its rows", func(t *testing.T) {
		dir := t.TempDir()
		log := start(t, dir, embedded.Config{})
		epoch := log.Epoch()
		if err := log.SetFormat(embedded.Format + 1); err != nil {
			t.Fatal(err)
		}
		log.stop(t)
		_, err := embedded.Open(dir, embedded.Config{Logger: quiet})
		if !errors.Is(err, embedded.ErrNewer) {
			t.Errorf("%v", err)
		}
		state, err := os.ReadFile(filepath.Join(dir, "state"))
		if err != nil || !strings.Contains(string(state), epoch) || strings.Contains(string(state), `"running":true`) {
			t.Errorf("the state is %s, %v", state, err)
		}
	})
}

// listing lists the files of a directory with their sizes, except the lock.
func listing(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "LOCK" {
			return err
		}
		info, err := d.Info()
		files = append(files, fmt.Sprint(path, " ", info.Size()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
