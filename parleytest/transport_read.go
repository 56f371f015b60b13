package parleytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	client "github.com/parley-server/parley/client/go"
)

func transportEmpty(t *testing.T, w *target) {
	s := w.dial(t, 0, "")
	if s.welcome.Cursor != 0 || s.welcome.Last != 0 || s.welcome.Epoch == "" {
		t.Errorf("welcome is %+v, want cursor and last 0 and an epoch", s.welcome)
	}
	w.post(t, 1, 2)
	s.want(1, 2)
}

func transportFromNow(t *testing.T, w *target) {
	w.post(t, 1, 3)
	s := w.dial(t, -1, "")
	if s.welcome.Cursor != 3 || s.welcome.Last != 3 || s.welcome.Resumed {
		t.Errorf("welcome is %+v, want cursor and last 3, not resumed", s.welcome)
	}
	w.post(t, 4, 3)
	s.want(4, 6)
}

func transportFromZero(t *testing.T, w *target) {
	w.post(t, 1, 700) // several pages, whatever the page size
	s := w.dial(t, 0, "")
	s.want(1, 700)
	w.post(t, 701, 2)
	s.want(701, 702)
}

func transportResume(t *testing.T, w *target) {
	const n = 12
	w.post(t, 1, n)
	for after := range int64(n + 1) {
		s := w.dial(t, after, "")
		if s.welcome.Cursor != after {
			t.Errorf("after %d the welcome's cursor is %d", after, s.welcome.Cursor)
		}
		s.want(after+1, n)
		s.Close()
	}
}

// transportSeam connects again and again while messages arrive, so that the border
// between stored and live messages falls everywhere.
func transportSeam(t *testing.T, w *target) {
	const n = 400
	var wg sync.WaitGroup
	wg.Go(func() {
		for id := int64(1); id <= n && !t.Failed(); id++ {
			if _, err := w.c.Publish(t.Context(), w.channel, client.Draft{Text: fmt.Sprint(id)}); err != nil {
				t.Error(err)
			}
		}
	})
	defer wg.Wait()
	for at := int64(0); at < n; {
		s := w.dial(t, at, "")
		to := min(at+1+at%37, n)
		s.want(at+1, to)
		at = to
		s.Close()
	}
}

func transportOrder(t *testing.T, w *target) {
	const publishers, each = 8, 25
	s := w.dial(t, 0, "")
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				if _, err := w.c.Publish(t.Context(), w.channel, client.Draft{Text: fmt.Sprint(p, " ", i)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer wg.Wait()
	next := [publishers]int{}
	for id := int64(1); id <= publishers*each; id++ {
		e := s.entry()
		var p, i int
		if _, err := fmt.Sscan(e.Message.Text, &p, &i); err != nil || e.ID != id || next[p] != i {
			t.Fatalf("want id %d and the publisher's next, got %s (%v)", id, e.Raw, err)
		}
		next[p]++
	}
}

func transportBatch(t *testing.T, w *target) {
	s := w.dial(t, -1, "")
	w.post(t, 1, 1000)
	s.want(1, 1000)
}

// transportContent compares each message with a short poll's version of it, and with
// what was sent.
func transportContent(t *testing.T, w *target) {
	texts := []string{"plain", "two\nlines", "\r\ndata: forged\r\n\r\nid: 99\n\n", "NUL \x00 and \x1b[0m", "\u2028\u2029\ufeff",
		"👍🏽 日本語 עברית", `"quoted" \ </script>`, strings.Repeat("ü", 8<<10), ": comment", "event: reset"}
	var drafts []client.Draft
	for i, text := range texts {
		drafts = append(drafts, client.Draft{Text: text, Key: fmt.Sprint("key\n", i), Thread: int64(min(i, 1)),
			Data: map[string]any{"i": i, "big": 1e300, "s": text, "n": nil, "deep": []any{map[string]any{}}}})
	}
	drafts = append(drafts, client.Draft{Data: map[string]any{"alone": true}})
	live := w.dial(t, 0, "")
	w.batch(t, drafts, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	poll, err := w.c.Open(ctx, client.Poll, w.channel, client.At(0))
	if err != nil {
		t.Fatal(err)
	}
	stored := newStream(t, "poll", func(context.Context) (client.Stream, error) { return poll, nil })
	late := w.dial(t, 0, "")
	for i, d := range drafts {
		want := stored.entry()
		if want.Message.Text != d.Text || want.Message.User != "tess" || d.Key != "" && want.Message.Key != d.Key ||
			want.Message.Thread != d.Thread {
			t.Errorf("message %d is shown as %s", i+1, want.Raw)
		}
		for _, s := range []*stream{live, late} {
			if e := s.entry(); !reflect.DeepEqual(exact(t, e.Raw), exact(t, want.Raw)) {
				t.Errorf("message %d arrives as\n%s, and is polled as\n%s", i+1, e.Raw, want.Raw)
			}
		}
	}
}

// exact decodes JSON with its numbers as they are written.
func exact(t *testing.T, raw []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

func transportChannels(t *testing.T, w *target) {
	other := *w
	other.channel += ".other"
	s, o := w.dial(t, 0, ""), other.dial(t, 0, "")
	for i := int64(0); i < 10; i++ {
		w.post(t, 2*i+1, 2)
		other.post(t, i+1, 1)
	}
	s.want(1, 20)
	o.want(1, 10)
}

func transportRefusal(t *testing.T, w *target) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := w.h.Dial(ctx, "not a name", client.Position{})
	if err == nil {
		_, err = s.Next(ctx)
		s.Close()
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Code != "bad_channel" || !e.Terminal() {
		t.Fatalf("got %v, want bad_channel", err)
	}
}
