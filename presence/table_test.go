package presence

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

type counted struct {
	key string
	n   int
}

func (c *counted) name() string { return c.key }

// A table does what a map does, while it grows, shrinks and becomes empty.
func TestTableAgainstAMap(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	table, model := newTable[counted](), map[string]int{}
	for step := range 60_000 {
		key := fmt.Sprint(r.IntN(3000))
		adding := step/10_000%2 == 0 // it fills, then empties
		switch e := table.get(key); {
		case (e != nil) != (model[key] != 0) || e != nil && (e.key != key || e.n != model[key]):
			t.Fatalf("seed %d, step %d: %s is %+v, want %d", seed, step, key, e, model[key])
		case e != nil && (!adding || r.IntN(4) == 0):
			table.remove(key)
			delete(model, key)
		case e == nil && (adding || r.IntN(4) == 0):
			*table.add(counted{key: key}) = counted{key, step + 1}
			model[key] = step + 1
		}
		if step%1000 == 0 {
			seen := 0
			for e := range table.all {
				if seen++; model[e.key] != e.n {
					t.Fatalf("seed %d: %+v, want %d", seed, e, model[e.key])
				}
			}
			if seen != len(model) || table.len() != len(model) {
				t.Fatalf("seed %d: %d seen, %d counted, want %d", seed, seen, table.len(), len(model))
			}
		}
	}
	for key := range model {
		table.remove(key)
	}
	for i := range table.parts {
		if p := &table.parts[i]; p.index != nil || p.chunks != nil {
			t.Fatalf("an empty part keeps %d slots", len(p.index))
		}
	}
}
