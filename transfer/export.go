// Package transfer writes everything that one system holds as lines of JSON, and reads them into another system, whatever
// store each of them has. It uses contracts only, and never starts a node.
package transfer

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parley-server/parley"
)

// Store is what is transferred, except API keys.
type Store interface {
	parley.Log
	parley.Index
	parley.Reactions
	parley.Roster
	parley.Directory
	parley.Revocations
	parley.Archive
}

// System is what is transferred.
type System struct {
	Store
	Keys parley.Keys
}

// Progress is called from time to time with the number of transferred entries, and the approximate
// total. nil: never.
type Progress func(done, of int64)

// marker is a channel of which only the settings are used: they name the file that is read into a system.
const marker parley.ChannelID = "$transfer"

const (
	together = 1000 // entries at a time
	reported = 4096 // entries between two reports
)

// Export writes a system. Data that is written to it during the export may be partly in the
// file.
func Export(ctx context.Context, from System, to io.Writer, progress Progress) (Report, error) {
	w := &writer{out: bufio.NewWriterSize(to, 1<<20), progress: progress}
	err := from.EachChannel(ctx, func(name parley.ChannelID, _ bool) error { return derive(ctx, from.Store, name) })
	if err != nil {
		return w.report, err
	}
	var channels []exported
	err = from.EachChannel(ctx, func(name parley.ChannelID, exists bool) error {
		if name != marker {
			channels = append(channels, exported{name, exists})
		}
		return nil
	})
	if err != nil {
		return w.report, err
	}
	slices.SortFunc(channels, func(a, b exported) int { return compare(a.name, b.name) })
	epoch := ""
	for some := range slices.Chunk(channels, 500) {
		names := make([]parley.ChannelID, len(some))
		for i := range some {
			names[i] = some[i].name
		}
		bounds, err := from.Bounds(ctx, names...)
		if err != nil {
			return w.report, err
		}
		for _, b := range bounds {
			epoch = b.Epoch
			w.total += max(b.Last-b.First+1, 0)
		}
	}
	w.line(line{Type: "parley-export", Version: version, Transfer: rand.Text(), Epoch: epoch, Entries: w.total})
	if err := w.system(ctx, from); err != nil {
		return w.report, err
	}
	for _, c := range channels {
		if err := w.channel(ctx, from.Store, c); err != nil {
			return w.report, fmt.Errorf("export %s: %w", c.name, err)
		}
	}
	w.line(line{Type: "end"})
	if w.err == nil {
		w.err = w.out.Flush()
	}
	w.tell(true)
	return w.report, w.err
}

func compare(a, b parley.ChannelID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// exported is a channel that must be exported.
type exported struct {
	name   parley.ChannelID
	exists bool
}

// Report says what was transferred.
type Report struct {
	Channels, Entries, Places, Keys, Revocations int64
	Differences                                  []string // what an import found to differ at the end
}

// writer writes lines. After an error it writes nothing.
type writer struct {
	out      *bufio.Writer
	err      error
	buf      []byte
	report   Report
	total    int64
	told     int64
	progress Progress
	each     func([]byte) // receives each line of a channel; nil: they are written
}

func (w *writer) line(l line) {
	b, err := json.Marshal(l)
	if err != nil {
		w.err = errors.Join(w.err, err)
		return
	}
	w.raw(b)
}

func (w *writer) raw(b []byte) {
	switch {
	case w.err != nil:
	case w.each != nil:
		w.each(b)
	default:
		if _, w.err = w.out.Write(b); w.err == nil {
			w.err = w.out.WriteByte('\n')
		}
	}
}

func (w *writer) tell(last bool) {
	if w.progress != nil && (last || w.report.Entries-w.told >= reported) {
		w.told = w.report.Entries
		w.progress(w.report.Entries, max(w.total, w.report.Entries))
	}
}

// system writes everything that belongs to no channel.
func (w *writer) system(ctx context.Context, from System) error {
	keys, err := from.Keys.ListKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		w.line(line{Type: "key", Name: k.Name, Hash: hex.EncodeToString(k.Hash[:]), Created: k.Created})
		w.report.Keys++
	}
	return from.EachRevocation(ctx, func(user parley.UserID, until parley.Timestamp) error {
		w.line(line{Type: "revocation", User: user, Until: until})
		w.report.Revocations++
		return w.err
	})
}

// channel writes a channel, its entries and its places.
func (w *writer) channel(ctx context.Context, from Store, c exported) error {
	bounds, err := from.Bounds(ctx, c.name)
	if err != nil {
		return err
	}
	settings, err := from.Settings(ctx, c.name)
	if err != nil {
		return err
	}
	b := bounds[0]
	l := line{Type: "channel", Channel: c.name, Exists: c.exists, First: b.First, Last: b.Last, Before: b.Before, Time: b.Time}
	if c.exists {
		l.Settings = &settings[0]
	}
	w.line(l)
	if err := w.content(ctx, from, c.name, b.First, b.Last); err != nil {
		return err
	}
	w.report.Channels++
	return w.err
}

// derive has a channel's projections completed, where nodes have not done so.
func derive(ctx context.Context, from Store, channel parley.ChannelID) error {
	for {
		at, err := from.Position(ctx, channel)
		if err != nil {
			return err
		}
		is, err := from.Bounds(ctx, channel)
		if err != nil || at[0] >= is[0].Last {
			return err
		}
		run, err := from.Read(ctx, channel, parley.Cursor{ID: at[0]}, together)
		if err != nil || len(run.Entries) == 0 {
			return err
		}
		if _, err := from.Project(ctx, channel, run); err != nil {
			return err
		}
	}
}

// content writes the entries first…last of a channel, and its places.
func (w *writer) content(ctx context.Context, from Store, channel parley.ChannelID, first, last int64) error {
	for at := first - 1; at < last; {
		run, err := from.Read(ctx, channel, parley.Cursor{ID: at}, int(min(together, last-at)))
		if err != nil {
			return err
		}
		if len(run.Entries) == 0 {
			return fmt.Errorf("entry %d is missing", at+1)
		}
		for i := range run.Entries {
			m := &run.Entries[i]
			if err := Reacted(ctx, from, m); err != nil {
				return err
			}
			w.buf = appendEntry(w.buf[:0], m)
			w.raw(w.buf)
			w.report.Entries++
			w.tell(false)
			at = m.ID
		}
		if w.err != nil {
			return w.err
		}
	}
	return from.EachPlace(ctx, channel, func(m parley.Member) error {
		w.line(placeLine(&m))
		w.report.Places++
		return w.err
	})
}

// Reacted adds to each of a message's reactions the users that the message does not name.
func Reacted(ctx context.Context, from parley.Reactions, m *parley.Message) error {
	for i := range m.Reactions {
		r := &m.Reactions[i]
		if r.Count <= int64(len(r.Users)) {
			continue
		}
		named := make(map[parley.UserID]bool, len(r.Users))
		for _, user := range r.Users {
			named[user] = true
		}
		for after, more := parley.UserID(""), true; more; {
			page, err := from.Reactors(ctx, m.Channel, m.ID, r.Emoji, "", after, together)
			if err != nil {
				return fmt.Errorf("who reacted to message %d: %w", m.ID, err)
			}
			for _, user := range page.Users {
				if after = user; !named[user] {
					r.Users = append(r.Users, user)
				}
			}
			more = page.More && len(page.Users) > 0
		}
	}
	return nil
}
