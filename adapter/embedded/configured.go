package embedded

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/parley-server/parley"
)

// configured knows which channels may have settings: each new connection reads them, and looking up
// a row that does not exist is expensive. It has one bit per hash of a name, which is set before
// the row becomes visible, and never cleared.
type configured struct {
	seed maphash.Seed
	bits [1 << 14]atomic.Uint64 // a million, for some hundred thousand channels
}

func newConfigured() *configured { return &configured{seed: maphash.MakeSeed()} }

func (c *configured) bit(channel parley.ChannelID) (word *atomic.Uint64, mask uint64) {
	h := maphash.String(c.seed, string(channel))
	return &c.bits[h>>6%uint64(len(c.bits))], 1 << (h & 63)
}

func (c *configured) add(channel parley.ChannelID) {
	word, mask := c.bit(channel)
	word.Or(mask)
}

// may reports whether a channel may have settings.
func (c *configured) may(channel parley.ChannelID) bool {
	word, mask := c.bit(channel)
	return word.Load()&mask != 0
}

// load marks the channels that have settings now.
func (c *configured) load(db *table) {
	it, err := db.rowsOf([]byte{'s'}, []byte{'s' + 1})
	if err == nil {
		for ok := it.First(); ok; ok = it.Next() {
			c.add(parley.ChannelID(it.Key()[1:]))
		}
		err = it.Close()
	}
	if err != nil { // damaged, which has been reported: then every channel may have settings
		for i := range c.bits {
			c.bits[i].Store(^uint64(0))
		}
	}
}
