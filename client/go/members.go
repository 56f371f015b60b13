package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"github.com/parley-server/parley"
)

// Member is a user's membership in a channel.
type Member struct {
	User   string           `json:"user"`
	Role   parley.Role      `json:"role"`    // "owner", "admin", "member" or "reader"
	ReadID int64            `json:"read_id"` // the read pointer
	Joined parley.Timestamp `json:"joined"`
}

// Join makes the caller a member of a public channel. Posting to it does the same.
func (c *Client) Join(ctx context.Context, channel string) error {
	return c.oneself(ctx, "join", http.MethodPut, channel)
}

// Leave ends the caller's membership.
func (c *Client) Leave(ctx context.Context, channel string) error {
	return c.oneself(ctx, "leave", http.MethodDelete, channel)
}

func (c *Client) oneself(ctx context.Context, what, method, channel string) error {
	user, err := c.User(ctx)
	if err == nil {
		err = c.ask(ctx, method, channelPath(channel, "members", user), nil, nil, nil)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, channel, err)
	}
	return nil
}

// Members yields the members of a channel, by name. It requests one page at a time; the
// last pair may be an error.
func (c *Client) Members(ctx context.Context, channel string) iter.Seq2[Member, error] {
	return pages[Member](ctx, c, channelPath(channel, "members"), "members", url.Values{})
}

// PutMember makes a user a member, or changes a member's role. An empty role makes a
// new member a plain member, and keeps the role of an existing one.
func (c *Client) PutMember(ctx context.Context, channel, user string, role parley.Role) error {
	in := map[string]parley.Role{}
	if role != "" {
		in["role"] = role
	}
	if err := c.ask(ctx, http.MethodPut, channelPath(channel, "members", user), nil, in, nil); err != nil {
		return fmt.Errorf("make %s a member of %s: %w", user, channel, err)
	}
	return nil
}

// RemoveMember ends a user's membership. Only administrators may.
func (c *Client) RemoveMember(ctx context.Context, channel, user string) error {
	if err := c.ask(ctx, http.MethodDelete, channelPath(channel, "members", user), nil, nil, nil); err != nil {
		return fmt.Errorf("remove %s from %s: %w", user, channel, err)
	}
	return nil
}

// Mute sets which messages of a channel are pushed to the caller, who must be a member.
func (c *Client) Mute(ctx context.Context, channel string, m Mute) error {
	if err := c.ask(ctx, http.MethodPut, channelPath(channel, "mute"), nil, map[string]Mute{"muted": m}, nil); err != nil {
		return fmt.Errorf("mute %s: %w", channel, err)
	}
	return nil
}

// MarkRead moves the caller's read pointer forward to an entry and returns the
// remaining number of unread messages. The caller must be a member.
func (c *Client) MarkRead(ctx context.Context, channel string, id int64) (unread int64, err error) {
	var answer struct {
		Unread int64 `json:"unread"`
	}
	if err := c.ask(ctx, http.MethodPost, channelPath(channel, "read"), nil, map[string]int64{"id": id}, &answer); err != nil {
		return 0, fmt.Errorf("mark %s as read: %w", channel, err)
	}
	return answer.Unread, nil
}
