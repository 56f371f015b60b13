package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/parley-server/parley"
)

// Draft is a message to send. Text or Data is required.
type Draft struct {
	Text   string
	Data   any    // becomes a JSON object; nil: none
	Key    string // idempotency key, ≤ 128 bytes; empty: generated
	Thread int64  // the message this one replies to, or 0
}

// Ack reports that a message is durable.
type Ack struct {
	ID        int64            `json:"id"`
	Timestamp parley.Timestamp `json:"timestamp"`
	Duplicate bool             `json:"duplicate"` // the key was used before; this is the first message with it
	Key       string           `json:"key"`
}

// Published is the result of one item of a batch.
type Published struct {
	Ack Ack
	Err error // an *Error; Ack.Key is still set, so that the item can be sent again
}

// body is the JSON of a POST and of a WebSocket message frame.
type body struct {
	Type    string `json:"type,omitempty"`
	Channel string `json:"channel_id,omitempty"`
	User    string `json:"user,omitempty"`
	Name    string `json:"name,omitempty"`
	Text    string `json:"text,omitempty"`
	Data    any    `json:"data,omitempty"`
	Thread  int64  `json:"thread,omitempty"`
	Key     string `json:"key"`
}

func (c *Client) body(channel string, d Draft) body {
	if d.Key == "" {
		d.Key = rand.Text()
	}
	return body{Channel: channel, User: c.cfg.User, Name: c.cfg.Name, Text: d.Text, Data: d.Data, Thread: d.Thread, Key: d.Key}
}

// Publish stores a message and returns when it is durable. It tries until ctx ends or
// the server refuses for good (an *Error): with the draft's key, or a generated one, a
// repeat is stored once and answered with the first message. If ctx ends, the message
// may have been stored; publish again with the same Key to find out.
func (c *Client) Publish(ctx context.Context, channel string, d Draft) (Ack, error) {
	b := c.body(channel, d)
	var a Ack
	status, err := c.post(ctx, "/api/messages", b, &a)
	a.Key = b.Key
	if err != nil {
		return Ack{Key: b.Key}, fmt.Errorf("publish to %s: %w", channel, err)
	}
	a.Duplicate = status == http.StatusOK
	return a, nil
}

// PublishBatch stores at most 1000 messages in order, each with its own result. The
// request as a whole is retried like Publish; an item that was refused is not retried,
// since it would then follow its successors.
func (c *Client) PublishBatch(ctx context.Context, channel string, drafts []Draft) ([]Published, error) {
	items := make([]body, len(drafts))
	for i, d := range drafts {
		items[i] = c.body(channel, d)
	}
	var answers []struct {
		Ack
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if _, err := c.post(ctx, "/api/messages/batch", items, &answers); err != nil {
		return nil, fmt.Errorf("publish a batch to %s: %w", channel, err)
	}
	if len(answers) != len(items) {
		return nil, &protocolError{fmt.Sprintf("%d answers to a batch of %d", len(answers), len(items))}
	}
	out := make([]Published, len(items))
	for i, a := range answers {
		out[i].Ack = a.Ack
		out[i].Ack.Key = items[i].Key
		if a.Code != "" {
			out[i].Err = &Error{Code: a.Code, Detail: a.Detail}
		}
	}
	return out, nil
}

// post sends a body until it is answered, and decodes the answer.
func (c *Client) post(ctx context.Context, path string, in, out any) (status int, err error) {
	payload, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	retry := backoff{first: c.cfg.FirstWait, max: c.cfg.MaxWait}
	for last := error(nil); ; last = err {
		status, err = c.postOnce(ctx, path, payload, out)
		if err != nil && ctx.Err() != nil && last != nil {
			err = last // it says more than that this try was cut short
		}
		if err == nil || terminal(err) {
			return status, err
		}
		d := retry.next(retryAfter(err))
		if ctx.Err() == nil {
			c.cfg.Logger.Info("publish failed", "err", err, "wait", d)
			c.cfg.OnTrouble(Trouble{Err: err, Wait: d})
		}
		if end := wait(ctx, d); end != nil {
			return 0, fmt.Errorf("%w; last try: %w", end, err)
		}
	}
}

func (c *Client) postOnce(ctx context.Context, path string, payload []byte, out any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TryTimeout)
	defer cancel()
	resp, err := c.send(ctx, request{method: http.MethodPost, url: c.base + path, body: payload}, http.StatusCreated, http.StatusOK)
	if err != nil {
		return 0, err
	}
	defer discard(resp.Body)
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return 0, fmt.Errorf("read the answer: %w", err)
	}
	return resp.StatusCode, nil
}
