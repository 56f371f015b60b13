package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"

	"github.com/parley-server/parley"
)

// Channel contains the settings and bounds of a channel.
type Channel struct {
	Channel   string             `json:"channel"` // its name
	Title     string             `json:"title"`
	Topic     string             `json:"topic"`
	Kind      parley.ChannelKind `json:"kind"`      // "public" or "members"
	Data      json.RawMessage    `json:"data"`      // a JSON object, or nil
	Retention *parley.Retention  `json:"retention"` // nil: everything is kept
	FirstID   int64              `json:"first_id"`  // the first id that is kept
	LastID    int64              `json:"last_id"`   // the head
}

// Settings of a channel. Fields that are nil or empty stay unchanged.
type Settings struct {
	Title     *string            `json:"title,omitempty"` // at most 1 KiB
	Topic     *string            `json:"topic,omitempty"` // at most 4 KiB
	Kind      parley.ChannelKind `json:"kind,omitempty"`  // a user who makes a channel members-only owns it
	Data      any                `json:"data,omitempty"`  // becomes a JSON object
	Retention *parley.Retention  `json:"retention,omitempty"`
}

// InboxEntry is one of a user's channels.
type InboxEntry struct {
	Channel  string             `json:"channel"`
	Title    string             `json:"title"`
	Kind     parley.ChannelKind `json:"kind"`
	Role     parley.Role        `json:"role"`
	LastID   int64              `json:"last_id"`  // the head
	ReadID   int64              `json:"read_id"`  // the user's read pointer
	Unread   int64              `json:"unread"`   // messages after it that are not deleted
	Mentions int64              `json:"mentions"` // those of them that name the user
	Muted    Mute               `json:"muted"`
	Last     *Message           `json:"last_message"` // the newest one that is not deleted, or nil
}

// Mute says which messages of a channel are not pushed to a member. It does not affect counts.
type Mute string

// The values of Mute, in JSON false, true and "mentions".
const (
	MuteNone        Mute = ""
	MuteAll         Mute = "all"
	MuteButMentions Mute = "mentions" // all but those that mention the member
)

// MarshalJSON returns the wire form.
func (m Mute) MarshalJSON() ([]byte, error) {
	if m == MuteButMentions {
		return []byte(`"mentions"`), nil
	}
	return json.Marshal(m != MuteNone)
}

// UnmarshalJSON reads the wire form.
func (m *Mute) UnmarshalJSON(b []byte) error {
	switch string(bytes.TrimSpace(b)) {
	case `"mentions"`:
		*m = MuteButMentions
	case "true":
		*m = MuteAll
	default:
		*m = MuteNone
	}
	return nil
}

// Inbox yields the channels of which the caller is a member, newest first, with their
// unread counts. It requests one page at a time; the last pair may be an error.
func (c *Client) Inbox(ctx context.Context) iter.Seq2[InboxEntry, error] {
	return pages[InboxEntry](ctx, c, "/api/channels", "channels", url.Values{})
}

// PublicChannels yields the channels that anybody may join, by name. It works like Inbox.
func (c *Client) PublicChannels(ctx context.Context) iter.Seq2[Channel, error] {
	return pages[Channel](ctx, c, "/api/channels", "channels", url.Values{"all": {"true"}})
}

// pages yields the items of a list that the server answers in pages.
func pages[T any](ctx context.Context, c *Client, path, field string, q url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := maps.Clone(q) // each range begins at the first page
		for {
			var answer map[string]json.RawMessage
			if err := c.ask(ctx, http.MethodGet, path, q, nil, &answer); err != nil {
				var none T
				yield(none, fmt.Errorf("list %s: %w", field, err))
				return
			}
			var items []T
			var next string
			err := json.Unmarshal(answer[field], &items)
			if err == nil && answer["next"] != nil {
				err = json.Unmarshal(answer["next"], &next)
			}
			if err != nil {
				var none T
				yield(none, &protocolError{fmt.Sprintf("a list of %s: %v", field, err)})
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			q.Set("next", next)
		}
	}
}

// Channel returns the settings and bounds of a channel. One that does not exist yet is empty.
func (c *Client) Channel(ctx context.Context, channel string) (Channel, error) {
	var ch Channel
	if err := c.ask(ctx, http.MethodGet, channelPath(channel), nil, nil, &ch); err != nil {
		return Channel{}, fmt.Errorf("read channel %s: %w", channel, err)
	}
	return ch, nil
}

// CreateChannel sets or changes a channel's settings. A channel exists from its first
// setting, member or message on, so this is only needed for settings that differ from the
// defaults.
func (c *Client) CreateChannel(ctx context.Context, channel string, s Settings) (Channel, error) {
	var ch Channel
	if err := c.ask(ctx, http.MethodPut, channelPath(channel), nil, s, &ch); err != nil {
		return Channel{}, fmt.Errorf("set up channel %s: %w", channel, err)
	}
	return ch, nil
}

// DeleteChannel removes the messages, members and settings of a channel. Its ids
// continue after the last one used.
func (c *Client) DeleteChannel(ctx context.Context, channel string) error {
	if err := c.ask(ctx, http.MethodDelete, channelPath(channel), nil, nil, nil); err != nil {
		return fmt.Errorf("delete channel %s: %w", channel, err)
	}
	return nil
}
