package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// phones is an APNs server with what it has received for each device and channel.
type phones struct {
	*parleytest.APNs
	t testing.TB

	mu     sync.Mutex
	tokens map[string]string // users by token
	alerts map[string][]parleytest.Push
}

func newPhones(t *testing.T) *phones {
	p := &phones{APNs: parleytest.NewAPNs(t), t: t, tokens: map[string]string{}, alerts: map[string][]parleytest.Push{}}
	t.Cleanup(func() {
		if faults := p.Faults(); len(faults) > 0 {
			t.Errorf("the provider found fault: %q", faults)
		}
	})
	return p
}

func (p *phones) env() []string { return []string{"SSL_CERT_FILE=" + p.CertFile} }

func (p *phones) flags(more ...string) []string {
	return append([]string{"--push-apns-key-file", p.KeyFile, "--push-apns-key-id", p.KeyID, "--push-apns-team-id", p.TeamID,
		"--push-apns-topic", p.Topic, "--push-apns-url", p.URL, "--leave-grace", "10ms"}, more...)
}

// register registers a phone for a user.
func (p *phones) register(t *testing.T, base, user string) {
	t.Helper()
	d := p.Device(t)
	p.mu.Lock()
	p.tokens[d.Token] = user
	p.mu.Unlock()
	body, err := json.Marshal(map[string]string{"platform": "apns", "token": d.Token})
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := request(t, "PUT", base+"/api/devices/phone?user="+user, string(body)); status != 204 {
		t.Fatalf("register a device of %s: %d %s", user, status, answer)
	}
}

// got returns what a user's phone has shown of a channel so far.
func (p *phones) got(user, channel string) []parleytest.Push {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, push := range p.Pushes(p.t) {
		key := p.tokens[push.Device] + " " + string(push.Channel)
		if push.BadgeOnly {
			key = p.tokens[push.Device] + " badge"
		}
		p.alerts[key] = append(p.alerts[key], push)
	}
	return p.alerts[user+" "+channel]
}

func joins(t *testing.T, base, channel string, users ...string) {
	t.Helper()
	for _, user := range users {
		status, answer := request(t, "PUT", base+"/api/channels/"+channel+"/members/"+user+"?user="+user, `{}`)
		if status != 204 && status != 200 {
			t.Fatalf("%s joins %s: %d %s", user, channel, status, answer)
		}
	}
}

func marksRead(t *testing.T, base, channel, user string, id int64) {
	t.Helper()
	url := fmt.Sprintf("%s/api/channels/%s/read?user=%s", base, channel, user)
	if status, answer := request(t, "POST", url, fmt.Sprintf(`{"id":%d}`, id)); status != 200 {
		t.Fatalf("%s reads %s: %d %s", user, channel, status, answer)
	}
}

// decisions lists a node's decisions about a user, oldest first.
func decisions(t *testing.T, node *testenv.Proc, user string) (all []string) {
	t.Helper()
	status, answer := request(t, "GET", node.AdminURL+"/admin/api/push/decisions?user="+user, "")
	var list struct{ Decisions []struct{ Decision string } }
	if err := json.Unmarshal([]byte(answer), &list); err != nil || status != 200 {
		t.Fatal(status, answer, err)
	}
	for _, d := range slices.Backward(list.Decisions) {
		all = append(all, d.Decision)
	}
	return all
}

// A member without a connection gets one notification, one who is looking gets none, and reading cancels it.
func TestPushReachesAbsentMembers(t *testing.T) {
	t.Parallel()
	p := newPhones(t)
	node := testenv.ServerIn(t, p.env(), p.flags("--push-delay", "500ms", "--push-window", "1s")...)
	joins(t, node.URL, "general", "alice", "bob", "carol")
	p.register(t, node.URL, "bob")
	p.register(t, node.URL, "carol")
	p.register(t, node.URL, "alice")
	ws, _, err := websocket.Dial(t.Context(), node.URL+"/ws/chat/general?user=carol", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	until := func(kind string) {
		t.Helper()
		for {
			_, b, err := ws.Read(t.Context())
			if err != nil {
				t.Fatalf("waiting for %s: %v", kind, err)
			}
			if strings.Contains(string(b), `"type":"`+kind+`"`) {
				return
			}
		}
	}
	until("welcome")
	post(t, node.URL, "general", "hello")
	becomes(t, "notifications of bob", 1, func() int { return len(p.got("bob", "general")) })
	if n := p.got("bob", "general")[0]; n.Title != "alice in general" || n.Body != "hello" || n.Badge != 1 || n.ID != 1 || n.Collapse == "" {
		t.Errorf("bob got %+v", n)
	}
	marksRead(t, node.URL, "general", "bob", 1)
	becomes(t, "badges of bob", 1, func() int { return len(p.got("bob", "badge")) })
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(`{"type":"visibility","state":"hidden","key":"v"}`)); err != nil {
		t.Fatal(err)
	}
	until("ack")
	m := post(t, node.URL, "general", "anybody?")
	becomes(t, "notifications of carol", 1, func() int { return len(p.got("carol", "general")) })
	if n := p.got("carol", "general")[0]; n.ID != m.ID || n.Badge != 2 || n.Body != "2 new messages" {
		t.Errorf("carol got %+v", n)
	}
	// The second decision is noted after the notification was sent.
	becomes(t, "decisions about carol", "online sent", func() string { return strings.Join(decisions(t, node, "carol"), " ") })
	if len(p.got("alice", "general")) > 0 {
		t.Error("the author got a notification")
	}
	try := func(device string) (string, error) {
		cmd := exec.Command(testenv.Binary(t), "push", "test", "--user", "bob", "--device", device, "--admin", node.AdminURL)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := try("phone"); err != nil || !strings.Contains(out, "accepted") {
		t.Errorf("push test: %v, %s", err, out)
	}
	if out, err := try("none"); err == nil || !strings.Contains(out, "no device") {
		t.Errorf("push test of no device: %v, %s", err, out)
	}
}

// kills is the number of times that a test kills a server; PARLEY_PUSH_KILLS=50 is the full run.
func kills(t *testing.T, short int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("PARLEY_PUSH_KILLS")); err == nil {
		return n
	}
	return short
}

// A server that is killed between storing and sending loses no notification, and sends none for messages that were read
// before the notification was due.
func TestPushSurvivesKills(t *testing.T) {
	t.Parallel()
	p := newPhones(t)
	node := testenv.ServerIn(t, p.env(), p.flags("--push-delay", "1s", "--push-window", "2s")...)
	var users []string
	for i := range 200 {
		users = append(users, fmt.Sprint("u", i))
		p.register(t, node.URL, users[i])
	}
	rounds := kills(t, 4)
	ids := map[string]int64{}
	for round := range rounds {
		channel := fmt.Sprint("room", round)
		joins(t, node.URL, channel, users...)
		m := post(t, node.URL, channel, fmt.Sprint("message ", round))
		ids[channel] = m.ID
		readers := sync.WaitGroup{}
		for i := 0; i < len(users); i += 2 { // within the second
			readers.Go(func() { marksRead(t, node.URL, channel, users[i], m.ID) })
		}
		readers.Wait()
		time.Sleep(rand.N(1500 * time.Millisecond)) // the moment of the kill is what this test varies
		node.Kill()
		node.Restart()
	}
	for channel, id := range ids {
		for i, user := range users {
			if i%2 == 1 {
				becomes(t, user+" in "+channel, true, func() bool { return len(p.got(user, channel)) > 0 })
			}
			collapse := ""
			for _, n := range p.got(user, channel) {
				if i%2 == 0 {
					t.Errorf("%s was sent %+v, which was read", user, n)
				}
				if n.ID != id || collapse != "" && n.Collapse != collapse {
					t.Errorf("%s was sent %+v", user, n)
				}
				collapse = n.Collapse
			}
		}
	}
	t.Logf("%d jobs judged, %d kills", rounds*len(users), rounds)
}

// One of three nodes works on a channel; when it is killed, another one takes over.
func TestPushIsTakenOverFromADeadNode(t *testing.T) {
	t.Parallel()
	p := newPhones(t)
	redis := service(t, "redis", "--aof")
	url := redis.URL(t)
	secret := t.TempDir() + "/secret"
	writeFile(t, secret, strings.Repeat("s", 48))
	var all []*testenv.Proc
	for i := range 3 {
		all = append(all, testenv.ServerIn(t, p.env(), p.flags("--push-delay", "2s", "--push-window", "3s", "--node", fmt.Sprint("n", i),
			"--store", url, "--bus", url, "--presence", url, "--cluster-secret-file", secret, "--presence-ttl", "3s")...))
	}
	joins(t, all[1].URL, "general", "bob")
	p.register(t, all[1].URL, "bob")
	post(t, all[0].URL, "general", "one")
	post(t, all[1].URL, "general", "two")
	becomes(t, "notifications", 1, func() int { return len(p.got("bob", "general")) })
	if n := p.got("bob", "general")[0]; n.Body != "2 new messages" {
		t.Errorf("bob got %+v", n)
	}
	marksRead(t, all[2].URL, "general", "bob", 2)
	becomes(t, "badges", 1, func() int { return len(p.got("bob", "badge")) })
	p.got("bob", "general")
	post(t, all[0].URL, "general", "three")
	all[0].Kill() // before the notification is due
	deadline := time.Now().Add(4 * time.Minute)
	for len(p.got("bob", "general")) < 2 {
		if time.Now().After(deadline) {
			t.Fatalf("nobody has sent it: %+v", p.got("bob", "general"))
		}
		time.Sleep(100 * time.Millisecond)
	}
	if n := p.got("bob", "general")[1]; n.Body != "three" || n.Collapse != p.got("bob", "general")[0].Collapse {
		t.Errorf("bob got %+v", n)
	}
}

// hookReceiver receives webhooks, and checks them: in order per channel, none missing, a repeat with its first id.
type hookReceiver struct {
	mu      sync.Mutex
	newest  map[parley.ChannelID]int64
	bodies  map[string]string
	faults  []string
	entries int
	refuse  bool
}

// ServeHTTP implements http.Handler.
func (h *hookReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e struct {
		Type    string
		ID      int64
		Channel parley.ChannelID
		Data    struct {
			Channel parley.ChannelID
			Entries []struct{ ID int64 }
		}
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id := r.Header.Get("webhook-id")
	switch {
	case err != nil:
		h.faults = append(h.faults, err.Error())
	case h.refuse:
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	case h.bodies[id] != "" && h.bodies[id] != string(body):
		h.faults = append(h.faults, "another body under the id "+id)
	}
	h.bodies[id] = string(body)
	channel, ids := e.Channel, []int64{e.ID}
	if e.Type == "entries" {
		channel, ids = e.Data.Channel, nil
		for _, m := range e.Data.Entries {
			ids = append(ids, m.ID)
		}
	}
	for _, n := range ids {
		switch is := h.newest[channel]; {
		case n == is+1:
			h.newest[channel] = n
			h.entries++
		case n > is+1:
			h.faults = append(h.faults, fmt.Sprintf("%s: %d after %d", channel, n, is))
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *hookReceiver) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.entries
}

func (h *hookReceiver) away(is bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = is
}

// A back end receives every message of its channels by webhook, in order, although the server is killed and the back end
// is down at times. PARLEY_WEBHOOK_ENTRIES=100000 is the full run.
func TestWebhooksDeliverEverything(t *testing.T) {
	t.Parallel()
	h := &hookReceiver{newest: map[parley.ChannelID]int64{}, bodies: map[string]string{}}
	receiver := httptest.NewServer(h)
	t.Cleanup(receiver.Close)
	url := receiver.URL
	dir := t.TempDir()
	writeFile(t, dir+"/secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	writeFile(t, dir+"/parley.yaml",
		fmt.Sprintf("webhooks:\n  crm:\n    channels: [\"room*\"]\n    url: %s\n    secret-file: %s/secret\n", url, dir))
	node := testenv.Server(t, "--config", dir+"/parley.yaml", "--push-allow-private-addresses")
	count := 4000
	if n, err := strconv.Atoi(os.Getenv("PARLEY_WEBHOOK_ENTRIES")); err == nil {
		count = n
	}
	const channels, batch = 20, 100
	began := time.Now()
	for i := 0; i < count; i += batch {
		items := make([]string, batch)
		for k := range items {
			items[k] = fmt.Sprintf(`{"channel_id":"room%d","user":"alice","text":"%d"}`, (i+k)%channels, i+k)
		}
		if status, answer := request(t, "POST", node.URL+"/api/messages/batch", "["+strings.Join(items, ",")+"]"); status != 200 {
			t.Fatal(status, answer)
		}
		switch i / batch {
		case count / batch / 4, count / batch / 2:
			node.Kill()
			node.Restart()
		case count / batch / 3:
			h.away(true)
		case count / batch / 3 * 2:
			h.away(false)
		}
	}
	h.away(false)
	deadline := time.Now().Add(10 * time.Minute)
	for h.count() < count && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if h.count() != count {
		t.Errorf("%d of %d entries were delivered", h.count(), count)
	}
	t.Logf("%d entries in %v, kills and refusals included", count, time.Since(began).Round(time.Millisecond))
	h.mu.Lock()
	for _, f := range h.faults {
		t.Error(f)
	}
	h.mu.Unlock()
	status, answer := request(t, "GET", node.AdminURL+"/admin/api/webhooks", "")
	if status != 200 || !strings.Contains(answer, `"name":"crm","state":"ok"`) {
		t.Error(status, answer)
	}
	post(t, node.URL, "room0", "last")
	becomes(t, "entries", count+1, h.count)
	h.mu.Lock()
	clear(h.bodies)
	last := h.newest["room0"]
	h.newest["room0"] = last - 1
	h.mu.Unlock()
	for _, body := range []string{`{"channel":"room0"}`, `{"channel":"room0","after":-1}`} { // not all of it, by mistake
		if status, answer := request(t, "POST", node.AdminURL+"/admin/api/webhooks/crm/replay", body); status != 400 {
			t.Error(body, status, answer)
		}
	}
	again := fmt.Sprintf(`{"channel":"room0","after":%d}`, last-1)
	if status, answer := request(t, "POST", node.AdminURL+"/admin/api/webhooks/crm/replay", again); status != 204 {
		t.Fatal(status, answer)
	}
	becomes(t, "entries with the replay", count+2, h.count)
}
