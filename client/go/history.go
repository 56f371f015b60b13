package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

const (
	defaultHistory = 50   // messages per page, as in the TypeScript client
	maxEntries     = 1000 // per answer
)

// PageQuery selects a page of history.
type PageQuery struct {
	Before int64 // the messages before this entry; 0: the newest
	Limit  int   // of messages. Default 50
}

// Page is a part of a channel's history.
type Page struct {
	Messages []Message // ascending
	Before   int64     // for the query of the previous page
	More     bool      // there is such a page
	Last     int64     // the head when the page was read: it reflects all changes up to this entry
	Epoch    string    // of the store
}

// Position is where to continue after the newest page: a subscription from there
// receives everything after it, without a gap.
func (p Page) Position() Position { return Position{After: &p.Last, Epoch: p.Epoch} }

// History reads the newest messages of a channel, or those before an entry. Entries that
// are changes are not in the page and do not count: messages are in their current state.
func (c *Client) History(ctx context.Context, channel string, q PageQuery) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = defaultHistory
	}
	page := Page{Before: q.Before, More: true}
	for limit := q.Limit; page.More && len(page.Messages) < q.Limit; limit = maxEntries {
		query := url.Values{"limit": {strconv.Itoa(min(limit, maxEntries))}}
		if page.Before > 0 {
			query.Set("before", strconv.FormatInt(page.Before, 10))
		}
		found, head, err := c.entries(ctx, channel, query)
		if err != nil {
			return Page{}, fmt.Errorf("read the history of %s: %w", channel, err)
		}
		if page.Epoch == "" {
			page.Last, page.Epoch = head.Last, head.Epoch
		}
		page.Messages = slices.Concat(messagesOf(found), page.Messages)
		page.More = len(found) > 0 && found[0].ID > 1
		if len(found) > 0 {
			page.Before = found[0].ID
		}
	}
	if extra := len(page.Messages) - q.Limit; extra > 0 {
		page.Messages = page.Messages[extra:]
		page.Before, page.More = page.Messages[0].ID, true
	}
	return page, nil
}

// ThreadQuery selects a part of a thread.
type ThreadQuery struct {
	After int64 // the replies after this entry; 0: from the first
	Limit int   // of messages. Default 1000, which is also the most
}

// Thread returns message id, with the number of its Replies, followed by replies, ascending.
func (c *Client) Thread(ctx context.Context, channel string, id int64, q ThreadQuery) ([]Message, error) {
	if q.Limit <= 0 {
		q.Limit = maxEntries
	}
	found, _, err := c.entries(ctx, channel, url.Values{"thread": {strconv.FormatInt(id, 10)},
		"after": {strconv.FormatInt(q.After, 10)}, "limit": {strconv.Itoa(q.Limit)}})
	if err != nil {
		return nil, fmt.Errorf("read thread %d of %s: %w", id, channel, err)
	}
	return messagesOf(found), nil
}

// entries requests entries of a channel.
func (c *Client) entries(ctx context.Context, channel string, q url.Values) ([]Event, Bounds, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TryTimeout)
	defer cancel()
	q.Set("channel_id", channel)
	resp, err := c.get(ctx, "/api/messages", q, nil)
	if err != nil {
		return nil, Bounds{}, err
	}
	defer discard(resp.Body)
	head, err := boundsOf(resp.Header)
	if err != nil {
		return nil, Bounds{}, err
	}
	var list []json.RawMessage
	if err := decode(resp.Body, &list); err != nil {
		return nil, Bounds{}, fmt.Errorf("read the answer: %w", err)
	}
	found, err := entries(list)
	return found, head, err
}

func messagesOf(entries []Event) (messages []Message) {
	for _, e := range entries {
		if e.Type == "message" {
			messages = append(messages, *e.Message)
		}
	}
	return messages
}

// Edit says what to change in a message.
type Edit struct {
	Text *string // nil: unchanged
	Data any     // becomes a JSON object; nil: unchanged
}

// Edit changes a message and returns its new state. Only authors and administrators may.
func (c *Client) Edit(ctx context.Context, channel string, id int64, e Edit) (Message, error) {
	in := map[string]any{}
	if e.Text != nil {
		in["text"] = *e.Text
	}
	if e.Data != nil {
		in["data"] = e.Data
	}
	var m Message
	if err := c.ask(ctx, http.MethodPatch, messagePath(channel, id), nil, in, &m); err != nil {
		return Message{}, fmt.Errorf("edit message %d of %s: %w", id, channel, err)
	}
	return m, nil
}

// Delete removes the content of a message everywhere. Only authors and administrators may.
func (c *Client) Delete(ctx context.Context, channel string, id int64) error {
	if err := c.ask(ctx, http.MethodDelete, messagePath(channel, id), nil, nil, nil); err != nil {
		return fmt.Errorf("delete message %d of %s: %w", id, channel, err)
	}
	return nil
}

// React adds the caller's reaction to a message, or removes it if on is false.
func (c *Client) React(ctx context.Context, channel string, id int64, emoji string, on bool) error {
	method := http.MethodPut
	if !on {
		method = http.MethodDelete
	}
	path := messagePath(channel, id) + "/reactions/" + url.PathEscape(emoji)
	if err := c.ask(ctx, method, path, nil, nil, nil); err != nil {
		return fmt.Errorf("react to message %d of %s: %w", id, channel, err)
	}
	return nil
}

func messagePath(channel string, id int64) string {
	return "/api/messages/" + url.PathEscape(channel) + "/" + strconv.FormatInt(id, 10)
}
