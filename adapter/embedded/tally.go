package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// A tally is a set of ids of a channel (deleted messages, or those that mention a user), used to
// count how many come after a given id. It is stored as a tree of counts: a row of level k holds
// how many are in one run of 16^k ids.
//
//	level 2   |    256…511: 3    |    512…767: 1    |
//	level 1   |496…511: 2|512…527: 1|
//	level 0   |500: 1|509: 1|
//
// The ids after 499 are, on each level, in the rows to the right of 499's row within the same run
// of the level above: at most fifteen rows per level, however many ids there are. Rows of a run
// that begins with id 0 are not to the right of any row, and are not stored.

const (
	tallyBits   = 4
	tallyLevels = 16
)

// deletions is the tally of deleted messages; other tallies have a user's name.
const deletions parley.UserID = ""

func tallyKey(ch parley.ChannelID, of parley.UserID, level int, run int64) []byte {
	dst := append(named('y', string(ch), string(of)), 0, byte(level))
	return binary.BigEndian.AppendUint64(dst, uint64(run))
}

// tallyRows calls do with the level and the run of each row in which an id is counted.
func tallyRows(id int64, do func(level int, run int64)) {
	for level, run := 0, id; run > 0 && level < tallyLevels; level, run = level+1, run>>tallyBits {
		do(level, run)
	}
}

// count adds a message to tallies, or removes it from them. If it fails, it has changed nothing.
func (b *build) count(h *head, id int64, of []parley.UserID, by int64) error {
	var sums []tallySum
	var failed error
	for _, of := range of {
		tallyRows(id, func(level int, run int64) {
			s, err := b.sum(tallyKey(h.channel, of, level, run), by)
			sums, failed = append(sums, s), errors.Join(failed, err)
		})
	}
	if failed != nil {
		return fmt.Errorf("tally of message %d: %w", id, failed)
	}
	for _, s := range sums {
		b.put(s)
	}
	return nil
}

// tallySum is the new count of a row of a tally.
type tallySum struct {
	key []byte
	n   int64
}

func (b *build) sum(key []byte, by int64) (tallySum, error) {
	n, _, err := row(b.getter(), key, decodeCount)
	return tallySum{key, n + by}, err
}

func (b *build) put(s tallySum) {
	if s.n > 0 {
		must(b.batch.Set(s.key, encodeCount(s.n), nil))
	} else {
		must(b.batch.Delete(s.key, nil))
	}
}

// tallied counts the ids of a tally after an id, up to the channel's last. it iterates over the
// channel's tallies.
func tallied(it *iterator, ch parley.ChannelID, of parley.UserID, after, last int64) (n int64, err error) {
	for level := 0; level < tallyLevels && after>>(tallyBits*level) < last>>(tallyBits*level); level++ {
		at := after >> (tallyBits * level)
		end := tallyKey(ch, of, level, at|(1<<tallyBits-1))
		for ok := it.SeekGE(tallyKey(ch, of, level, at+1)); ok && slices.Compare(it.Key(), end) <= 0; ok = it.Next() {
			c, err := decodeCount(it.Value())
			if err != nil {
				return 0, err
			}
			n += c
		}
	}
	return n, it.Error()
}

// tallies returns the tallies that count a message.
func tallies(m *parley.Message) []parley.UserID {
	if m.Deleted {
		return []parley.UserID{deletions}
	}
	return counted(m, m.Mentions())
}

// counted returns the users whose tallies count a message with mentions: Everybody stands for all.
// An author's own mention does not count: it is below the author's pointer.
func counted(m *parley.Message, mentions []parley.UserID) []parley.UserID {
	if slices.Contains(mentions, parley.Everybody) {
		return []parley.UserID{parley.Everybody}
	}
	return slices.DeleteFunc(slices.Clone(mentions), func(user parley.UserID) bool { return user == m.User })
}

// tallyRow is a row of a tally of a channel.
type tallyRow struct {
	of    parley.UserID
	level int
	run   int64
}

// trimTallies removes messages before id to from their tallies. Rows that end before it are
// deleted; rows that reach beyond it are no longer to the right of any pointer, and are kept exact
// only so that they are deleted with their last id.
func (b *build) trimTallies(h *head, trimmed map[tallyRow]int64, to int64) error {
	for r, n := range trimmed {
		key := tallyKey(h.channel, r.of, r.level, r.run)
		if (r.run+1)<<(tallyBits*r.level) <= to {
			must(b.batch.Delete(key, nil))
			continue
		}
		s, err := b.sum(key, -n)
		if err != nil {
			return err
		}
		b.put(s)
	}
	return nil
}

// buildIndexes writes the rows that versions before format 1 did not have: tallies, and the list of open channels.
func (l *Log) buildIndexes() error {
	b := l.db.NewBatch()
	defer func() { b.Close() }()
	put := func(key, value []byte) error {
		must(b.Set(key, value, nil))
		if b.Len() < maxBatch {
			return nil
		}
		err := b.Commit(pebble.NoSync)
		b.Close()
		b = l.db.NewBatch()
		return err
	}
	if err := l.tallyOlder(put); err != nil {
		return fmt.Errorf("count mentions and deletions: %w", err)
	}
	if err := l.listOlder(put); err != nil {
		return fmt.Errorf("list open channels: %w", err)
	}
	for _, kind := range []byte("nd") { // the rows that earlier versions counted
		must(b.DeleteRange([]byte{kind}, []byte{kind + 1}, nil))
	}
	return b.Commit(pebble.NoSync)
}

// tallyOlder converts one row per deletion (d channel NUL id) and one per mention (n channel NUL
// user NUL id) to tallies.
func (l *Log) tallyOlder(put func(key, value []byte) error) error {
	for _, kind := range []byte("dn") {
		it, err := l.db.rowsOf([]byte{kind}, []byte{kind + 1})
		if err != nil {
			return err
		}
		var open [tallyLevels]struct {
			key []byte
			n   int64
		} // the rows that may still grow: keys come in order
		for ok := it.First(); err == nil && ok; ok = it.Next() {
			ch, of, id, is := olderTally(it.Key())
			if !is {
				err = errCodec
				break
			}
			if of != deletions && of != parley.Everybody {
				all := append(
					append(named('n', string(ch), string(parley.Everybody)), 0),
					binary.BigEndian.AppendUint64(nil, uint64(id))...)
				_, both, e := row(getterOf(l.db.Get), all, func([]byte) (bool, error) { return true, nil })
				if err = e; both {
					continue
				}
			}
			tallyRows(id, func(level int, run int64) {
				o := &open[level]
				if key := tallyKey(ch, of, level, run); string(key) != string(o.key) {
					if o.key != nil {
						err = errors.Join(err, put(o.key, encodeCount(o.n)))
					}
					o.key, o.n = key, 0
				}
				o.n++
			})
		}
		for _, o := range open {
			if o.key != nil {
				err = errors.Join(err, put(o.key, encodeCount(o.n)))
			}
		}
		if err = errors.Join(err, it.Error(), it.Close()); err != nil {
			return err
		}
	}
	return nil
}

// olderTally reads a key of a deletion or a mention in the older form.
func olderTally(key []byte) (ch parley.ChannelID, of parley.UserID, id int64, ok bool) {
	name := slices.Index(key, 0)
	if name < 0 || len(key) < name+9 {
		return "", "", 0, false
	}
	ch, id = parley.ChannelID(key[1:name]), messageID(key)
	if key[0] == 'd' {
		return ch, deletions, id, len(key) == name+9
	}
	rest := key[name+1 : len(key)-8]
	if len(rest) < 2 || rest[len(rest)-1] != 0 {
		return "", "", 0, false
	}
	return ch, parley.UserID(rest[:len(rest)-1]), id, true
}
