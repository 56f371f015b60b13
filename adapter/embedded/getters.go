package embedded

import (
	"io"
	"sync"
)

// getters are goroutines that look up rows. Pebble needs 8 KB of stack for a lookup. The goroutine
// of a new connection would have to grow just for that, which takes several times as long as the
// lookup; the stacks of getters have already grown.
type getters struct {
	db    *table
	asked chan *lookUp
}

// lookUp is the lookup of one row.
type lookUp struct {
	key    []byte
	value  []byte
	closer io.Closer
	err    error
	done   chan struct{}
}

var lookUps = sync.Pool{New: func() any { return &lookUp{done: make(chan struct{}, 1)} }}

// idleGetters is the number of getters; when all are busy, callers do the lookup themselves.
const idleGetters = 4

func startGetters(db *table) *getters {
	g := &getters{db, make(chan *lookUp)}
	for range idleGetters {
		go g.run()
	}
	return g
}

func (g *getters) run() {
	for l := range g.asked {
		l.value, l.closer, l.err = g.db.Get(l.key)
		l.done <- struct{}{}
	}
}

// Get is the database's Get.
func (g *getters) Get(key []byte) ([]byte, io.Closer, error) {
	l := lookUps.Get().(*lookUp)
	l.key = key
	select {
	case g.asked <- l:
		<-l.done
	default:
		lookUps.Put(l)
		return g.db.Get(key)
	}
	value, closer, err := l.value, l.closer, l.err
	*l = lookUp{done: l.done}
	lookUps.Put(l)
	return value, closer, err
}

// stop ends the goroutines. No lookup may be in progress.
func (g *getters) stop() { close(g.asked) }
