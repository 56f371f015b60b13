package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/testenv"
)

func TestTheAdminPageShowsANodeAndDrainsIt(t *testing.T) {
	t.Parallel()
	const token = "token-of-the-admin-page"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serve(t, "--admin-token-file", file)
	ws, _, err := websocket.Dial(t.Context(), p.URL+"/ws/chat/room?token="+p.token("alice", time.Now(), time.Now().Add(time.Hour), "room"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	p.expect(http.StatusUnauthorized, "GET", "/api/messages?channel_id=room", "forged", "")
	for path, status := range map[string]int{"/admin": 200, "/admin/": 200, "/metrics": 401} {
		res, err := http.Get(p.AdminURL + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if csp := res.Header.Get("Content-Security-Policy"); res.StatusCode != status || (status == 200) != (csp != "") {
			t.Errorf("%s: %s with the policy %q", path, res.Status, csp)
		}
	}
	p.expect(http.StatusNotFound, "GET", "/admin", p.key, "") // it is the admin listener's
	for _, line := range testenv.Browser(t, "clients/admin.cjs", p.AdminURL, token).Rest() {
		t.Log(line)
	}
}
