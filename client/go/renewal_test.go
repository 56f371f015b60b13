package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// signedIn returns a client whose GetToken returns t1, t2, …, and the number of calls.
func (f *fake) signedIn() (*client.Client, *atomic.Int64) {
	calls := new(atomic.Int64)
	return client.New(f.url, client.Config{PollInterval: time.Millisecond, FirstWait: time.Millisecond, MaxWait: 5 * time.Millisecond,
		GetToken: func(context.Context) (string, error) { return fmt.Sprint("t", calls.Add(1)), nil }}), calls
}

func TestRefusedTokenIsReplaced(t *testing.T) {
	eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
		f.add(2)
		f.good = map[string]bool{"t2": true}
		c, calls := f.signedIn()
		s := c.Subscribe("room", client.Options{From: client.At(0), Transport: tr,
			OnTrouble: func(tr client.Trouble) { t.Errorf("a renewal was taken for %+v", tr) }})
		defer s.Close()
		wantIDs(t, s, 1, 2)
		if n := calls.Load(); n != 2 {
			t.Errorf("%d calls of GetToken, want 2", n)
		}
	})
}

func TestRefusedTokenOfARequestIsReplaced(t *testing.T) {
	for name, ask := range map[string]func(*client.Client) error{
		"publish": func(c *client.Client) error {
			_, err := c.Publish(ctxFor(t), "room", client.Draft{Text: "x"})
			return err
		},
		"history": func(c *client.Client) error { _, err := c.History(ctxFor(t), "room", client.PageQuery{}); return err },
		"request": func(c *client.Client) error {
			return c.Request(ctxFor(t), "GET", "/api/messages?channel_id=room", nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.good = map[string]bool{"t3": true}
			c, calls := f.signedIn()
			if err := ask(c); err != nil || calls.Load() != 3 {
				t.Fatalf("%v after %d calls of GetToken", err, calls.Load())
			}
		})
	}
}

func TestClientGivesUpAfterRefusedTokens(t *testing.T) {
	eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
		f.good = map[string]bool{}
		c, calls := f.signedIn()
		s := c.Subscribe("room", client.Options{Transport: tr})
		_, err := s.Next(ctxFor(t))
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "unauthorized" || !e.Terminal() || calls.Load() != 4 {
			t.Fatalf("%v after %d calls, want unauthorized after 4", err, calls.Load())
		}
	})
}

func TestOpenSocketGetsTheNewToken(t *testing.T) {
	f := newFake(t)
	f.expires = "t1"
	c, _ := f.signedIn()
	s := c.Subscribe("room", client.Options{From: client.At(0)})
	defer s.Close()
	wantIDs(t, s, 1, 1) // stored when the frame arrived
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.auths, []string{"t2"}) || f.opened != 1 {
		t.Fatalf("the socket was shown %v, and %d were opened", f.auths, f.opened)
	}
}

func TestEventStreamReopensWithTheNewToken(t *testing.T) {
	f := newFake(t)
	f.expires = "t1"
	f.add(3)
	c, calls := f.signedIn()
	s := c.Subscribe("room", client.Options{From: client.At(1), Transport: client.SSE,
		OnTrouble: func(tr client.Trouble) { t.Errorf("a renewal was taken for %+v", tr) }})
	defer s.Close()
	wantIDs(t, s, 2, 3)
	f.add(1)
	wantIDs(t, s, 4, 4)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.opened != 2 || calls.Load() != 2 {
		t.Fatalf("%d streams, %d calls; want 2 and 2", f.opened, calls.Load())
	}
}

func TestStreamContinuesWithoutANewToken(t *testing.T) {
	for _, tr := range []client.Transport{client.SSE, client.WebSocket} {
		t.Run(string(tr), func(t *testing.T) {
			f := newFake(t)
			f.expires = "t1"
			f.add(2)
			var calls atomic.Int64
			c := client.New(f.url, client.Config{GetToken: func(context.Context) (string, error) {
				if calls.Add(1) > 1 {
					return "", errors.New("the issuer is down")
				}
				return "t1", nil
			}})
			s := c.Subscribe("room", client.Options{From: client.At(0), Transport: tr})
			defer s.Close()
			wantIDs(t, s, 1, 2)
			if f.add(1); calls.Load() != 2 {
				t.Errorf("%d calls", calls.Load())
			}
			wantIDs(t, s, 3, 3)
		})
	}
}

func TestExpiredSocketIsReplaced(t *testing.T) {
	f := newFake(t)
	f.add(1)
	c, _ := f.signedIn()
	s := c.Subscribe("room", client.Options{From: client.At(0)})
	defer s.Close()
	wantIDs(t, s, 1, 1)
	f.expire()
	for {
		e, err := s.Next(ctxFor(t))
		if err != nil {
			t.Fatal(err)
		}
		if e.Welcome != nil {
			break
		}
	}
	f.add(1)
	wantIDs(t, s, 2, 2)
}

func TestWithoutGetTokenAnExpiredSocketEnds(t *testing.T) {
	f := newFake(t)
	s := f.client().Subscribe("room", client.Options{From: client.At(0)})
	if _, err := s.Next(ctxFor(t)); err != nil { // welcome
		t.Fatal(err)
	}
	f.expire()
	if _, err := s.Next(ctxFor(t)); err == nil || !errors.As(err, new(*client.Error)) {
		t.Fatalf("got %v, want unauthorized", err)
	}
}

func TestNoTokenIsARefusal(t *testing.T) {
	f := newFake(t)
	c := client.New(f.url, client.Config{GetToken: func(context.Context) (string, error) { return "", nil }})
	_, err := c.Publish(ctxFor(t), "room", client.Draft{Text: "x"})
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "unauthorized" {
		t.Fatalf("got %v, want unauthorized", err)
	}
	if f.posts != 0 {
		t.Error("something was sent")
	}
}

// The real server refuses an expired token, and accepts its successor.
func TestExpiredTokenIsReplaced(t *testing.T) {
	calls := 0
	c := client.New(production(), client.Config{Token: tokenFor("alice", -time.Minute), GetToken: func(context.Context) (string, error) {
		calls++
		return tokenFor("alice", time.Hour), nil
	}})
	for _, tr := range client.Transports() {
		s := c.Subscribe("expired", client.Options{Transport: tr})
		if _, err := s.Next(ctxFor(t)); err != nil {
			t.Errorf("over %s: %v", tr, err)
		}
		s.Close()
	}
	if calls != 1 {
		t.Errorf("%d calls of GetToken, want 1", calls)
	}
}
