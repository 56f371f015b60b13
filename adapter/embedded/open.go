package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/parley-server/parley"
)

// The open channels are listed by name (o rows): those that exist and that users who are not
// members can find. Members-only channels, direct ones, users' own and the server's are not in the
// list, so their number does not slow it down.

func openKey(ch parley.ChannelID) []byte { return append([]byte{'o'}, ch...) }

// mayOpen reports whether a channel of this name can be open.
func mayOpen(ch parley.ChannelID) bool {
	_, own := ch.Owner()
	return !own && !strings.HasPrefix(string(ch), "dm:") && !ch.Internal()
}

// listed adds a channel to the open ones or removes it, according to what the batch has written.
func (b *build) listed(h *head) error {
	if !mayOpen(h.channel) {
		return nil
	}
	var s parley.Settings
	found := false
	if b.log.configured.may(h.channel) {
		var err error
		s, found, err = row(b.getter(), settingsKey(h.channel), decodeSettings)
		if err != nil {
			return err
		}
	}
	if (h.next.exists || found) && s.Kind != parley.KindMembers {
		must(b.batch.Set(openKey(h.channel), nil, nil))
	} else {
		must(b.batch.Delete(openKey(h.channel), nil))
	}
	return nil
}

func decodeSettings(v []byte) (s parley.Settings, err error) {
	return s, json.Unmarshal(untag(v, 0), &s)
}

// OpenChannels implements parley.Directory.
func (l *Log) OpenChannels(ctx context.Context, after parley.ChannelID, limit int) (names []parley.ChannelID, err error) {
	err = l.inside(ctx, func() error {
		it, err := l.names('o', after)
		if err != nil {
			return err
		}
		defer it.Close()
		for ok := it.First(); ok && len(names) < limit; ok = it.Next() {
			names = append(names, parley.ChannelID(it.Key()[1:]))
		}
		return it.Error()
	})
	if err != nil {
		return nil, fmt.Errorf("list open channels: %w", err)
	}
	return names, nil
}

// listOlder writes the list for a store from before the list existed.
func (l *Log) listOlder(put func(key, value []byte) error) error {
	const page = 1000
	for after := parley.ChannelID(""); ; {
		names, err := l.channels(context.Background(), after, page)
		if err != nil {
			return err
		}
		for _, ch := range names {
			if !mayOpen(ch) {
				continue
			}
			s, _, err := row(getterOf(l.db.Get), settingsKey(ch), decodeSettings)
			if err != nil {
				return fmt.Errorf("settings of %s: %w", ch, err)
			}
			if s.Kind == parley.KindMembers {
				continue
			}
			if err := put(openKey(ch), nil); err != nil {
				return err
			}
		}
		if len(names) < page {
			return nil
		}
		after = names[page-1]
	}
}
