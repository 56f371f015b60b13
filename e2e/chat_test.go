package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/testenv"
)

func TestChatPageSurvivesServerKills(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	tabs := testenv.Browser(t, "clients/chat.cjs", server.URL)
	killFor(server, tabs, 5*time.Second)
	tabs.Rest()
}

// killFor kills the server when the page's script asks for it, and starts it again on
// request, but not before it was down for the given time.
func killFor(server *testenv.Proc, page *testenv.Client, down time.Duration) {
	page.Expect("kill")
	server.Kill()
	dead := time.After(down)
	page.Say("killed")
	page.Expect("restart")
	<-dead
	server.Restart()
	page.Say("restarted")
}

func TestTheChatPageListsChannelsWithoutEvents(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	bob := testenv.Browser(t, "clients/join.cjs", server.URL)
	killFor(server, bob, 0)
	bob.Rest()
}

func TestTheChatPageListsLatestMessages(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/last.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageFindsATransportThatProxiesLetThrough(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/proxies.cjs", testenv.Server(t).URL).Rest()
}

func TestTabsOfTheChatPageShareAConnectionAndWaitForTheNetwork(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/tabs.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageShowsThreadsOffersNamesAndNotifies(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/threads.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageIsCorrectDespiteLateAnswers(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/late.cjs", testenv.Server(t).URL).Rest()
}

func TestNamesAndTextsOnTheChatPageKeepTheirDirectionToThemselves(t *testing.T) {
	t.Parallel()
	p := serveHere(t)
	testenv.Browser(t, "clients/direction.cjs", p.URL, p.named("alice", "Alice"), p.named("mark", "\u202eEvil\u2069 Mark"),
		p.named("noor", "نور")).Rest()
}

func TestTheChatPageExplainsDeniedChannelsAndKeepsDrafts(t *testing.T) {
	t.Parallel()
	p := serveHere(t)
	root := p.hour("root", "*=rwpa")
	for _, r := range [][3]string{
		{"PUT", "/api/channels/secret", `{"kind":"members"}`},
		{"PUT", "/api/channels/general", `{"kind":"members"}`},
		{"PUT", "/api/channels/team", `{"kind":"members"}`},
		{"PUT", "/api/channels/team/members/bob", `{"role":"member"}`},
		{"POST", "/api/messages", `{"channel_id":"team","text":"of the team"}`},
		{"POST", "/api/messages", `{"channel_id":"lobby","text":"welcome"}`},
		{"POST", "/api/messages", `{"channel_id":"room:one","text":"one"}`},
	} {
		if res, body := p.do(r[0], r[1], root, r[2]); res.StatusCode >= 300 {
			t.Fatal(r[1], res.Status, body)
		}
	}
	testenv.Browser(t, "clients/refused.cjs", p.URL, p.hour("alice", "lobby=rwp", "room:*=rwp"), p.hour("bob"), p.hour("carol", "hall:*"),
		p.hour("dora", "lobby=r")).Rest()
}

// serveHere is a server that accepts its own pages.
func serveHere(t *testing.T) *production {
	t.Helper()
	address := testenv.FreePort(t)
	return serve(t, "--listen", address, "--allowed-origins", "http://"+address)
}

// named is a token for everything, of a user with a display name.
func (p *production) named(user, name string) string {
	return p.until(user, name, time.Now().Add(time.Hour))
}

// until is like named, but expires at end.
func (p *production) until(user, name string, end time.Time) string {
	all := []string{"*=rwpa"}
	c := auth.Claims{
		RegisteredClaims: jwt.RegisteredClaims{Subject: user, ExpiresAt: jwt.NewNumericDate(end)},
		Name:             name,
		Channels:         &all,
	}
	signed, err := auth.Sign(p.secret, c)
	if err != nil {
		p.t.Fatal(err)
	}
	return signed
}

func TestTheToolsOfAMessageWorkByTouch(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/touch.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageHoldsTenThousandMessages(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	const count = 10_000
	for from := 1; from <= count; from += 1000 {
		var batch []map[string]string
		for i := from; i < from+1000; i++ {
			batch = append(
				batch,
				map[string]string{
					"channel_id": "long",
					"user":       []string{"bob", "carol", "dave"}[i/7%3],
					"text":       strings.Repeat(fmt.Sprint("message ", i, " "), 1+i*i%23),
				},
			)
		}
		body, err := json.Marshal(batch)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Post(server.URL+"/api/messages/batch", "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
	}
	testenv.Browser(t, "clients/long.cjs", server.URL, strconv.Itoa(count)).Rest()
}

func TestTheChatPageIsAccessibleInLightDarkAndOnAPhone(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/looks.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageShowsMarkupAsText(t *testing.T) {
	t.Parallel()
	const script, img = `<script>globalThis.owned = 1</script>`, `<img src=x onerror="globalThis.owned = 1">`
	secret := []byte(strings.Repeat("of the page ", 4))
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	address := testenv.FreePort(t)
	p := &production{
		t:      t,
		secret: secret,
		Proc:   testenv.Server(t, "serve", "--listen", address, "--auth-hmac-secret-file", file, "--allowed-origins", "http://"+address),
	}
	token := func(user, name string) string {
		all := []string{"*=rwpa"}
		c := auth.Claims{
			RegisteredClaims: jwt.RegisteredClaims{Subject: user, ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))},
			Name:             name,
			Channels:         &all,
		}
		signed, err := auth.Sign(secret, c)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	mallory := token("mallory", img)
	for _, r := range [][3]string{
		{"PUT", "/api/channels/room", `{"title":` + quoted(img) + `,"topic":` + quoted(script) + `}`},
		{"PUT", "/api/channels/room/members/alice", `{"role":"member"}`},
		{"POST", "/api/messages", `{"channel_id":"room","text":` + quoted(script) + `}`},
		{"POST", "/api/messages", `{"channel_id":"room","text":` + quoted(img) + `}`},
		{"POST", "/api/messages", `{"channel_id":"room","data":{"evil":` + quoted(script) + `}}`},
		{"POST", "/api/messages", `{"channel_id":"room","text":"javascript:alert(1) data:text/html,x ` +
			`https://example.com/a?b=c, ` + "`" + `<b>` + "`" + `"}`},
		{"PUT", "/api/messages/room/1/reactions/%3Cimg%3E", ""},
	} {
		if res, body := p.do(r[0], r[1], mallory, r[2]); res.StatusCode >= 300 && !strings.Contains(r[1], "reactions") {
			t.Fatal(r[1], res.Status, body)
		}
	}
	testenv.Browser(t, "clients/hostile.cjs", p.URL, token("alice", script), script, img).Rest()
}

func TestTheChatPageIsServedWithAStrictPolicy(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	res, err := http.Get(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	policy := res.Header.Get("Content-Security-Policy")
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%s with the policy %q", res.Status, policy)
	}
	if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options is %q", got)
	}
}

func TestExamplesWork(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/examples.cjs", testenv.Server(t).URL).Rest()
}

func TestALinkWithATokenSignsIn(t *testing.T) {
	t.Parallel()
	p := serveHere(t)
	testenv.Browser(t, "clients/link.cjs", p.URL, p.named("alice", "Alice")).Rest()
}

func TestTheFirstScreenAsksForATokenAndTheAccountSignsOut(t *testing.T) {
	t.Parallel()
	p := serveHere(t)
	testenv.Browser(t, "clients/signin.cjs", p.URL, p.named("zoe", "Zoë Ray"),
		p.until("zoe", "Zoë Ray", time.Now().Add(-time.Hour))).Rest()
}

func TestGuestChoosesNameWithSpaces(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/guest.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageMakesAndManagesChannels(t *testing.T) {
	t.Parallel()
	p := serveHere(t)
	own := p.hour("zoe", "room:*=rwp", "team:*=rwpa")
	for _, r := range [][3]string{
		{"PUT", "/api/channels/dm:anna:bob", `{}`},
		{"POST", "/api/messages", `{"channel_id":"dm:anna:bob","text":"hello"}`},
	} {
		if res, body := p.do(r[0], r[1], p.named("anna", "Anna Åkesson"), r[2]); res.StatusCode >= 300 {
			t.Fatal(r[1], res.Status, body)
		}
	}
	testenv.Browser(t, "clients/channels.cjs", p.URL, p.named("anna", "Anna Åkesson"), p.named("bob", "Bob B"), own).Rest()
}

func TestTheChatPageSaysHowThingsStand(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	page := testenv.Browser(t, "clients/states.cjs", server.URL)
	killFor(server, page, 0)
	page.Rest()
}

func TestTheChatPageIsUsedByKeyboardAlone(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/keyboard.cjs", testenv.Server(t).URL).Rest()
}

func TestTimesOnTheChatPageAreThoseOfTheReadersLocale(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/times.cjs", testenv.Server(t).URL).Rest()
}

// A message sent while no page is open reaches the browser through a push service, and a click opens it.
func TestTheChatPageIsNotifiedWhileItIsClosed(t *testing.T) {
	t.Parallel()
	pushes := service(t, "webpush").URL(t)
	server := testenv.Server(t, "--push-webpush-subject", "mailto:ops@example.org", "--push-allow-private-addresses", "--push-delay", "100ms",
		"--push-window", "1s", "--leave-grace", "10ms")
	testenv.Browser(t, "clients/push.cjs", server.URL, pushes, testenv.Server(t).URL).Rest()
}

func TestTheChatPageShowsListsQuotesAndEmoji(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/text.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageShowsCodeInColorsAndStandsEndlessRules(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/code.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageSearchesTheHistoryOfAChannel(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/search.cjs", testenv.Server(t).URL).Rest()
}

func TestTheChatPageIsPaintedWithinASecondOnASlowPhone(t *testing.T) {
	t.Parallel()
	for _, line := range testenv.Browser(t, "clients/paint.cjs", testenv.Server(t).URL, "1000").Rest() {
		t.Log(line)
	}
}
