package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// tutorial opens one of the pages that messaging-server tutorials end with, unchanged
// except for their pace, in Chromium.
func tutorial(t *testing.T, server *testenv.Proc, name string) *testenv.Client {
	t.Helper()
	return testenv.Browser(t, "clients/tutorial.cjs", "tutorial/"+name+".html", server.URL)
}

// skipTo reads up to a line and drops what precedes it.
func skipTo(t *testing.T, c *testenv.Client, line string) {
	t.Helper()
	for late := time.Now().Add(testenv.Patience); c.Line() != line; {
		if time.Now().After(late) {
			t.Fatalf("the page does not say %q", line)
		}
	}
}

// shows reads what a page shows until it shows the last of want, and demands
// exactly want.
func shows(t *testing.T, c *testenv.Client, want ...string) {
	t.Helper()
	for _, text := range want {
		if got := shown(c); got != text {
			t.Fatalf("the page shows %q where %q was due", got, text)
		}
	}
}

func shown(c *testenv.Client) string {
	for {
		if text, ok := strings.CutPrefix(c.Line(), "shown "); ok {
			return text
		}
	}
}

func texts(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s %d", prefix, i+1)
	}
	return all
}

func TestTheShortPollOfTheTutorialShowsEachMessageOnce(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	before, while := texts("before", 3), texts("while", 30)
	for _, text := range before {
		post(t, server.URL, "general", text)
	}
	page := tutorial(t, server, "short-poll")
	shows(t, page, before...)
	for _, text := range while {
		post(t, server.URL, "general", text)
		post(t, server.URL, "elsewhere", "not for this page")
	}
	shows(t, page, while...)
	post(t, server.URL, "general", "the end")
	shows(t, page, "the end")
}

func TestTheShortPollWithoutAChannelShowsEachMessageOfAllChannelsOnce(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	post(t, server.URL, "general", "before")
	page := tutorial(t, server, "short-poll-everything")
	shows(t, page, "before")
	var want []string
	for n := range 20 {
		for _, channel := range []string{"general", "random", fmt.Sprintf("room-%d", n)} {
			text := fmt.Sprintf("%s %d", channel, n)
			post(t, server.URL, channel, text)
			want = append(want, text)
		}
	}
	shows(t, page, want...)
	post(t, server.URL, "general", "the end")
	shows(t, page, "the end")
}

// The classical loop hands no position back, so it sees only what is posted while it
// listens. The previous poll may still be counted when the next is under way, so a text
// that does not show is posted again, rarely.
func TestTheLongPollOfTheTutorialShowsWhatIsPostedWhileItListensOnce(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	page := tutorial(t, server, "long-poll")
	polls, again := 0, 0
	for n := range 20 {
		for ; polls <= n; polls++ {
			page.Expect("polling")
		}
		listens(t, server)
		text := fmt.Sprintf("message %d", n)
		post(t, server.URL, "general", text)
		for showing := false; !showing; {
			switch line, ok := page.LineWithin(5 * time.Second); {
			case !ok && again == 2:
				t.Fatalf("the page does not show %q", text)
			case !ok:
				again++
				post(t, server.URL, "general", text)
			case line == "polling": // the page's next poll may be seen before what it shows
				polls++
			case line == "shown "+text:
				showing = true
			default:
				t.Fatalf("the page says %q where it should show %q", line, text)
			}
		}
	}
}

func TestTheLongPollWithLastIDMissesNothing(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	page := tutorial(t, server, "long-poll-cursor")
	skipTo(t, page, "polling")
	listens(t, server)
	want := texts("message", 100) // faster than it polls
	for _, text := range want {
		post(t, server.URL, "general", text)
	}
	shows(t, page, want...)
	post(t, server.URL, "general", "the end")
	shows(t, page, "the end")
}

func TestTheEventSourceOfTheTutorialShowsMessagesAndJoins(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	post(t, server.URL, "general", "before it listens")
	page := tutorial(t, server, "event-source")
	skipTo(t, page, "title open")
	want := texts("message", 50)
	for _, text := range want {
		post(t, server.URL, "general", text)
	}
	shows(t, page, want...)

	bob, err := http.Get(server.URL + "/api/stream/general?user=bob")
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Body.Close()
	shows(t, page, "bob joined")

	server.Kill() // its own reconnection, with the Last-Event-ID that the browser keeps
	server.Restart()
	post(t, server.URL, "general", "after the restart")
	shows(t, page, "after the restart")
}

func TestTheChatClientOfTheTutorialReconnects(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	page := tutorial(t, server, "web-socket")
	skipTo(t, page, "title open")
	want := texts("message", 50)
	for _, text := range want {
		post(t, server.URL, "general", text)
	}
	shows(t, page, want...)

	page.Say(`chat.say('from the page <b>&"')`)
	shows(t, page, `from the page <b>&"`)
	page.Say(`new Promise(done => setInterval(() => { if (chat.pongs > 1) done('pongs') }, 100))`)
	skipTo(t, page, `{"eval":"pongs"}`)

	server.Kill()
	skipTo(t, page, "title closed")
	server.Restart()
	skipTo(t, page, "title open")
	for _, text := range want {
		post(t, server.URL, "general", text)
	}
	shows(t, page, want...)
}

// listens waits until a poll of the page is held.
func listens(t *testing.T, server *testenv.Proc) {
	t.Helper()
	becomes(t, "held polls", "1", func() string { return metric(t, server, "parley_streams") })
}
