package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/parley-server/parley"
)

// Presence lists the users in a channel: those with a connection that follows it, or who have just polled it.
type Presence struct {
	Count     int       `json:"count"`
	Users     []Present `json:"users"`     // by name, at most 1000
	Truncated bool      `json:"truncated"` // there are more users than listed
}

// Present is a user who is in a channel.
type Present struct {
	User       string           `json:"user"`
	Since      parley.Timestamp `json:"since"`
	Transports []Transport      `json:"transports"` // none in the seconds after leaving
}

// Presence returns the users in a channel. A subscription to it receives changes as
// events "user-joined", "user-left" and, if many users are present, "presence".
func (c *Client) Presence(ctx context.Context, channel string) (Presence, error) {
	var p Presence
	if err := c.ask(ctx, http.MethodGet, channelPath(channel, "presence"), nil, nil, &p); err != nil {
		return Presence{}, fmt.Errorf("ask who is in %s: %w", channel, err)
	}
	return p, nil
}

// Typing notifies the others in a channel that the caller is typing. Call it at most
// every two seconds while the user types; the server drops further calls.
func (c *Client) Typing(ctx context.Context, channel string) error {
	if err := c.ask(ctx, http.MethodPost, channelPath(channel, "typing"), nil, nil, nil); err != nil {
		return fmt.Errorf("type in %s: %w", channel, err)
	}
	return nil
}

// SendEvent sends an application's own event to the others in a channel. It is not
// stored and may be dropped. name has 1 to 64 of a-z 0-9 . _ -; data becomes a JSON
// object, unless it is nil.
func (c *Client) SendEvent(ctx context.Context, channel, name string, data any) error {
	in := map[string]any{"event": name}
	if data != nil {
		in["data"] = data
	}
	if err := c.ask(ctx, http.MethodPost, channelPath(channel, "events"), nil, in, nil); err != nil {
		return fmt.Errorf("send event %s to %s: %w", name, channel, err)
	}
	return nil
}
