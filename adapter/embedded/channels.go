package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// Settings implements parley.Directory.
func (l *Log) Settings(ctx context.Context, channels ...parley.ChannelID) ([]parley.Settings, error) {
	all := make([]parley.Settings, len(channels))
	for i, channel := range channels {
		if err := l.inside(ctx, func() (err error) { all[i], _, err = l.settings(channel); return err }); err != nil {
			return nil, fmt.Errorf("settings of %s: %w", channel, err)
		}
	}
	return all, nil
}

// settings reads a channel's settings and reports whether it has any.
func (l *Log) settings(channel parley.ChannelID) (s parley.Settings, found bool, err error) {
	if !l.configured.may(channel) {
		return s, false, nil
	}
	v, closer, err := l.rows.Get(settingsKey(channel))
	if errors.Is(err, pebble.ErrNotFound) {
		return s, false, nil
	}
	if err == nil {
		s, err = decodeSettings(v)
		closer.Close()
	}
	if err != nil {
		return s, false, err
	}
	return s, true, nil
}

// SetChannel implements parley.Directory. It shares its sync with appends.
func (l *Log) SetChannel(ctx context.Context, channel parley.ChannelID, change func(*parley.Settings) error) (
	was, is parley.Settings, err error) {
	var before, after parley.Settings // owned by the builder until it has answered
	err = l.submit(ctx, &request{size: 128, do: func(b *build) (err error) {
		size := 0
		before, _, err = row(b.getter(), settingsKey(channel), func(v []byte) (s parley.Settings, err error) {
			size = len(v)
			return decodeSettings(v)
		})
		if err != nil {
			return err
		}
		after = before
		if err := change(&after); err != nil {
			return err
		}
		v, err := json.Marshal(after)
		if err != nil {
			return err
		}
		// A new kind may take rights away; a change that adds little else may use the reserve.
		if err := l.refusal(after.Kind != before.Kind && len(v) <= size+64); err != nil {
			return err
		}
		l.configured.add(channel)
		must(b.batch.Set(settingsKey(channel), tag(v), nil))
		l.trims.changed(channel)
		h, err := b.head(channel)
		if err != nil {
			return err
		}
		return b.listed(h)
	}})
	if err != nil {
		return was, is, fmt.Errorf("settings of %s: %w", channel, err)
	}
	return before, after, nil
}

// RemoveChannel implements parley.Directory. It uses the same queue as appends.
func (l *Log) RemoveChannel(ctx context.Context, channel parley.ChannelID) error {
	if err := l.submit(ctx, &request{do: func(b *build) error { return b.remove(channel) }}); err != nil {
		return fmt.Errorf("remove %s: %w", channel, err)
	}
	l.reclaim(ctx, channel)
	return nil
}

// reclaim frees the space of a channel's removed messages immediately if space is scarce. Otherwise
// Pebble frees it when it has more to do.
func (l *Log) reclaim(ctx context.Context, channel parley.ChannelID) {
	if !l.space.low.Load() || l.gate.acquire() != nil {
		return
	}
	defer l.gate.release()
	from, to := span('m', channel)
	if err := l.db.Compact(ctx, from, to, false); err != nil {
		l.cfg.Logger.Warn("the space of removed messages is not yet free", "err", err)
	}
	l.space.look()
}

func (b *build) remove(channel parley.ChannelID) error {
	h, err := b.head(channel)
	if err != nil {
		return err
	}
	must(b.batch.Delete(settingsKey(channel), nil))
	must(b.batch.Delete(openKey(channel), nil))
	if err := b.dismiss(h); err != nil {
		return err
	}
	if !h.next.exists {
		return nil
	}
	h.next.first, h.next.before, h.next.exists = h.next.last+1, h.next.count, false
	h.raise(h.next.first, h.next.before)
	for _, kind := range inChannel {
		from, to := span(kind, channel)
		must(b.batch.DeleteRange(from, to, nil))
	}
	b.saveRecord(h)
	return nil
}

// Channels implements parley.Directory.
func (l *Log) Channels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	if err := l.gate.acquire(); err != nil {
		return nil, fmt.Errorf("list channels: %w", err)
	}
	defer l.gate.release()
	names, err := l.channels(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list channels: %w", err)
	}
	return names, nil
}

// channels merges the channels with messages and those with settings.
func (l *Log) channels(ctx context.Context, after parley.ChannelID, limit int) (names []parley.ChannelID, err error) {
	records, err := l.names('h', after)
	if err != nil {
		return nil, err
	}
	defer records.Close()
	settings, err := l.names('s', after)
	if err != nil {
		return nil, err
	}
	defer settings.Close()
	inRecords, inSettings := records.First(), settings.First()
	for len(names) < limit && (inRecords || inSettings) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var name parley.ChannelID
		exists := false
		if inRecords {
			name = parley.ChannelID(records.Key()[1:])
		}
		if inSettings {
			if s := parley.ChannelID(settings.Key()[1:]); !inRecords || s <= name {
				name, exists = s, true
			}
		}
		if inRecords && name == parley.ChannelID(records.Key()[1:]) {
			r, err := decodeRecord(records.Value())
			if err != nil {
				return nil, fmt.Errorf("record of %s: %w", name, err)
			}
			exists = exists || r.exists
			inRecords = records.Next()
		}
		if inSettings && name == parley.ChannelID(settings.Key()[1:]) {
			inSettings = settings.Next()
		}
		if exists {
			names = append(names, name)
		}
	}
	return names, errors.Join(records.Error(), settings.Error())
}

// names iterates over the keys of one kind that end in a channel's name.
func (l *Log) names(kind byte, after parley.ChannelID) (*iterator, error) {
	from := append(append([]byte{kind}, after...), 0) // no name contains a NUL
	return l.db.rowsOf(from, []byte{kind + 1})
}
