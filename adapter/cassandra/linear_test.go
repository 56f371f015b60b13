package cassandra_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/parley-server/parley"
)

// Sixteen writers on three nodes: ids are dense, each writer's messages are in its order, and all nodes read the same.
func TestSixteenWritersOnThreeNodes(t *testing.T) {
	s := open(t, config(t), 3)
	const writers, rounds = 16, 8
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range rounds {
				for _, r := range s[w%3].Append(t.Context(), room, keyed(fmt.Sprint(w, ".", 2*i), fmt.Sprint(w, ".", 2*i)),
					keyed(fmt.Sprint(w, ".", 2*i+1), fmt.Sprint(w, ".", 2*i+1))) {
					if r.Err != nil || r.Duplicate {
						t.Errorf("writer %d: %+v", w, r)
					}
				}
			}
		})
	}
	wait.Wait()
	first := texts(t, s[0])
	if len(first) != writers*rounds*2 {
		t.Errorf("%d messages", len(first))
	}
	for _, h := range s[1:] {
		if all := texts(t, h); !slices.Equal(all, first) {
			t.Errorf("another node reads\n%v, and not\n%v", all, first)
		}
	}
	next := make([]int, writers)
	for _, text := range first {
		var w, i int
		if _, err := fmt.Sscanf(text, "%d.%d", &w, &i); err != nil || next[w] != i {
			t.Errorf("%s comes before %d.%d: %v", text, w, next[w], err)
		}
		next[w]++
	}
}

// asked is what a client asks of a channel, and got what it was answered: the id of its message, or all that it reads.
type asked struct{ append string }
type got struct {
	id  int
	all string
}

// channelModel is a channel as one list of messages.
var channelModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		is, in, out := state.(string), input.(asked), output.(got)
		if in.append == "" {
			return out.all == is, is
		}
		next := is + in.append + " "
		return out.id == strings.Count(next, " "), next
	},
}

// Recorded histories of writers and readers on three nodes, among which answers and batches are lost, are linearizable: each call takes
// effect at one moment between its begin and its end. What has an unknown outcome may take effect at any later moment, or never.
func TestHistoriesAreLinearizable(t *testing.T) {
	for seed := range uint64(4) {
		s := open(t, config(t), 3)
		for i := range s {
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			lose := func(odds float64) func(parley.ChannelID) error {
				return func(parley.ChannelID) error {
					mu.Lock()
					defer mu.Unlock()
					if random.Float64() < odds {
						return errLost
					}
					return nil
				}
			}
			s[i].SetFaults(lose(0.15), lose(0.3))
		}
		begin := time.Now()
		var mu sync.Mutex
		var history, unknown []porcupine.Operation
		record := func(into *[]porcupine.Operation, client int, in asked, out got, called time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			*into = append(*into, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(called),
				Return: int64(time.Since(begin))})
		}
		var lost atomic.Int64
		var wait sync.WaitGroup
		for w := range 6 {
			wait.Go(func() {
				for i := range 10 {
					text, called := fmt.Sprint("w", w, ".", i), time.Since(begin)
					switch r := s[w%3].Append(t.Context(), room, parley.Draft{User: "u", Text: text})[0]; {
					case r.Err == nil:
						record(&history, w, asked{text}, got{id: int(r.Message.ID)}, called)
					case errors.Is(r.Err, parley.ErrUnknown):
						record(&unknown, w, asked{text}, got{}, called)
					default:
						lost.Add(1) // it is not stored
					}
				}
			})
		}
		for reader := range 3 {
			wait.Go(func() {
				for range 10 {
					called := time.Since(begin)
					record(&history, 6+reader, asked{}, got{all: allOf(t, s[reader])}, called)
				}
			})
		}
		wait.Wait()
		called := time.Since(begin)
		final := allOf(t, s[0])
		record(&history, 9, asked{}, got{all: final}, called)
		at := strings.Fields(final)
		for i, op := range unknown { // it took effect if it is there: at some moment up to now
			if id := slices.Index(at, op.Input.(asked).append); id >= 0 {
				op.ClientId, op.Output, op.Return = 10+i, got{id: id + 1}, int64(time.Since(begin))
				history = append(history, op)
			}
		}
		if is := porcupine.CheckOperationsTimeout(channelModel, history, 30*time.Second); is != porcupine.Ok {
			t.Errorf("seed %d: the history is %v", seed, is)
		}
		t.Logf("seed %d: %d calls, %d with an unknown outcome, %d refused", seed, len(history), len(unknown), lost.Load())
	}
}

// allOf is all that a node reads of room.
func allOf(t *testing.T, s *opened) string {
	t.Helper()
	run, err := s.Read(t.Context(), room, parley.Cursor{}, 1000)
	if err != nil {
		t.Error(err)
	}
	var b strings.Builder
	for _, m := range run.Entries {
		b.WriteString(m.Text + " ")
	}
	return b.String()
}

// The judge refuses what is not a list: else it would prove nothing.
func TestJudgeRefuses(t *testing.T) {
	op := func(client int, in asked, out got, call, end int64) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: end}
	}
	for name, h := range map[string][]porcupine.Operation{
		"one id twice":             {op(0, asked{"a"}, got{id: 1}, 0, 9), op(1, asked{"b"}, got{id: 1}, 0, 9)},
		"a hole":                   {op(0, asked{"a"}, got{id: 2}, 0, 1)},
		"a read that misses":       {op(0, asked{"a"}, got{id: 1}, 0, 1), op(1, asked{}, got{}, 2, 3)},
		"an order that is changed": {op(0, asked{"a"}, got{id: 2}, 0, 1), op(1, asked{"b"}, got{id: 1}, 2, 3)},
	} {
		if porcupine.CheckOperations(channelModel, h) {
			t.Errorf("%s is taken for a list", name)
		}
	}
}
