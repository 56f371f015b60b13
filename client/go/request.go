package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// request is an HTTP request that can be repeated with another token.
type request struct {
	method, url string
	header      http.Header
	body        []byte // JSON; nil: none
}

// send sends a request with the caller's credentials. A status that is not wanted
// becomes an *Error; otherwise the caller closes the body.
func (c *Client) send(ctx context.Context, r request, want ...int) (resp *http.Response, err error) {
	err = c.credentials.authorized(ctx, func(token string) error {
		resp, err = c.sendOnce(ctx, r, token, want)
		return err
	})
	return resp, err
}

func (c *Client) sendOnce(ctx context.Context, r request, token string, want []int) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return nil, err
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	sign(req.Header, token)
	resp, err := c.cfg.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	if slices.Contains(want, resp.StatusCode) {
		return resp, nil
	}
	defer discard(resp.Body)
	return nil, errorOf(resp)
}

func sign(h http.Header, token string) {
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
}

// get requests a path and returns the answer if it is 200 or 304.
func (c *Client) get(ctx context.Context, path string, q url.Values, h http.Header) (*http.Response, error) {
	return c.send(ctx, request{method: http.MethodGet, url: c.url(path, q), header: h}, http.StatusOK, http.StatusNotModified)
}

// url adds the user to the query, and the query to the path.
func (c *Client) url(path string, q url.Values) string {
	if q == nil {
		q = url.Values{}
	}
	if c.cfg.User != "" {
		q.Set("user", c.cfg.User)
	}
	if c.cfg.Name != "" {
		q.Set("name", c.cfg.Name)
	}
	if len(q) == 0 {
		return c.base + path
	}
	return c.base + path + "?" + q.Encode()
}

// Request makes any other request of docs/api.md, such as GET /api/devices. path may
// contain a query. in becomes the JSON of the body, unless it is nil; the JSON of the
// answer, if any, is decoded into out, unless that is nil. It is tried once, for
// Config.TryTimeout. Errors: an *Error if the server refused, else the network's.
func (c *Client) Request(ctx context.Context, method, path string, in, out any) error {
	path, query, _ := strings.Cut(path, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if err := c.ask(ctx, method, path, q, in, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// ask is Request with a query.
func (c *Client) ask(ctx context.Context, method, path string, q url.Values, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TryTimeout)
	defer cancel()
	r := request{method: method, url: c.url(path, q)}
	if in != nil {
		var err error
		if r.body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	resp, err := c.send(ctx, r, http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent)
	if err != nil {
		return err
	}
	defer discard(resp.Body)
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := decode(resp.Body, out); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// channelPath returns the path of a part of a channel, such as /api/channels/general/read.
func channelPath(channel string, parts ...string) string {
	path := "/api/channels/" + url.PathEscape(channel)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}
