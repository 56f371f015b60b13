// Package parleytest holds the conformance suites that every adapter passes. It
// knows the contracts of package parley only; it never imports an adapter.
package parleytest

import (
	"context"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// RunLog tests every sentence of the contract of parley.Log.
func RunLog(t *testing.T, h StoreHarness) {
	runLog(t, h, []logTest{
		{"ids are dense and results in the order of the drafts", testDense},
		{"concurrent appends give dense ids in each caller's order", testConcurrentAppends},
		{"channels are independent of each other", testChannels},
		{"times rise strictly when the clock jumps", testClock},
		{"what is appended is read back unchanged", testRoundTrip},
		{"drafts belong to the caller again after Append", testOwnership},
		{"a returned id is read at once by others", testReadYourAppend},
		{"what one handle appends all read", testAllHandles},
		{"the end of the context leaves the outcome unknown", testContext},

		{"a repeated key is answered with the first message", testKeyRepeated},
		{"a key repeated within a call is stored once", testKeyWithinCall},
		{"concurrent repeats of a key store once", testKeyConcurrent},
		{"keys belong to a user and a channel", testKeyScope},
		{"keys outlive a restart", testKeyReopen},
		{"Lookup finds what a repeat is answered with", testKeyLookup},

		{"Read returns a run from the cursor on", testRead},
		{"Read ends a large run before the limit", testReadLarge},
		{"Read refuses another epoch", testReadEpoch},
		{"Read of what isn't there is empty", testReadNothing},
		{"Bounds of unknown channels are empty and make none", testBoundsUnknown},
		{"SeekTime finds the border", testSeek},

		{"a change is an entry, and what it changed is read as it is now", testChange},
		{"a change that would change nothing is not stored", testChangeNothing},
		{"what can't be changed is refused", testChangeRefused},
		{"a deleted message's content is nowhere", testChangeDelete},
		{"reactions count each user once", testChangeReactions},
		{"concurrent changes are all applied", testChangeConcurrent},
		{"changes outlive a restart", testChangeReopen},
		{"any history of changes is read as it was answered", testChangeHistory},
		{"changes are read as they were answered while others come", testChangeWhileRead},
		{"a reply is to a message that is there, or to its root", testReplies},
		{"emoji are compared without variation selectors", testEmojiKinds},

		{"names that begin alike don't mix", testNames},
		{"everything outlives a restart", testReopen},
		{"closed logs refuse everything", testClose},
		{"Close answers all appends", testCloseAnswers},
	})
}

// RunDirectory tests every sentence of the contract of parley.Directory.
func RunDirectory(t *testing.T, h StoreHarness) {
	runLog(t, h, []logTest{
		{"settings are kept and listed", testSettings},
		{"settings that are changed together are all changed", testSettingsTogether},
		{"a change of settings that is refused stores nothing", testSettingsRefused},
		{"channels are listed in order and in pages", testListing},
		{"a removed channel goes on after its last id", testRemove},
		{"trimming leaves the newest and says so", testTrim},
		{"old messages go", testTrimAge},
		{"what is kept forever stays", testTrimForever},
	})
}

// room is the channel of tests that need just one.
const room parley.ChannelID = "room"

// post appends one draft per text and demands that all are stored.
func post(t *testing.T, log parley.Log, ch parley.ChannelID, texts ...string) []parley.Message {
	t.Helper()
	drafts := make([]parley.Draft, len(texts))
	for i, text := range texts {
		drafts[i] = parley.Draft{User: "alice", Text: text}
	}
	return stored(t, log.Append(t.Context(), ch, drafts...))
}

// stored demands that results are without error, and returns their messages.
func stored(t *testing.T, results []parley.Result) []parley.Message {
	t.Helper()
	out := make([]parley.Message, len(results))
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("result %d: %v", i, r.Err)
		}
		out[i] = r.Message
	}
	return out
}

// readAll reads a channel run by run up to its head, and checks that it is complete.
func readAll(t *testing.T, log parley.Log, ch parley.ChannelID, after int64) []parley.Message {
	t.Helper()
	var all []parley.Message
	for {
		run, err := runOf(t.Context(), log, ch, parley.Cursor{ID: after}, 100)
		if err != nil {
			t.Fatalf("read %s after %d: %v", ch, after, err)
		}
		if len(run) == 0 {
			break
		}
		for _, m := range run {
			if m.ID != after+1 {
				t.Fatalf("read %s: after %d comes %d", ch, after, m.ID)
			}
			after = m.ID
		}
		all = append(all, run...)
	}
	if b := boundsOf(t, log, ch); after < b.Last {
		t.Fatalf("read %s ends at %d, below the head %d", ch, after, b.Last)
	}
	return all
}

// runOf is Read, but returns only the entries.
func runOf(ctx context.Context, log parley.Log, ch parley.ChannelID, after parley.Cursor, limit int) ([]parley.Message, error) {
	run, err := log.Read(ctx, ch, after, limit)
	return run.Entries, err
}

func boundsOf(t *testing.T, log parley.Log, ch parley.ChannelID) parley.Bounds {
	t.Helper()
	b, err := log.Bounds(t.Context(), ch)
	if err != nil || len(b) != 1 {
		t.Fatalf("bounds of %s: %v, %v", ch, b, err)
	}
	return b[0]
}

// eventually polls until ok, which the contract promises within 10 s.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not in time: %s", what)
		}
	}
}

// index returns the log as an Index.
func index(log parley.Log) parley.Index { return log.(parley.Index) }

// replies returns the number of replies to a message.
func replies(t *testing.T, log parley.Log, root int64) int64 {
	t.Helper()
	th, err := index(log).Thread(t.Context(), room, root, parley.ThreadQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return th.Count
}

// directory returns the log as a Directory.
func directory(log parley.Log) parley.Directory { return log.(parley.Directory) }

// settingsOf returns the settings of one channel.
func settingsOf(ctx context.Context, d parley.Directory, ch parley.ChannelID) (parley.Settings, error) {
	all, err := d.Settings(ctx, ch)
	if err != nil {
		return parley.Settings{}, err
	}
	return all[0], nil
}
