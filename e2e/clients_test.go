package e2e_test

import (
	"fmt"
	"testing"

	"github.com/parley-server/parley/testenv"
)

func TestThirdPartyClientsResumeAfterKills(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, base, channel string) *testenv.Client{
		"curl": func(t *testing.T, base, channel string) *testenv.Client {
			testenv.Need(t, "curl")
			return testenv.Run(t, "bash", "clients/curl.sh", base, channel)
		},
		"npm ws": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Node(t, "clients/ws.cjs", base, channel)
		},
		"npm eventsource": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Node(t, "clients/eventsource.cjs", base, channel)
		},
		"Python websockets": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Python(t, "clients/websockets_client.py", base, channel)
		},
		"Python httpx-sse": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Python(t, "clients/httpx_sse_client.py", base, channel)
		},
		"Chromium EventSource": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Browser(t, "clients/chromium.cjs", "sse", base, channel)
		},
		"Chromium WebSocket": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Browser(t, "clients/chromium.cjs", "ws", base, channel)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.Server(t)
			client := start(t, server.URL, "general")
			client.Expect("ready")
			next := int64(1)
			for life := range 3 {
				say := func(n int) { post(t, server.URL, "general", fmt.Sprintf("life %d, message %d", life, n)) }
				for n := range 10 {
					say(n)
				}
				next = until(t, client, next, fmt.Sprintf("life %d, message 0", life)) // it has reconnected
				for n := range 10 {
					say(10 + n)
				}
				server.Kill() // with the client anywhere behind
				server.Restart()
			}
			post(t, server.URL, "general", "the end")
			if next = until(t, client, next, "the end"); next != 62 {
				t.Errorf("%d messages, not 61", next-1)
			}
			for _, line := range client.Rest() {
				t.Errorf("after the last message came %s", line)
			}
		})
	}
}
