package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// shredder posts texts, deletes each, and reads the channel repeatedly over each transport in turn: a read that starts a while after
// the deletion was acknowledged must not return the text, on any node.
type shredder struct {
	server  string
	token   string
	user    string
	http    *http.Client
	client  *client.Client
	channel string
	rand    *rand.Rand

	epoch   string
	deleted map[string]time.Time // texts with the times at which their deletion was acknowledged
	shown   []string             // deleted texts that were served
}

const (
	shredPause  = 100 * time.Millisecond
	shredGrace  = time.Second // time for other nodes to learn of a deletion
	shredWindow = 40          // entries read each time
)

var shreddedText = regexp.MustCompile(`shred-[0-9a-f]+-[0-9]+`)

// run works until stop is closed. It returns a refusal, or ctx's error.
func (s *shredder) run(ctx context.Context, stop <-chan struct{}) error {
	s.deleted = map[string]time.Time{}
	series := s.rand.Uint32()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(shredPause):
		}
		key := fmt.Sprintf("%08x-%d", series, n)
		text := "shred-" + key
		ack, err := s.client.Publish(ctx, s.channel, client.Draft{Text: text, Key: key})
		if err == nil {
			err = s.remove(ctx, text, ack.ID)
		}
		if err == nil {
			err = s.read(ctx, client.Transports()[n%len(client.Transports())])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.user, err)
		}
	}
}

// remove deletes a message, retrying until the server has deleted it or refuses permanently.
func (s *shredder) remove(ctx context.Context, text string, id int64) error {
	at := fmt.Sprintf("%s/api/messages/%s/%d", s.server, url.PathEscape(s.channel), id)
	if s.token == "" {
		at += "?user=" + url.QueryEscape(s.user)
	}
	for {
		try, cancel := context.WithTimeout(ctx, 15*time.Second)
		status, detail, err := s.delete(try, at)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && (status == http.StatusNoContent || status == http.StatusOK): // 200: an earlier attempt has deleted it
			s.deleted[text] = time.Now()
			return nil
		case err == nil && status == http.StatusNotFound: // gone with the epoch; if the log is wrong, other checks find that
			return nil
		case err == nil && status < 500 && status != http.StatusTooManyRequests:
			return fmt.Errorf("delete %d: %d %s", id, status, detail)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(shredPause):
		}
	}
}

func (s *shredder) delete(ctx context.Context, at string) (status int, detail string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, at, nil)
	if err != nil {
		return 0, "", err
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	return res.StatusCode, string(b), err
}

// read reads the newest entries once. A failed read is retried with the next text.
func (s *shredder) read(ctx context.Context, via client.Transport) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	head, err := s.client.Head(ctx, s.channel)
	if err != nil {
		return terminal(err)
	}
	if head.Epoch != s.epoch { // deleted text may be back: the store may have lost the deletion with the old epoch
		s.epoch = head.Epoch
		clear(s.deleted)
	}
	due := map[string]bool{}
	for text, at := range s.deleted {
		if time.Since(at) > shredGrace {
			due[text] = true
		}
	}
	from := max(0, head.Last-shredWindow)
	stream, err := s.client.Open(ctx, via, s.channel, client.Position{After: &from, Epoch: head.Epoch})
	if err != nil {
		return terminal(err)
	}
	defer stream.Close()
	for at := from; at < head.Last; {
		e, err := stream.Next(ctx)
		if err != nil {
			return terminal(err)
		}
		if e.Reset != nil {
			return nil
		}
		at = max(at, e.ID)
		for _, text := range shreddedText.FindAllString(string(e.Raw), -1) {
			if due[text] {
				s.shown = append(s.shown, fmt.Sprintf("%s was served over %s as entry %d, %v after its deletion", text, via, e.ID,
					time.Since(s.deleted[text]).Round(time.Millisecond)))
			}
		}
	}
	return nil
}

// terminal returns err if retrying cannot fix it.
func terminal(err error) error {
	if e, ok := errors.AsType[*client.Error](err); ok && e.Terminal() && e.Code != "cursor_gone" {
		return err
	}
	return nil
}
