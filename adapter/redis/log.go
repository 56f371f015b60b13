package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

const maxRun = 1 << 20 // bytes at which a run that is read ends

// Append implements parley.Log. Messages are appended in batches, and each change by itself, since it is computed from the
// message as the entries before it leave it.
func (s *Store) Append(ctx context.Context, channel parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	return s.append(ctx, "", channel, drafts)
}

// append is Append; if notes is not empty, the messages are stored together with that node's note of the channel.
func (s *Store) append(ctx context.Context, notes string, channel parley.ChannelID, drafts []parley.Draft) []parley.Result {
	results := make([]parley.Result, len(drafts))
	if err := s.begin(); err != nil {
		for i := range results {
			results[i].Err = fmt.Errorf("append to %s: %w", channel, err)
		}
		return results
	}
	defer s.calls.Done()
	for at := 0; at < len(drafts); {
		n, size := 1, drafts[at].Size()
		if drafts[at].Change == nil {
			for at+n < len(drafts) && n < maxBatch && size < maxBytes && drafts[at+n].Change == nil {
				size += drafts[at+n].Size()
				n++
			}
		}
		some, rs := drafts[at:at+n], results[at:at+n]
		var err error
		if some[0].Change != nil {
			rs[0], err = s.change(ctx, channel, &some[0])
		} else {
			err = s.appendMessages(ctx, notes, channel, some, rs)
		}
		if err != nil {
			for i := range rs {
				rs[i] = parley.Result{Err: fmt.Errorf("append to %s: %w", channel, err)}
			}
		}
		at += n
	}
	return results
}

// kept is an entry in its current state, with the id of its last change.
type kept struct {
	*parley.Message // nil: the channel does not hold it
	version         string
}

// get returns entries, in the order of the ids.
func (s *Store) get(ctx context.Context, channel parley.ChannelID, ids ...int64) ([]kept, string, error) {
	args := make([]string, len(ids))
	for i, id := range ids {
		args[i] = strconv.FormatInt(id, 10)
	}
	ms, epoch, err := s.run(ctx, call{script: getScript, channel: channel, args: args})
	if err != nil {
		return nil, "", err
	}
	parts, err := ms[0].AsStrSlice()
	if err != nil || len(parts) != 1+3*len(ids) {
		return nil, "", unexpected(err)
	}
	first, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return nil, "", errAnswer
	}
	all := make([]kept, len(ids))
	for i := range all {
		part := parts[1+3*i:]
		if part[0] == "" {
			continue
		}
		m, err := entryOf(channel, ids[i], first, part[0], part[1])
		if err != nil {
			return nil, "", err
		}
		all[i] = kept{&m, part[2]}
	}
	return all, epoch, nil
}

// Read implements parley.Log.
func (s *Store) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	run, err := s.read(ctx, channel, after, limit)
	if err != nil {
		return parley.Run{}, fmt.Errorf("read %s after %d: %w", channel, after.ID, err)
	}
	return run, nil
}

func (s *Store) read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (run parley.Run, err error) {
	from := max(after.ID, 0)
	ms, epoch, err := s.run(ctx,
		call{script: readScript, channel: channel, args: []string{strconv.FormatInt(from, 10), strconv.Itoa(limit), strconv.Itoa(maxRun)}})
	if err != nil {
		return run, err
	}
	if run.Epoch = epoch; after.Epoch != "" && after.Epoch != epoch {
		return run, parley.ErrEpoch
	}
	parts, err := ms[0].AsStrSlice()
	if err != nil || len(parts)%2 != 1 {
		return run, unexpected(err)
	}
	first, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return run, errAnswer
	}
	if from+1 < first {
		return run, parley.ErrTrimmed
	}
	for i := 1; i < len(parts); i += 2 {
		from++
		m, err := entryOf(channel, from, first, parts[i], parts[i+1])
		if err != nil {
			return run, err
		}
		run.Entries = append(run.Entries, m)
	}
	return run, nil
}

// Lookup implements parley.Log.
func (s *Store) Lookup(ctx context.Context, channel parley.ChannelID, user parley.UserID, key string) (
	m parley.Message, found bool, err error) {
	ms, _, err := s.run(ctx, call{script: lookupScript, channel: channel, args: []string{senderKey(user, key)}})
	var parts []string
	if err == nil {
		parts, err = ms[0].AsStrSlice()
	}
	if err == nil && len(parts) == 3 {
		var id int64
		if id, err = strconv.ParseInt(parts[0], 10, 64); err == nil {
			m, err = entryOf(channel, id, 1, parts[1], parts[2])
		}
	}
	if err != nil {
		return parley.Message{}, false, fmt.Errorf("look up a key in %s: %w", channel, err)
	}
	return m, len(parts) == 3, nil
}

// maxTogetherRead is how many channels one call reads: nothing else is served meanwhile.
const maxTogetherRead = 100

const boundsSize = 4 * 8 // of each channel

// together is how many channels one call reads. Those of a Cluster lie in different slots.
func (s *Store) together() int {
	if s.appends.alone {
		return 1
	}
	return maxTogetherRead
}

// Bounds implements parley.Log.
func (s *Store) Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	if len(channels) != 1 || s.appends.alone {
		bs, err := s.readBounds(ctx, channels...)
		if err != nil {
			return nil, fmt.Errorf("bounds: %w", err)
		}
		return bs, nil
	}
	b, err := s.bounds.of(ctx, channels[0])
	if err != nil {
		return nil, fmt.Errorf("bounds of %s: %w", channels[0], err)
	}
	return []parley.Bounds{b}, nil
}

// Ready returns the reason why nothing can be stored now, nil if there is none.
func (s *Store) Ready(ctx context.Context) error {
	_, err := s.readBounds(ctx, "$control")
	return err
}

func (s *Store) readBounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	var calls []call
	for some := range slices.Chunk(channels, s.together()) {
		calls = append(calls, s.boundsOf(some...))
	}
	ms, epoch, err := s.run(ctx, calls...)
	if err != nil {
		return nil, err
	}
	bs := make([]parley.Bounds, 0, len(channels))
	for i := range ms {
		packed, err := ms[i].ToString()
		if want := boundsSize * len(calls[i].keys) / 2; err != nil || len(packed) != want {
			return nil, fmt.Errorf("%s: %w", channels[len(bs)], unexpected(err))
		}
		for ; packed != ""; packed = packed[boundsSize:] {
			bs = append(bs, parley.Bounds{Channel: channels[len(bs)], Epoch: epoch, First: number(packed), Last: number(packed[8:]),
				Time: parley.Timestamp(number(packed[16:])), Before: number(packed[24:])})
		}
	}
	return bs, nil
}

// boundsOf is a call that reads the bounds of channels in one slot.
func (s *Store) boundsOf(channels ...parley.ChannelID) call {
	c := call{script: boundsScript, keys: make([]string, 0, 2*len(channels)), args: make([]string, 0, len(channels))}
	for _, channel := range channels {
		keep := s.keeps(channel)
		c.keys = append(c.keys, s.keysOf(channel)...)
		c.args = append(c.args, rueidis.BinaryString(appendNumber(appendNumber(make([]byte, 0, 16), keep.Messages), keep.Seconds)))
	}
	return c
}

// each calls a script without further arguments for each channel.
func (s *Store) each(ctx context.Context, script *script, channels []parley.ChannelID, args ...string) (
	parts [][]string, epoch string, err error) {
	calls := make([]call, len(channels))
	for i, c := range channels {
		calls[i] = call{script: script, channel: c, args: args}
	}
	ms, epoch, err := s.run(ctx, calls...)
	if err != nil {
		return nil, "", err
	}
	parts = make([][]string, len(channels))
	for i := range ms {
		if parts[i], err = ms[i].AsStrSlice(); err != nil {
			return nil, "", err
		}
	}
	return parts, epoch, nil
}

func integers(parts []string) (ns []int64, err error) {
	for _, p := range parts {
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return nil, errAnswer
		}
		ns = append(ns, n)
	}
	return ns, nil
}
