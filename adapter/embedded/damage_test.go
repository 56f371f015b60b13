package embedded_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
)

// noise returns incompressible text, so that it is in a file unchanged.
func noise(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('!' + r.IntN(90))
	}
	return string(b)
}

// A damaged block of a file makes only the data in it unavailable. The process, the other channels
// and the channel's new messages are served as usual, and the file is named.
func TestADamagedBlockIsUnavailableAndNamed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	var lines bytes.Buffer
	cfg := embedded.Config{TrimEvery: time.Hour, FreeFloor: -1, Logger: slog.New(slog.NewTextHandler(&lines, nil))}
	log := start(t, dir, cfg)
	texts := map[parley.ChannelID]string{"bad": noise(r, 15_000), "good": noise(r, 15_000)}
	// A long message ends a block, so that what every channel needs is in a block of its own.
	log.Append(t.Context(), "another", parley.Draft{User: "alice", Text: noise(r, 15_000)})
	for _, ch := range []parley.ChannelID{"bad", "good"} {
		for range 3 {
			if res := log.Append(t.Context(), ch, parley.Draft{User: "alice", Text: texts[ch]})[0]; res.Err != nil {
				t.Fatal(res.Err)
			}
			texts[ch] = noise(r, 15_000)
		}
		if res := log.Append(t.Context(), ch, parley.Draft{User: "alice", Text: "last"})[0]; res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	bad, err := runOf(t.Context(), log, "bad", parley.Cursor{}, 1)
	if err != nil || len(bad) != 1 {
		t.Fatal(bad, err)
	}
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	log.stop(t)
	damaged := flip(t, filepath.Join(dir, "store"), bad[0].Text[5000:5100])

	log = start(t, dir, cfg)
	for range 3 { // a compaction may already have found the damage
		_, err := runOf(t.Context(), log, "bad", parley.Cursor{}, 1)
		if e := parley.AsError(err); err == nil || e.Code != parley.CodeUnavailable {
			t.Fatalf("a read of a damaged block gives %v", err)
		}
	}
	if _, err := runOf(t.Context(), log, "bad", parley.Cursor{}, 10); err == nil {
		t.Fatal("a run over a damaged block is read")
	}
	if res := log.Append(t.Context(), "bad", parley.Draft{User: "bob", Change: &parley.Change{Of: 1, Kind: parley.ChangeReact,
		Emoji: "x"}})[0]; !errors.Is(
		res.Err,
		parley.ErrUnavailable,
	) {
		t.Fatalf("a change of what can't be read gives %v", res.Err)
	}
	if ms, err := runOf(t.Context(), log, "good", parley.Cursor{}, 10); err != nil || len(ms) != 4 {
		t.Fatalf("another channel gives %d messages, %v", len(ms), err)
	}
	for _, ch := range []parley.ChannelID{"bad", "good"} {
		res := log.Append(t.Context(), ch, parley.Draft{User: "bob", Text: "more"})[0]
		if res.Err != nil {
			t.Fatalf("append to %s: %v", ch, res.Err)
		}
		if ms, err := runOf(t.Context(), log, ch, parley.Cursor{ID: res.Message.ID - 2}, 10); err != nil || len(ms) != 2 {
			t.Fatalf("%s gives %d new messages, %v", ch, len(ms), err)
		}
	}
	if got := log.Damaged(); len(got) != 1 || filepath.Base(got[0]) != damaged {
		t.Fatalf("damaged: %v; want %s", got, damaged)
	}
	if err := log.Ready(); err != nil {
		t.Fatalf("messages are not taken: %v", err)
	}
	log.stop(t) // after this the log is complete
	if n := strings.Count(lines.String(), damaged); n < 1 || strings.Count(lines.String(), "file of the store is damaged") != 1 {
		t.Fatalf("the log names %s %d times:\n%s", damaged, n, lines.String())
	}
}

// flip changes a bit of a text that one of the files contains, and names the file.
func flip(t *testing.T, dir, what string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(b, []byte(what)); i >= 0 {
			b[i] ^= 1
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Base(file)
		}
	}
	t.Fatalf("none of %d files contains the message", len(files))
	return ""
}

// A damaged block of settings does not prevent the store from opening.
func TestDamagedSettingsDoNotStopTheStore(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	cfg := embedded.Config{TrimEvery: time.Hour, FreeFloor: -1, Logger: slog.New(slog.DiscardHandler)}
	log := start(t, dir, cfg)
	topic := strings.NewReplacer(`"`, "a", `\`, "b", "<", "c", ">", "d", "&", "e").Replace(noise(r, 9000))
	for _, ch := range []parley.ChannelID{"bad", "good"} {
		if _, _, err := log.SetChannel(t.Context(), ch, parley.Settings{Topic: topic}.Replace); err != nil {
			t.Fatal(err)
		}
		topic = "short"
	}
	if res := log.Append(t.Context(), "room", parley.Draft{User: "alice", Text: noise(r, 15_000)})[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
	set, err := settingsOf(t.Context(), log, "bad")
	if err == nil {
		err = log.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	log.stop(t)
	flip(t, filepath.Join(dir, "store"), set.Topic[2000:2100])

	log = start(t, dir, cfg)
	if _, err := settingsOf(t.Context(), log, "bad"); err == nil {
		t.Fatal("damaged settings are read")
	}
	if set, err := settingsOf(t.Context(), log, "good"); err != nil || set.Topic != "short" {
		t.Fatalf("settings of another channel: %+v, %v", set, err)
	}
	if ms, err := runOf(t.Context(), log, "room", parley.Cursor{}, 10); err != nil || len(ms) != 1 {
		t.Fatalf("%d messages, %v", len(ms), err)
	}
	if got := log.Damaged(); len(got) != 1 {
		t.Fatalf("damaged: %v", got)
	}
}

// The epoch is also in the state file: damage to its row does not invalidate cursors.
func TestADamagedEpochIsKept(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	cfg := embedded.Config{TrimEvery: time.Hour, FreeFloor: -1, Logger: slog.New(slog.DiscardHandler)}
	log := start(t, dir, cfg)
	epoch := log.Epoch()
	text := noise(r, 15_000)
	if res := log.Append(t.Context(), "room", parley.Draft{User: "alice", Text: text})[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	log.stop(t)
	flip(t, filepath.Join(dir, "store"), text[5000:5100]) // the first block, with the epoch in it

	log = start(t, dir, cfg)
	if len(log.Damaged()) != 1 || log.Epoch() != epoch {
		t.Fatalf("the epoch is %s, was %s; damaged: %v", log.Epoch(), epoch, log.Damaged())
	}
	if res := log.Append(t.Context(), "other", parley.Draft{User: "alice", Text: "x"})[0]; !errors.Is(res.Err, parley.ErrUnavailable) &&
		res.Err != nil {
		t.Fatal(res.Err)
	}
}
