package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"parley/testenv"
)

func TestTwoTabsOfTheChatPageTalk(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	tabs := testenv.Browser(t, "clients/chat.cjs", server.URL)
	tabs.Expect("kill")
	server.Kill()
	tabs.Say("killed")
	tabs.Expect("restart")
	server.Restart()
	tabs.Say("restarted")
	tabs.Rest()
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
