package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// The sizes of api.md, "Errors": what is at a limit is accepted, what exceeds it is refused.
func TestWhatIsTooLargeIsRefused(t *testing.T) {
	s := serve(t)
	post := func(body string) *answer { return s.do("POST", "/api/messages", body) }
	text := func(n int) string { return `{"channel_id":"general","text":"` + strings.Repeat("x", n) + `"}` }
	post(text(16<<10)).is(t, 201, "")
	post(text(16<<10+1)).is(t, 413, "too_large")
	data := func(n int) string { return `{"channel_id":"general","data":{"a":"` + strings.Repeat("x", n-8) + `"}}` }
	post(data(64<<10)).is(t, 201, "")
	post(data(64<<10+1)).is(t, 413, "too_large")
	key := func(n int) string {
		return `{"channel_id":"general","text":"x","key":"` + strings.Repeat("k", n) + `"}`
	}
	post(key(128)).is(t, 201, "")
	post(key(129)).is(t, 413, "too_large")
	post(text(8)+strings.Repeat(" ", 1<<20-len(text(8)))).is(t, 201, "")
	post(text(8)+strings.Repeat(" ", 1<<20+1-len(text(8)))).is(t, 413, "too_large")
	deep := func(n int) string { // the body's object is one level, data another
		return `{"channel_id":"general","data":{"a":` + strings.Repeat("[", n-2) + strings.Repeat("]", n-2) + `}}`
	}
	post(deep(64)).is(t, 201, "")
	post(deep(65)).is(t, 400, "bad_json")

	batch := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"channel_id":"general","text":"x"},`, n), ",") + "]"
	}
	s.do("POST", "/api/messages/batch", batch(1000)).is(t, 200, "")
	s.do("POST", "/api/messages/batch", batch(1001)).is(t, 413, "too_large")
	s.do("POST", "/api/messages/batch", batch(1)+strings.Repeat(" ", 8<<20)).is(t, 413, "too_large")

	channels := func(n, length int) string {
		var q strings.Builder
		for i := range n {
			fmt.Fprintf(&q, "&channel_id=%0*d", length, i)
		}
		return q.String()
	}
	s.get("/api/messages/poll?timeout=0"+channels(200, 10)).is(t, 200, "")
	s.get("/api/messages/poll?timeout=0"+channels(201, 10)).is(t, 413, "too_large")
	s.get("/api/messages/poll?timeout=0"+channels(16, 128)).is(t, 200, "")
	s.get("/api/messages/poll?timeout=0"+channels(17, 128)).is(t, 413, "too_large")
	s.get("/api/stream?"+channels(201, 3)[1:]).is(t, 413, "too_large")
	s.get("/api/messages?channel_id="+strings.Repeat("c", 128)).is(t, 200, "")
	s.get("/api/messages?channel_id="+strings.Repeat("c", 129)).is(t, 400, "bad_channel")

	var watched []string
	for i := range 501 {
		watched = append(watched, fmt.Sprintf("u%d", i))
	}
	s.get("/api/stream/general?watch="+strings.Join(watched, ",")).is(t, 413, "too_large")
}
