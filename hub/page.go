package hub

import (
	"container/list"
	"context"
	"errors"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

const (
	pageIDs   = 256      // a page begins at a multiple of this, plus one
	pageGrown = 64 << 10 // an open page of this many bytes is continued, not read again
)

// page is a run of a channel's messages, read once and encoded once per form.
type page struct {
	// fixed when ready is closed
	ready   chan struct{}
	err     error
	after   int64 // the id before its first
	last    int64 // its last id; after if there are none
	json    *chunk
	epoch   string
	changes []int64 // the messages whose changes are in it

	stale atomic.Bool // something in it has changed since it was read

	mu    sync.Mutex
	forms [wire.Forms]*chunk // made for the first reader of the form
}

type pageKey struct {
	channel parley.ChannelID
	start   int64
}

// pages is the node's cache of pages; the least recently used are dropped first.
type pages struct {
	log    Source
	limit  int                     // bytes
	adopt  func(epoch string) bool // see Hub.adopt
	missed func(parley.ChannelID)  // see parley.Events

	mu        sync.Mutex
	size      int
	byChannel map[parley.ChannelID]map[int64]*list.Element // of *pageEntry, by its start
	lru       list.List                                    // front: used last
}

type pageEntry struct {
	key  pageKey
	page *page
	size int
}

func newPages(log Source, limit int, adopt func(string) bool, missed func(parley.ChannelID)) *pages {
	return &pages{log: log, limit: limit, adopt: adopt, missed: missed, byChannel: map[parley.ChannelID]map[int64]*list.Element{}}
}

// get returns a page that holds the message after the id, and reads it at most once for any
// number of callers. The error is ErrTrimmed or the log's.
func (p *pages) get(ctx context.Context, channel parley.ChannelID, after int64) (*page, error) {
	start := after/pageIDs*pageIDs + 1
	for {
		pg, err := p.at(ctx, pageKey{channel, start}, after)
		if err != nil {
			return nil, err
		}
		switch {
		case after < pg.after:
			return nil, parley.ErrTrimmed
		case after < pg.last:
			return pg, nil
		case pg.last < start:
			return nil, parley.ErrTrimmed // the log ends before the message that was promised
		}
		start = pg.last + 1
	}
}

// at returns the page that begins at the key. It reads the page if there is none, or if the
// cached one ends before the message after the id and is worth growing.
func (p *pages) at(ctx context.Context, key pageKey, after int64) (*page, error) {
	p.mu.Lock()
	if e := p.entry(key); e != nil {
		pg, size := e.Value.(*pageEntry).page, e.Value.(*pageEntry).size
		p.lru.MoveToFront(e)
		p.mu.Unlock()
		select {
		case <-pg.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if pg.err == nil && !pg.stale.Load() && (after < pg.last || size >= pageGrown) {
			return pg, nil
		}
		p.mu.Lock()
		p.drop(key, pg)
		if p.entry(key) != nil { // another caller has already begun again
			p.mu.Unlock()
			return p.at(ctx, key, after)
		}
	}
	pg := &page{ready: make(chan struct{})}
	entry := &pageEntry{key: key, page: pg}
	if p.byChannel[key.channel] == nil {
		p.byChannel[key.channel] = map[int64]*list.Element{}
	}
	p.byChannel[key.channel][key.start] = p.lru.PushFront(entry)
	p.mu.Unlock()

	p.missed(key.channel)
	if pg.load(ctx, p.log, key, after); pg.err == nil && !p.adopt(pg.epoch) {
		pg.err = parley.ErrEpoch
	}
	close(pg.ready)
	p.mu.Lock()
	defer p.mu.Unlock()
	if pg.err != nil {
		p.drop(key, pg)
		return nil, pg.err
	}
	if e := p.entry(key); e != nil && e.Value == entry {
		entry.size = 3*len(pg.json.buf) + 512 // about its size with two more forms
		p.size += entry.size
	}
	for p.size > p.limit && p.lru.Len() > 1 {
		old := p.lru.Back().Value.(*pageEntry)
		p.drop(old.key, old.page)
	}
	return pg, nil
}

// entry returns the entry of a key, nil if there is none. p.mu is held.
func (p *pages) entry(key pageKey) *list.Element { return p.byChannel[key.channel][key.start] }

// drop removes a page, if it is still the one of its key. p.mu is held.
func (p *pages) drop(key pageKey, pg *page) {
	if e := p.entry(key); e != nil && e.Value.(*pageEntry).page == pg {
		p.size -= e.Value.(*pageEntry).size
		if delete(p.byChannel[key.channel], key.start); len(p.byChannel[key.channel]) == 0 {
			delete(p.byChannel, key.channel)
		}
		p.lru.Remove(e)
	}
}

func (pg *page) load(ctx context.Context, log Source, key pageKey, after int64) {
	pg.after = key.start - 1
	limit := func() int { return int(pageIDs - pg.after%pageIDs) }
	run, err := log.Read(ctx, key.channel, parley.Cursor{ID: pg.after}, limit())
	for errors.Is(err, parley.ErrTrimmed) && after > pg.after {
		// The page's beginning is gone, but perhaps not the messages after the id. The
		// beginning may move on before it is read.
		var b []parley.Bounds
		if b, err = log.Bounds(ctx, key.channel); err != nil {
			break
		}
		if b[0].First-1 <= pg.after || b[0].First-1 > after {
			err = parley.ErrTrimmed
			break
		}
		pg.after = b[0].First - 1
		run, err = log.Read(ctx, key.channel, parley.Cursor{ID: pg.after}, limit())
	}
	pg.err, pg.epoch = err, run.Epoch
	ms := run.Entries
	pg.last = pg.after + int64(len(ms))
	pg.json = &chunk{}
	for i := range ms {
		pg.json.buf = append(wire.AppendMessage(pg.json.buf, &ms[i]), ',')
		pg.json.ends = append(pg.json.ends, uint32(len(pg.json.buf)))
		if ms[i].Change != "" {
			pg.changes = append(pg.changes, ms[i].Of)
		}
	}
}

// form returns the page's bytes in one form.
func (pg *page) form(f wire.Form) *chunk {
	if f == wire.FormJSON {
		return pg.json
	}
	pg.mu.Lock()
	defer pg.mu.Unlock()
	if pg.forms[f] == nil {
		c := &chunk{ends: make([]uint32, 0, len(pg.json.ends))}
		start := uint32(0)
		for i, end := range pg.json.ends {
			obj := pg.json.buf[start : end-1]
			c.buf = f.AppendEntry(c.buf, pg.after+1+int64(i), wire.EntryName(obj), obj)
			c.ends = append(c.ends, uint32(len(c.buf)))
			start = end
		}
		pg.forms[f] = c
	}
	return pg.forms[f]
}

// read returns entries after the id: at most limit bytes but at least one entry,
// at most count entries. last is the id of the last one.
func (pg *page) read(f wire.Form, after int64, limit, count int) (s span, last int64) {
	if after >= pg.last || after < pg.after {
		return span{}, after
	}
	c := pg.form(f)
	k := int(after - pg.after)
	most := min(len(c.ends), k+max(count, 1))
	n := sort.Search(most-k, func(i int) bool { return int(c.ends[k+i]-c.start(int32(k))) > limit })
	n = max(n, 1)
	return span{c, int32(k), int32(k + n)}, after + int64(n)
}
