package parleytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley"
)

// RunTable tests every sentence of the contract of parley.Table. open returns handles of one empty
// store, one for each of several nodes.
func RunTable(t *testing.T, open func(t *testing.T) []parley.Table) {
	for _, c := range []struct {
		name string
		test func(*testing.T, table)
	}{
		{"rows are kept, listed and removed", testTableRows},
		{"keys are in the order of their bytes", testTableOrder},
		{"groups do not mix", testTableGroups},
		{"values are bytes, and nobody else's", testTableValues},
		{"a group has many rows", testTableMany},
		{"a row is swapped for what it was", testTableSwap},
		{"one of many swaps wins", testTableRaces},
		{"what is unknown is either way", testTableUnknown},
		{"an ended context is an error", testTableContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, table{handles: open(t), turn: new(atomic.Uint64)}) })
	}
}

// table uses another handle for each call.
type table struct {
	handles []parley.Table
	turn    *atomic.Uint64
}

func (s table) next() parley.Table { return s.handles[s.turn.Add(1)%uint64(len(s.handles))] }

// wantKeys demands that every handle lists these keys.
func (s table) wantKeys(t *testing.T, group, after string, limit int, want ...string) {
	t.Helper()
	for range s.handles {
		rows, err := s.next().Rows(t.Context(), group, after, limit)
		got := []string{}
		for _, r := range rows {
			got = append(got, r.Key)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("the keys of %.20q after %.20q are %.200q, %v; want %.200q", group, after, got, err, want)
		}
	}
}

// wantValue demands that every handle reads this value, "" for none.
func (s table) wantValue(t *testing.T, group, key, want string) {
	t.Helper()
	for range s.handles {
		got, err := s.next().Get(t.Context(), group, key)
		if err != nil || len(got) != 1 || (got[0] == nil) != (want == "") || string(got[0]) != want {
			t.Fatalf("the value of %.20q is %.40q, %v; want %.40q", key, got, err, want)
		}
	}
}

func (s table) put(t *testing.T, group string, rows ...parley.Row) {
	t.Helper()
	if err := s.next().Put(t.Context(), group, rows...); err != nil {
		t.Fatal(err)
	}
}

func (s table) swap(t *testing.T, group, old, key, value string, want bool) {
	t.Helper()
	if got, err := s.next().Swap(t.Context(), group, bytesOf(old), tableRow(key, value)); err != nil || got != want {
		t.Fatalf("swap %q from %q to %q: %v, %v; want %v", key, old, value, got, err, want)
	}
}

// bytesOf returns a value as bytes, nil for "".
func bytesOf(value string) []byte {
	if value == "" {
		return nil
	}
	return []byte(value)
}

func tableRow(key, value string) parley.Row { return parley.Row{Key: key, Value: bytesOf(value)} }

func testTableRows(t *testing.T, s table) {
	s.wantKeys(t, "devices/alice", "", 10)
	s.wantValue(t, "devices/alice", "phone", "")
	s.put(t, "devices/alice")
	s.put(t, "devices/alice", tableRow("never", ""))
	s.put(t, "devices/alice", tableRow("phone", "1"), tableRow("laptop", "2"), tableRow("tablet", "3"))
	s.wantKeys(t, "devices/alice", "", 10, "laptop", "phone", "tablet")
	s.wantKeys(t, "devices/alice", "", 2, "laptop", "phone")
	s.wantKeys(t, "devices/alice", "laptop", 10, "phone", "tablet")
	s.wantKeys(t, "devices/alice", "m", 1, "phone")
	s.wantKeys(t, "devices/alice", "tablet", 10)
	s.wantKeys(t, "devices/alice", "", 0)
	got, err := s.next().Get(t.Context(), "devices/alice", "tablet", "no", "laptop", "tablet")
	if err != nil || len(got) != 4 || string(got[0]) != "3" || got[1] != nil || string(got[2]) != "2" || string(got[3]) != "3" {
		t.Fatalf("values: %q, %v", got, err)
	}
	if got, err := s.next().Get(t.Context(), "devices/alice"); err != nil || len(got) != 0 {
		t.Fatalf("the values of no keys: %q, %v", got, err)
	}
	s.put(t, "devices/alice", tableRow("phone", "1 again"), tableRow("laptop", ""))
	s.wantValue(t, "devices/alice", "phone", "1 again")
	s.wantValue(t, "devices/alice", "laptop", "")
	s.wantKeys(t, "devices/alice", "", 10, "phone", "tablet")
	s.put(t, "devices/alice", tableRow("phone", ""), tableRow("tablet", ""))
	s.wantKeys(t, "devices/alice", "", 10)
	for i := range 5 { // each by another node, right after the one before
		s.put(t, "devices/alice", tableRow("phone", fmt.Sprint("turn ", i)))
		s.wantValue(t, "devices/alice", "phone", fmt.Sprint("turn ", i))
		s.put(t, "devices/alice", tableRow("phone", ""))
		s.wantValue(t, "devices/alice", "phone", "")
	}
}

// keysInOrder are traps for some ways of encoding keys.
var keysInOrder = []string{
	"\x00", "\x00\x00", " ", " a", "*", "-", "/", "/a", "0", "10", "9", "A", "[", "\\", "a", "a\x00", "a b", "a/", "a/b", "a:b", "aa", "b",
	strings.Repeat("k", 299), strings.Repeat("k", 300), "{a}", "}", "é", "ß", "日本", "\U0001f44d",
}

func testTableOrder(t *testing.T, s table) {
	want := slices.Clone(keysInOrder)
	slices.Sort(want)
	for i, key := range keysInOrder {
		if i%2 == 0 {
			s.put(t, "g", tableRow(key, "of "+key))
		} else {
			s.swap(t, "g", "", key, "of "+key, true)
		}
	}
	s.wantKeys(t, "g", "", len(want)+1, want...)
	for i, key := range want {
		s.wantValue(t, "g", key, "of "+key)
		s.wantKeys(t, "g", key, 2, want[i+1:min(i+3, len(want))]...)
	}
}

func testTableGroups(t *testing.T, s table) {
	groups := []string{"a", "a/", "a/b", "a:b", "a b", "A", "{a}", "}", "{", "}a", "a\x00", "a\x00b", "é", "0", strings.Repeat("g", 199),
		strings.Repeat("g", 200)}
	for i, group := range groups {
		s.put(t, group, tableRow("k", group), tableRow(fmt.Sprint("k", i), "own"))
		s.swap(t, group, "", "s", group, true)
	}
	for i, group := range groups {
		s.wantKeys(t, group, "", 10, "k", fmt.Sprint("k", i), "s")
		s.wantValue(t, group, "k", group)
		s.wantValue(t, group, "s", group)
	}
	s.put(t, "a", tableRow("k", ""), tableRow("k0", ""))
	s.swap(t, "a", "a", "s", "", true)
	s.wantKeys(t, "a", "", 10)
	s.wantKeys(t, "a/", "", 10, "k", "k1", "s")
}

func testTableValues(t *testing.T, s table) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	large := bytes.Repeat(all, 256)
	values := map[string][]byte{"all": all, "large": large, "nul": {0}, "text": []byte("été"), "high": {0xff}, "long nul": make([]byte, 8)}
	for key, value := range values {
		mine := slices.Clone(value)
		s.put(t, "put", parley.Row{Key: key, Value: mine})
		if swapped, err := s.next().Swap(t.Context(), "swap", nil, parley.Row{Key: key, Value: mine}); err != nil || !swapped {
			t.Fatal(key, swapped, err)
		}
		clear(mine)
	}
	for _, group := range []string{"put", "swap"} {
		for key, value := range values {
			for range 2 { // what was returned belongs to the caller
				got, err := s.next().Get(t.Context(), group, key)
				if err != nil || !bytes.Equal(got[0], value) {
					t.Fatalf("%s %s: %d bytes, %v", group, key, len(got[0]), err)
				}
				clear(got[0])
			}
		}
		for range 2 {
			rows, err := s.next().Rows(t.Context(), group, "", 100)
			if err != nil || len(rows) != len(values) {
				t.Fatalf("%s: %d rows, %v", group, len(rows), err)
			}
			for _, r := range rows {
				if !bytes.Equal(r.Value, values[r.Key]) {
					t.Fatalf("%s %s is listed with %d other bytes", group, r.Key, len(r.Value))
				}
				clear(r.Value)
			}
		}
	}
	if swapped, err := s.next().Swap(t.Context(), "swap", large, parley.Row{Key: "large", Value: all}); err != nil || !swapped {
		t.Fatal("a large value is not the same", swapped, err)
	}
}

func testTableMany(t *testing.T, s table) {
	const n = 5000
	var want []string
	var rows []parley.Row
	for i := range n {
		key := fmt.Sprintf("%d-%04d", i%3, i)
		want = append(want, key)
		rows = append(rows, tableRow(key, fmt.Sprint("value ", i)))
	}
	for some := range slices.Chunk(rows, 1700) {
		s.put(t, "many", some...)
	}
	slices.Sort(want)
	s.wantKeys(t, "many", "", n+1, want...)
	var paged []string
	for after := ""; ; {
		page, err := s.next().Rows(t.Context(), "many", after, 999)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			paged = append(paged, r.Key)
		}
		if len(page) < 999 {
			break
		}
		after = page[len(page)-1].Key
	}
	if !slices.Equal(paged, want) {
		t.Fatalf("%d keys in pages, want %d", len(paged), n)
	}
	values, err := s.next().Get(t.Context(), "many", want...)
	if err != nil || len(values) != n || slices.ContainsFunc(values, func(v []byte) bool { return !bytes.HasPrefix(v, []byte("value ")) }) {
		t.Fatalf("%d values, %v", len(values), err)
	}
}

func testTableSwap(t *testing.T, s table) {
	s.swap(t, "g", "something", "k", "x", false)
	s.swap(t, "g", "something", "k", "", false)
	s.swap(t, "g", "", "k", "", true) // there is none, and there still is none
	s.wantKeys(t, "g", "", 10)
	s.swap(t, "g", "", "k", "1", true)
	s.swap(t, "g", "", "k", "2", false)
	s.swap(t, "g", "", "k", "", false)
	s.swap(t, "g", "12", "k", "2", false)
	s.wantValue(t, "g", "k", "1")
	s.swap(t, "g", "1", "k", "2", true)
	s.swap(t, "g", "1", "k", "3", false)
	s.swap(t, "g", "2", "k", "2", true)
	s.wantValue(t, "g", "k", "2")
	s.wantKeys(t, "g", "", 10, "k")
	s.swap(t, "other", "2", "k", "3", false)
	s.swap(t, "g", "2", "other", "3", false)
	s.swap(t, "g", "2", "k", "", true)
	s.wantValue(t, "g", "k", "")
	s.wantKeys(t, "g", "", 10)
	s.swap(t, "g", "2", "k", "3", false)
	for i := range 5 {
		s.swap(t, "g", "", "k", fmt.Sprint("again ", i), true)
		s.wantValue(t, "g", "k", fmt.Sprint("again ", i))
		s.swap(t, "g", fmt.Sprint("again ", i), "k", "", true)
	}
}

func testTableRaces(t *testing.T, s table) {
	const racers = 16
	for round := range 4 {
		key := fmt.Sprint("round ", round)
		var winners atomic.Int64
		var wins sync.Map
		var wait sync.WaitGroup
		for i := range racers {
			wait.Go(func() {
				h, mine := s.handles[i%len(s.handles)], fmt.Sprint("racer ", i)
				swapped, err := h.Swap(t.Context(), "races", nil, tableRow(key, mine))
				if err != nil {
					t.Error(err)
				}
				if swapped {
					winners.Add(1)
					wins.Store(mine, true)
				}
			})
		}
		wait.Wait()
		values, err := s.next().Get(t.Context(), "races", key)
		if err != nil || winners.Load() != 1 {
			t.Fatalf("%d of %d swaps of one row won, %v", winners.Load(), racers, err)
		}
		if _, won := wins.Load(string(values[0])); !won {
			t.Fatalf("%q is stored, and did not win", values[0])
		}
	}
	const each = 5
	var wait sync.WaitGroup
	for i := range racers {
		wait.Go(func() {
			h := s.handles[i%len(s.handles)]
			for range each {
				for {
					was, err := h.Get(t.Context(), "races", "sum")
					if err != nil {
						t.Error(err)
						return
					}
					swapped, err := h.Swap(t.Context(), "races", was[0], tableRow("sum", string(was[0])+"+"))
					if err != nil {
						t.Error(err)
						return
					}
					if swapped {
						break
					}
				}
			}
		})
	}
	wait.Wait()
	s.wantValue(t, "races", "sum", strings.Repeat("+", racers*each))
}

// testTableUnknown ends contexts of swaps at random moments.
func testTableUnknown(t *testing.T, s table) {
	for i := range 60 {
		key, old := fmt.Sprint("k", i), bytesOf([]string{"", "old"}[i%2])
		if old != nil {
			s.swap(t, "unknown", "", key, "old", true)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() {
			for range i * 50 {
				_ = ctx.Err()
			}
			cancel()
		})
		swapped, err := s.next().Swap(ctx, "unknown", old, tableRow(key, "new"))
		wait.Wait()
		is, gerr := s.next().Get(t.Context(), "unknown", key)
		if gerr != nil {
			t.Fatal(gerr)
		}
		switch got := string(is[0]); {
		case err == nil && (!swapped || got != "new"):
			t.Fatalf("swapped %v, and the value is %q", swapped, got)
		case err != nil && swapped:
			t.Fatalf("swapped in spite of %v", err)
		case errors.Is(err, parley.ErrUnknown) && got != "new" && got != string(old):
			t.Fatalf("after %v the value is %q", err, got)
		case err != nil && !errors.Is(err, parley.ErrUnknown) && got != string(old):
			t.Fatalf("after %v, which says that nothing is stored, the value is %q", err, got)
		}
	}
}

func testTableContext(t *testing.T, s table) {
	ended, end := context.WithCancel(t.Context())
	end()
	if s.next().Put(ended, "g", tableRow("k", "v")) == nil {
		t.Error("a row without time was put")
	}
	if swapped, err := s.next().Swap(ended, "g", nil, tableRow("k", "v")); err == nil || swapped {
		t.Error("a row without time was swapped")
	}
	if _, err := s.next().Get(ended, "g", "k"); err == nil {
		t.Error("a row was read without time")
	}
	if _, err := s.next().Rows(ended, "g", "", 1); err == nil {
		t.Error("rows were read without time")
	}
}
