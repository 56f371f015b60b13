package embedded_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// model is a log that is simple enough to be obviously right.
type model struct {
	channels map[parley.ChannelID]*modelChannel

	fs    *vfs.MemFS
	log   *embedded.Log
	ran   *sync.WaitGroup
	epoch string
}

type modelChannel struct {
	first    int64
	all      []parley.Message // from id 1 on, including removed entries
	keys     map[string]int64
	settings parley.Settings
	set      bool
}

func (m *model) open(t *rapid.T) {
	l, err := embedded.Open("data", embedded.Config{FS: m.fs, Logger: slog.New(slog.DiscardHandler), MaxHeads: 16, TrimEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	m.log, m.ran = l, new(sync.WaitGroup)
	m.ran.Go(func() { l.Run(context.Background()) })
	if m.epoch != "" && m.epoch != l.Epoch() {
		t.Fatalf("epoch %s, before %s", l.Epoch(), m.epoch)
	}
	m.epoch = l.Epoch()
}

func (m *model) close(t *rapid.T) {
	if err := m.log.Close(); err != nil {
		t.Fatal(err)
	}
	m.ran.Wait()
}

func (m *model) channel(ch parley.ChannelID) *modelChannel {
	c := m.channels[ch]
	if c == nil {
		c = &modelChannel{first: 1, keys: map[string]int64{}}
		m.channels[ch] = c
	}
	return c
}

var anyChannel = rapid.SampledFrom([]parley.ChannelID{"a", "a:", "a:b", "@a", "b"})

func (m *model) append(t *rapid.T) {
	ch := anyChannel.Draw(t, "channel")
	c := m.channel(ch)
	drafts := make([]parley.Draft, rapid.IntRange(1, 12).Draw(t, "drafts"))
	for i := range drafts {
		drafts[i] = parley.Draft{
			User: rapid.SampledFrom([]parley.UserID{"u", "v"}).Draw(t, "user"),
			Text: rapid.StringN(0, 20, -1).Draw(t, "text"),
			Key:  rapid.SampledFrom([]string{"", "", "1", "2", "3", "4", "5", "\x00"}).Draw(t, "key"),
		}
	}
	for i, r := range m.log.Append(context.Background(), ch, drafts...) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		d := drafts[i]
		name := string(d.User) + "\x00" + d.Key
		if id := c.keys[name]; d.Key != "" && id >= c.first {
			if !r.Duplicate || !reflect.DeepEqual(r.Message, c.all[id-1]) {
				t.Fatalf("a repeat of %d: %+v", id, r)
			}
			continue
		}
		n := int64(len(c.all)) + 1
		want := parley.Message{ID: n, Channel: ch, User: d.User, Text: d.Text, Key: d.Key, Time: r.Message.Time, Count: n}
		if r.Duplicate || !reflect.DeepEqual(r.Message, want) || (n > 1 && r.Message.Time <= c.all[n-2].Time) {
			t.Fatalf("got %+v, want %+v", r, want)
		}
		c.all = append(c.all, r.Message)
		if d.Key != "" {
			c.keys[name] = n
		}
	}
}

func (m *model) read(t *rapid.T) {
	ch := anyChannel.Draw(t, "channel")
	c := m.channel(ch)
	after := rapid.Int64Range(0, int64(len(c.all))+2).Draw(t, "after")
	limit := rapid.IntRange(0, 30).Draw(t, "limit")
	run, err := runOf(context.Background(), m.log, ch, parley.Cursor{ID: after, Epoch: m.epoch}, limit)
	if after+1 < c.first {
		if !errors.Is(err, parley.ErrTrimmed) {
			t.Fatalf("read after %d, first is %d: %v", after, c.first, err)
		}
		return
	}
	from := min(after, int64(len(c.all)))
	want := c.all[from:min(from+int64(limit), int64(len(c.all)))]
	if err != nil || len(run) != len(want) || (len(run) > 0 && !reflect.DeepEqual(run, want)) {
		t.Fatalf("read %s after %d: %v, %v; want %v", ch, after, run, err, want)
	}
}

func (m *model) retain(t *rapid.T) {
	ch := anyChannel.Draw(t, "channel")
	c := m.channel(ch)
	keep := rapid.Int64Range(0, 8).Draw(t, "keep")
	c.settings, c.set = parley.Settings{Retention: &parley.Retention{Messages: keep}}, true
	if _, _, err := m.log.SetChannel(context.Background(), ch, c.settings.Replace); err != nil {
		t.Fatal(err)
	}
	if err := m.log.Retain(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, c := range m.channels {
		if r := c.settings.Retention; r != nil && r.Messages > 0 && int64(len(c.all))-c.first+1 > r.Messages+10 {
			c.first = int64(len(c.all)) - r.Messages + 1
		}
	}
}

func (m *model) remove(t *rapid.T) {
	ch := anyChannel.Draw(t, "channel")
	c := m.channel(ch)
	if err := m.log.RemoveChannel(context.Background(), ch); err != nil {
		t.Fatal(err)
	}
	c.first, c.settings, c.set = int64(len(c.all))+1, parley.Settings{}, false
}

func (m *model) reopen(t *rapid.T) {
	m.close(t)
	m.open(t)
}

// crash keeps only what was synced.
func (m *model) crash(t *rapid.T) {
	fs := m.fs.CrashClone(vfs.CrashCloneCfg{})
	m.close(t)
	m.fs = fs
	m.open(t)
}

// check compares bounds, settings and names.
func (m *model) check(t *rapid.T) {
	exist := map[parley.ChannelID]bool{}
	for ch, c := range m.channels {
		got, err := m.log.Bounds(context.Background(), ch)
		if err != nil {
			t.Fatal(err)
		}
		want := parley.Bounds{Channel: ch, Epoch: m.epoch, First: c.first, Last: int64(len(c.all)), Before: c.first - 1}
		if len(c.all) > 0 {
			want.Time = c.all[len(c.all)-1].Time
		}
		if got[0] != want {
			t.Fatalf("bounds %+v, want %+v", got[0], want)
		}
		kept, keys := c.all[c.first-1:], 0
		for _, k := range kept {
			if k.Key != "" {
				keys++
			}
		}
		if gotKept, gotKeys, err := m.log.Stored(ch); err != nil || gotKept != len(kept) || gotKeys != keys {
			t.Fatalf("%s: %d messages and %d keys on the disk, %v; want %d and %d", ch, gotKept, gotKeys, err, len(kept), keys)
		}
		if s, err := settingsOf(context.Background(), m.log, ch); err != nil || !reflect.DeepEqual(s, c.settings) {
			t.Fatalf("settings %+v, %v; want %+v", s, err, c.settings)
		}
		if c.set || c.first <= int64(len(c.all)) {
			exist[ch] = true
		}
	}
	names, err := m.log.Channels(context.Background(), "", 100)
	if err != nil || len(names) != len(exist) {
		t.Fatalf("channels %v, %v; want %v", names, err, exist)
	}
}

func TestLikeTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{channels: map[parley.ChannelID]*modelChannel{}, fs: vfs.NewCrashableMem()}
		m.open(t)
		defer func() { m.close(t) }()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append more": m.append, "read": m.read, "retain": m.retain,
			"remove": m.remove, "reopen": m.reopen, "crash": m.crash, "": m.check,
		})
	})
}
