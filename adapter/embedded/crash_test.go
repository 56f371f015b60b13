package embedded_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// witness remembers what was acknowledged or read before a power cut.
type witness struct {
	mu   sync.Mutex
	seen map[string]parley.Message // by channel and id
	acks int
	more *sync.Cond // acks grew
}

func newWitness() *witness {
	w := &witness{seen: map[string]parley.Message{}}
	w.more = sync.NewCond(&w.mu)
	return w
}

func (w *witness) saw(t *testing.T, m parley.Message, ack bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := fmt.Sprint(m.Channel, " ", m.ID)
	if old, ok := w.seen[name]; ok && !reflect.DeepEqual(old, m) {
		t.Errorf("two messages under one id: %+v, %+v", old, m)
	}
	w.seen[name] = m
	if ack {
		w.acks++
		w.more.Broadcast()
	}
}

// after waits for some more acknowledgements and returns all that was seen.
func (w *witness) after(acks int) map[string]parley.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	for end := w.acks + acks; w.acks < end; {
		w.more.Wait()
	}
	return maps.Clone(w.seen)
}

// TestPowerCut cuts the power at random moments under load, on a file system that
// then forgets what was not synced, or any part of it.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	const channels = 5
	fs := vfs.NewCrashableMem()
	log := start(t, "data", embedded.Config{FS: fs})
	w := newWitness()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for p := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				ch := parley.ChannelID(fmt.Sprint("c", (i+p)%channels))
				d := parley.Draft{User: parley.UserID(fmt.Sprint("u", p)), Key: fmt.Sprint(i), Text: fmt.Sprintf("%0*d", 1+i%300, i)}
				for _, r := range log.Append(ctx, ch, d, parley.Draft{User: "guest", Text: "no key"}) {
					if r.Err == nil {
						w.saw(t, r.Message, true)
					} else if ctx.Err() == nil {
						t.Error(r.Err)
					}
				}
			}
		})
	}
	for c := range channels { // readers that are always at the head
		wg.Go(func() {
			ch, after := parley.ChannelID(fmt.Sprint("c", c)), int64(0)
			for ctx.Err() == nil {
				run, err := runOf(t.Context(), log, ch, parley.Cursor{ID: after}, 50)
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range run {
					w.saw(t, m, false)
					after = m.ID
				}
				runtime.Gosched()
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, uint64(testSeed)))
	for cut := range 8 {
		seen := w.after(1 + rng.IntN(150))
		clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 30, 70, 100}[cut%4], RNG: rng})
		t.Run(fmt.Sprint("cut ", cut), func(t *testing.T) { checkAfterCut(t, clone, seen, channels) })
	}
	cancel()
	wg.Wait()
}

// testSeed determines the moments of the cuts; set it to repeat a run.
const testSeed = 7

func checkAfterCut(t *testing.T, fs *vfs.MemFS, seen map[string]parley.Message, channels int) {
	log := start(t, "data", embedded.Config{FS: fs, Logger: slog.New(slog.DiscardHandler)})
	for c := range channels {
		ch := parley.ChannelID(fmt.Sprint("c", c))
		all := readChannel(t, log, ch)
		for _, m := range all {
			name := fmt.Sprint(ch, " ", m.ID)
			if want, ok := seen[name]; ok && !reflect.DeepEqual(m, want) {
				t.Errorf("before the cut %+v, after it %+v", want, m)
			}
			delete(seen, name)
			if m.Key != "" && m.ID%10 == 0 {
				r := log.Append(t.Context(), ch, parley.Draft{User: m.User, Key: m.Key})[0]
				if r.Err != nil || !r.Duplicate || r.Message.ID != m.ID {
					t.Errorf("a repeat after the cut: %+v; want %d", r, m.ID)
				}
			}
		}
		r := log.Append(t.Context(), ch, parley.Draft{User: "u", Text: "on"})[0]
		if r.Err != nil || r.Message.ID != int64(len(all))+1 || r.Message.Count != r.Message.ID {
			t.Errorf("%d messages before, then %+v", len(all), r)
		}
	}
	for name := range seen {
		t.Fatalf("%d messages that were acknowledged or read are gone, one is %s", len(seen), name)
	}
}

// readChannel reads a channel that was never trimmed and checks that it is complete.
func readChannel(t testing.TB, log parley.Log, ch parley.ChannelID) (all []parley.Message) {
	t.Helper()
	for {
		run, err := runOf(t.Context(), log, ch, parley.Cursor{ID: int64(len(all))}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range run {
			if id := int64(len(all) + i + 1); m.ID != id || m.Count != id {
				t.Fatalf("%s: %+v at %d", ch, m, id)
			}
		}
		if all = append(all, run...); len(run) == 0 {
			return all
		}
	}
}
