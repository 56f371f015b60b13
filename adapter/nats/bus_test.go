package nats_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/parley-server/parley"
	adapter "github.com/parley-server/parley/adapter/nats"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

func TestBus(t *testing.T) {
	parleytest.RunBus(t, func(t *testing.T) parleytest.BusHarness {
		w := new(parleytest.Wires)
		cfg := config(t)
		cfg.Dial = w.Dial
		return parleytest.BusHarness{Buses: buses(t, cfg), Break: w.Cut}
	})
}

func buses(t *testing.T, cfg adapter.Config) (all []parley.Bus) {
	for range 3 {
		b, err := adapter.NewBus(cfg)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func TestEnvelopesOfLaterVersionsAreIgnored(t *testing.T) {
	cfg := config(t)
	b := buses(t, cfg)[0].(*adapter.Bus)
	got := make(chan parley.Envelope, 10)
	parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }})
	parleytest.Join(t, b, "room")
	url, prefix, _ := strings.Cut(cfg.URL, "?prefix=")
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, message := range []string{"\x02x", "\x01\x01", "x", ""} {
		if err := nc.Publish(prefix+".chat.room", []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	parleytest.Publish(t, b, parley.Envelope{Channel: "room", Head: 7})
	if e := parleytest.Soon(t, "an envelope", got); e.Head != 7 {
		t.Errorf("delivered %+v", e)
	}
	if n := b.Ignored(); n != 4 {
		t.Errorf("%d were ignored, want 4", n)
	}
}

// Names that mean something in a subject are channels like others, and none hears of another.
func TestChannelsWithDotsAreApart(t *testing.T) {
	all := buses(t, config(t))
	got := make(chan parley.Envelope, 100)
	parleytest.StartBus(t, all[0], parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }})
	parleytest.StartBus(t, all[1], parleytest.Listener{})
	for _, c := range []parley.ChannelID{"a.b", "a..b.", "$inbox/al.ice", "last"} {
		parleytest.Join(t, all[0], c)
	}
	parleytest.Join(t, all[1], "other")
	for i, c := range []parley.ChannelID{"a", "a.c", "b", "a.b", "a.b.c", "a..b.", "$inbox/al.ice", "$inbox/al", "last"} {
		parleytest.Publish(t, all[1], parley.Envelope{Channel: c, Head: int64(i)})
	}
	for _, want := range []parley.ChannelID{"a.b", "a..b.", "$inbox/al.ice", "last"} {
		if e := parleytest.Soon(t, "an envelope", got); e.Channel != want {
			t.Errorf("delivered %q, want %q", e.Channel, want)
		}
	}
}

// stopped is a service of its own, which ends with the test.
func stopped(t *testing.T, args ...string) *testenv.SharedService {
	s := testenv.NewService("nats", args...)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestBusOverTLSWithToken(t *testing.T) {
	s := stopped(t, "--tls", "--token", "secret")
	host := strings.TrimPrefix(s.URL(t), "nats://")
	ca := filepath.Join(s.Dir(), "tls", "ca.crt")
	b := buses(t, adapter.Config{URL: "nats://secret@" + host + "?ca=" + ca})[0]
	got := make(chan parley.Envelope, 10)
	parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }})
	parleytest.Join(t, b, "room")
	parleytest.Publish(t, b, parley.Envelope{Channel: "room", Head: 7})
	parleytest.Soon(t, "an envelope", got)
	parleytest.SaysWhyNot(t, buses(t, adapter.Config{URL: "nats://wrong@" + host + "?ca=" + ca})[0], "Authorization")
	for _, url := range []string{"nats://secret@" + host + "?tls=true", "nats://wrong@" + host + "?ca=" + ca, "nats://" + host} {
		if p, err := adapter.Open(t.Context(), adapter.Config{URL: url}); err == nil {
			p.Close()
			t.Errorf("%s is let in", url)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("the error shows the token: %v", err)
		}
	}
}

func TestUsersAndKeysAreLetIn(t *testing.T) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "seed")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(stopped(t, "--nkey", public).URL(t), "nats://")
	got := make(chan parley.Envelope, 10)
	for _, url := range []string{"nats://parley:secret@" + host, "nats://" + host + "?nkey=" + file} {
		b := buses(t, adapter.Config{URL: url})[0]
		parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }})
		parleytest.Join(t, b, "room")
		parleytest.Publish(t, b, parley.Envelope{Channel: "room", Head: 7})
		parleytest.Soon(t, "an envelope", got)
	}
	if s, err := adapter.Open(t.Context(), adapter.Config{URL: "nats://parley:wrong@" + host}); err == nil {
		s.Close()
		t.Error("a wrong password is let in")
	}
}

func TestBusJoinsAgainWhenNATSWasAway(t *testing.T) {
	s := stopped(t)
	all := buses(t, adapter.Config{URL: s.URL(t)})
	b, other := all[0], all[1]
	got, lost, cut := make(chan parley.Envelope, 10), make(chan struct{}, 10), make(chan struct{}, 10)
	parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }, OnLost: func() { lost <- struct{}{} }})
	parleytest.StartBus(t, other, parleytest.Listener{OnLost: func() { cut <- struct{}{} }})
	parleytest.Join(t, b, "room")
	parleytest.Join(t, other, "any")
	if _, err := s.Control("kill"); err != nil {
		t.Fatal(err)
	}
	for other.Publish(t.Context(), parley.Envelope{Channel: "room", Head: 1}) == nil {
		// until the connection is known to be broken
	}
	joined := make(chan error, 1) // buffered for its only sender
	go func() { joined <- b.Join(t.Context(), "later") }()
	if _, err := s.Control("up"); err != nil {
		t.Fatal(err)
	}
	parleytest.Soon(t, "Lost", lost)
	parleytest.Soon(t, "Lost on the other node", cut)
	if err := parleytest.Soon(t, "Join", joined); err != nil {
		t.Error(err)
	}
	for _, channel := range []parley.ChannelID{"room", "later"} {
		parleytest.Publish(t, other, parley.Envelope{Channel: channel, Head: 7})
		if e := parleytest.Soon(t, "an envelope", got); e.Channel != channel || e.Head != 7 {
			t.Errorf("delivered %+v", e)
		}
	}
}

// A node of a cluster is killed while all publish: the buses that were connected to it have lost something, move to the
// others, and all hear all again.
func TestClusterOutlivesOneOfItsServers(t *testing.T) {
	s := stopped(t, "--nodes", "3")
	all := buses(t, adapter.Config{URL: "nats://" + strings.ReplaceAll(s.URL(t), "nats://", "")})
	var mu sync.Mutex
	heads := make([]map[int64]bool, len(all))
	news := make(chan struct{}, 1)
	for i, b := range all {
		heads[i] = map[int64]bool{}
		parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) {
			mu.Lock()
			heads[i][e.Head] = true
			mu.Unlock()
			select {
			case news <- struct{}{}:
			default:
			}
		}})
		parleytest.Join(t, b, "room")
	}
	done := make(chan struct{})
	var sending sync.WaitGroup
	for i, b := range all {
		sending.Go(func() {
			for n := int64(0); ; n++ {
				select {
				case <-done:
					return
				default:
					_ = b.Publish(t.Context(), parley.Envelope{Channel: "room", Head: n*10 + int64(i)}) // while it moves it fails
				}
			}
		})
	}
	if _, err := s.Control("kill", "--node", "2"); err != nil {
		t.Error(err)
	}
	close(done)
	sending.Wait()
	for i, b := range all {
		parleytest.Join(t, b, "again") // it is connected
		for head := int64(-10 * (i + 1)); ; head-- {
			if b.Publish(t.Context(), parley.Envelope{Channel: "room", Head: head}) == nil && arrived(&mu, heads, head, news) {
				break
			}
		}
	}
}

// arrived reports whether a head reaches everybody within a moment.
func arrived(mu *sync.Mutex, heads []map[int64]bool, head int64, news <-chan struct{}) bool {
	moment := time.NewTimer(50 * time.Millisecond)
	defer moment.Stop()
	for {
		all := true
		mu.Lock()
		for _, h := range heads {
			all = all && h[head]
		}
		mu.Unlock()
		if all {
			return true
		}
		select {
		case <-news:
		case <-moment.C:
			return false
		}
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	dir := t.TempDir()
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	good, empty := filepath.Join(dir, "seed"), filepath.Join(dir, "empty")
	for file, content := range map[string][]byte{good: seed, empty: nil} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, url := range []string{"", "http://127.0.0.1", "nats://u:hidden@127.0.0.1:x", "nats://127.0.0.1/path", "nats://a?prefix=a.b",
		"nats://a?creds=/not/there", "nats://a?nkey=/not/there", "nats://a?nkey=" + empty, "nats://a?ca=" + empty, "nats://a?other=1"} {
		if _, err := adapter.NewBus(adapter.Config{URL: url}); err == nil {
			t.Errorf("%q is taken", url)
		} else if strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	for _, url := range []string{"nats://a,b,nats://c:1", "nats://u:p@a", "nats://token@a?tls=true", "nats://a?nkey=" + good} {
		if _, err := adapter.NewBus(adapter.Config{URL: url}); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestBusOfSlowHandlerHasLost(t *testing.T) {
	parleytest.SlowHandlerLoses(t, buses(t, config(t))[0])
}
