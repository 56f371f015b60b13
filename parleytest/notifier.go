package parleytest

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parley-server/parley"
)

// NotifierHarness is a Notifier and the service that it sends to.
type NotifierHarness struct {
	Notifier parley.Notifier
	Service  PushService
	Cuts     bool // the service has a limit of about 4 KiB
	Silent   bool // a new badge alone is not sent
}

// RunNotifier tests every sentence of the contract of parley.Notifier. open is called for each test.
func RunNotifier(t *testing.T, open func(t *testing.T) NotifierHarness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, NotifierHarness)
	}{
		{"a notification arrives as it was sent", notifierSends},
		{"what does not fit is cut", notifierCuts},
		{"a new badge alone", notifierBadge},
		{"each answer means what it says", notifierAnswers},
		{"a service that does not answer holds nobody longer than the context", notifierHangs},
		{"connections that end are replaced", notifierReconnects},
		{"a thousand at the same time arrive over few connections", notifierMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			c.test(t, h)
			for _, fault := range h.Service.Faults() {
				t.Errorf("not as documented: %s", fault)
			}
		})
	}
}

// notification returns the notification of a message.
func notification(id int64, title, body string) parley.Notification {
	return parley.Notification{
		User: "alice", Channel: "room:A.b_c-1", ID: id, Title: title, Body: body, Badge: 7, Count: 1,
		Collapse: "Zk0_-x9QmJ4tYbWc", TTL: time.Hour,
	}
}

// device returns the name that a service uses for a device.
func device(d parley.Device) string {
	switch {
	case d.Subscription != nil:
		return d.Subscription.Endpoint
	case d.Token != "":
		return d.Token
	}
	return string(d.User)
}

// received returns a notification as the service should receive it.
func received(d parley.Device, n parley.Notification) Push {
	return Push{Device: device(d), Title: n.Title, Body: n.Body, BadgeOnly: n.BadgeOnly(), Badge: n.Badge, ID: n.ID,
		Channel: n.Channel, Collapse: n.Collapse, TTL: n.TTL}
}

// one sends a notification and returns what has arrived.
func (h NotifierHarness) one(t *testing.T, d parley.Device, n parley.Notification) Push {
	t.Helper()
	if err := h.Notifier.Notify(t.Context(), d, n); err != nil {
		t.Fatalf("%+v: %v", n, err)
	}
	got := h.Service.Pushes(t)
	if len(got) != 1 {
		t.Fatalf("%d have arrived: %+v; faults %q", len(got), got, h.Service.Faults())
	}
	if got[0].TTL == -1 {
		got[0].TTL = n.TTL
	}
	return got[0]
}

func notifierSends(t *testing.T, h NotifierHarness) {
	d := h.Service.Device(t)
	for i, text := range []string{
		"hello", "Grüße, 世界", "👨‍👩‍👧‍👦 🇩🇪 👍🏿 e\u0301",
		"שלום עולם", "مرحبا \u202b(x)\u202c", `"quoted" \ </script> &amp; '`, "a\nb\r\n\tc", "\x00\x1f\u2028",
		" ", "5 new messages",
	} {
		n := notification(int64(i)+1, "alice in "+text, text)
		if got, want := h.one(t, d, n), received(d, n); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	for _, n := range []parley.Notification{
		notification(1, "only a title", ""),
		notification(1, "", "only a body"),
		{Channel: "c", ID: 1, Title: "t", Body: "b", Badge: 0, Count: 1, Collapse: "x"}, // neither a badge nor time
		{Channel: "@alice", ID: 1 << 62, Title: "t", Body: "b", Badge: 1 << 40, Count: 3, Collapse: strings.Repeat("x", 32), TTL: 24 * time.Hour},
	} {
		n.User = "alice"
		if got, want := h.one(t, d, n), received(d, n); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	first, second := h.Service.Device(t), h.Service.Device(t)
	for _, d := range []parley.Device{first, second} {
		if got := h.one(t, d, notification(1, "t", "b")); got.Device != device(d) {
			t.Errorf("%s has what %s should have", got.Device, device(d))
		}
	}
}

func notifierCuts(t *testing.T, h NotifierHarness) {
	d := h.Service.Device(t)
	for _, grapheme := range []string{"x", "é", "👨‍👩‍👧‍👦", "🇩🇪", "e\u0301", "\"", "ש", "\n"} {
		n := notification(1, "alice in general", strings.Repeat(grapheme, 16<<10/len(grapheme)))
		got := h.one(t, d, n)
		if !h.Cuts {
			if got != received(d, n) {
				t.Errorf("%d bytes of %q arrived as %d", len(n.Body), grapheme, len(got.Body))
			}
			continue
		}
		kept, cut := strings.CutSuffix(got.Body, "…")
		if !cut || strings.ReplaceAll(kept, grapheme, "") != "" || got.Title != n.Title || got.Channel != n.Channel || len(kept) < 1500 {
			t.Errorf("%d bytes of %q arrived as %d: %.20q…%.20q", len(n.Body), grapheme, len(kept), kept, kept[max(0, len(kept)-20):])
		}
	}
	n := notification(1, strings.Repeat("é", 16<<10), "body")
	if got := h.one(t, d, n); h.Cuts && (!strings.HasSuffix(got.Title, "…") || !utf8.ValidString(got.Title)) {
		t.Errorf("a long title arrived as %q", got.Title)
	}
}

func notifierBadge(t *testing.T, h NotifierHarness) {
	d := h.Service.Device(t)
	for _, badge := range []int64{3, 0} {
		n := notification(9, "", "")
		n.Badge, n.Count = badge, 0
		if !h.Silent {
			if got, want := h.one(t, d, n), received(d, n); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			continue
		}
		if err := h.Notifier.Notify(t.Context(), d, n); err != nil {
			t.Error(err)
		}
		if got := h.Service.Pushes(t); len(got) != 0 || h.Service.Connections() != 0 {
			t.Errorf("%d arrived over %d connections: %+v", len(got), h.Service.Connections(), got)
		}
	}
}

func notifierAnswers(t *testing.T, h NotifierHarness) {
	d := h.Service.Device(t)
	for _, answer := range h.Service.Answers() {
		h.Service.Answer(&answer)
		err := h.Notifier.Notify(t.Context(), d, notification(1, "t", "private words"))
		if got, after := outcome(err); got != answer.Want || after != answer.After {
			t.Errorf("%v: %s after %v, want %s after %v (%v)", answer, got, after, answer.Want, answer.After, err)
		}
		h.hides(t, err, d)
	}
	h.Service.Answer(nil)
	h.one(t, d, notification(2, "t", "b")) // none of that lasts
}

func outcome(err error) (PushOutcome, time.Duration) {
	var retry *parley.RetryError
	switch {
	case err == nil:
		return "accepted", 0
	case errors.Is(err, parley.ErrGone):
		return PushGone, 0
	case errors.Is(err, parley.ErrCredentials):
		return PushCredentials, 0
	case errors.As(err, &retry):
		return PushRetry, retry.After
	}
	return PushNever, 0
}

// hides checks that an error reveals nothing of a device, of the server's keys or of a text.
func (h NotifierHarness) hides(t *testing.T, err error, d parley.Device) {
	t.Helper()
	if err == nil {
		return
	}
	secrets := append([]string{"private words", "eyJ"}, h.Service.Secrets()...) // eyJ is the beginning of a token
	if d.Token != "" {
		secrets = append(secrets, d.Token)
	}
	if s := d.Subscription; s != nil {
		secrets = append(secrets, s.Endpoint, s.Endpoint[strings.LastIndexByte(s.Endpoint, '/')+1:],
			base64.RawURLEncoding.EncodeToString(s.Auth), base64.RawURLEncoding.EncodeToString(s.P256DH))
	}
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows %q: %v", secret, err)
		}
	}
}

func notifierHangs(t *testing.T, h NotifierHarness) {
	d := h.Service.Device(t)
	arrived := h.Service.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Notifier.Notify(ctx, d, notification(1, "t", "b")) }()
	Soon(t, "a request", arrived)
	cancel()
	err := Soon(t, "an error", done)
	if got, _ := outcome(err); got != PushRetry || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	h.hides(t, err, d)
	err = h.Notifier.Notify(ctx, d, notification(1, "t", "b"))
	if got, _ := outcome(err); got != PushRetry || !errors.Is(err, context.Canceled) {
		t.Errorf("ended before: %v", err)
	}
	h.hides(t, err, d)
	late, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = h.Notifier.Notify(late, d, notification(1, "t", "b"))
	if got, _ := outcome(err); got != PushRetry || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("late: %v", err)
	}
	h.hides(t, err, d)
	h.Service.Answer(nil)
	h.one(t, d, notification(2, "t", "b"))
}

// notifierReconnects ends more connections, and more requests, than are allowed at a time.
func notifierReconnects(t *testing.T, h NotifierHarness) {
	const more = 40
	d := h.Service.Device(t)
	for id := range int64(more) {
		h.Service.Disconnect()
		err := h.Notifier.Notify(t.Context(), d, notification(id+1, "t", "b"))
		for try := 0; err != nil && try < 100; try++ { // the client may notice only now that the connection ended
			if got, _ := outcome(err); got != PushRetry {
				t.Fatal(err)
			}
			h.hides(t, err, d)
			err = h.Notifier.Notify(t.Context(), d, notification(id+1, "t", "b"))
		}
		if err != nil {
			t.Fatalf("connection %d: %v", id, err)
		}
	}
	seen := map[int64]bool{}
	for _, p := range h.Service.Pushes(t) {
		seen[p.ID] = true
	}
	if len(seen) != more {
		t.Errorf("%d of %d arrived", len(seen), more)
	}
	for range more {
		arrived := h.Service.Hang()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Notifier.Notify(ctx, d, notification(1, "t", "b")) }()
		Soon(t, "a request", arrived)
		cancel()
		if err := Soon(t, "an error", done); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	h.Service.Answer(nil)
	h.one(t, d, notification(more+1, "t", "b"))
}

func notifierMany(t *testing.T, h NotifierHarness) {
	const workers, each = 16, 63
	d := h.Service.Device(t)
	var wait sync.WaitGroup
	for i := range workers {
		wait.Go(func() {
			for j := range each {
				if err := h.Notifier.Notify(t.Context(), d, notification(int64(i*each+j)+1, "t", "b")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	seen := map[int64]int{}
	for _, p := range h.Service.Pushes(t) {
		seen[p.ID]++
	}
	for id := range int64(workers * each) {
		if seen[id+1] != 1 {
			t.Errorf("notification %d arrived %d times", id+1, seen[id+1])
		}
	}
	if n := h.Service.Connections(); n > 2*workers { // HTTP/1.1 may dial while another connection becomes idle
		t.Errorf("%d connections for %d notifications", n, workers*each)
	}
}
