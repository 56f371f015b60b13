package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-server/parley/testenv"
)

// Whatever is requested, an answer is at most some megabytes, and the next one
// continues where it ended.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t, "--fsync", "memory")
	p := &production{t: t, Proc: server} // in development the token means nothing
	item := func(i int) string {
		return fmt.Sprintf(`{"channel_id":"general","text":"%d","data":{"x":%q},"thread":1}`, i, strings.Repeat("x", 60<<10))
	}
	p.expect(201, "POST", "/api/messages", "", `{"channel_id":"general","text":"0"}`)
	for i := 0; i < 200; i += 100 {
		var items []string
		for j := range 100 {
			items = append(items, item(i+j+1))
		}
		p.expect(200, "POST", "/api/messages/batch", "", "["+strings.Join(items, ",")+"]")
	}
	const most = 9 << 20
	type entry struct{ ID int64 }
	page := func(query string) (all []entry) {
		t.Helper()
		res, body := p.do("GET", "/api/messages?limit=1000&channel_id=general"+query, "", "")
		if err := json.Unmarshal([]byte(body), &all); err != nil || res.StatusCode != 200 || len(body) > most {
			t.Fatalf("%s: %s, %d bytes, %v", query, res.Status, len(body), err)
		}
		return all
	}
	pages := func(name string, first func(at int64) string, down bool) {
		t.Helper()
		at, n := int64(0), 0
		if down {
			at = 202
		}
		for {
			all := page(first(at))
			if thread := strings.HasPrefix(first(at), "&thread"); thread && at > 0 {
				if len(all) == 0 || all[0].ID != 1 {
					t.Fatalf("%s: the root is not first", name)
				}
				all = all[1:]
			}
			if len(all) == 0 {
				break
			}
			if n += len(all); down {
				at = all[0].ID
			} else {
				at = all[len(all)-1].ID
			}
		}
		if n != 201 {
			t.Errorf("%s: %d messages", name, n)
		}
	}
	pages("forwards", func(at int64) string { return fmt.Sprint("&after=", at) }, false)
	pages("backwards", func(at int64) string { return fmt.Sprint("&before=", at) }, true)
	pages("a thread", func(at int64) string { return fmt.Sprint("&thread=1&after=", at) }, false)
	pages("merged", func(at int64) string { return fmt.Sprint("&channel_id=other&after=general:", at) }, false)
	if newest := page(""); newest[len(newest)-1].ID != 201 {
		t.Errorf("the newest end with %d", newest[len(newest)-1].ID)
	}

	ws := p.dial("/ws", "", "")
	ws.SetReadLimit(2 << 20)
	if got, _ := told(t, ws, `{"type":"history","channel":"general","limit":1000,"after":0}`); got != "history" {
		t.Errorf("%s", got)
	}
}
