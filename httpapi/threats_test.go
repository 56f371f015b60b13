package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Whatever a field chosen by another user contains, a stream's lines are those of its
// blocks: no text can start a line (WHATWG HTML, section 9.2.6: CR, LF and CRLF end a
// line).
func TestNothingThatIsSentForgesAFieldOfAStream(t *testing.T) {
	s := production(t)
	var ends []string
	for _, end := range []string{"\n", "\r", "\r\n", "\n\n", "\r\r", "\u2028", "\u0085", "\x00", "\n\ufeff"} {
		ends = append(ends, end+"event: forged"+end+"data: forged"+end+"id: 999"+end+"retry: 1"+end)
	}
	lines, _ := s.stream("/api/stream/hall?after=0&token=" + named(t, "bob", ends[0], "*"))
	for i, evil := range ends {
		quoted, err := json.Marshal(evil)
		if err != nil {
			t.Fatal(err)
		}
		token := "Authorization: Bearer " + named(t, fmt.Sprint("user", i), "n"+evil, "*")
		other, end := s.stream("/api/stream/hall?token=" + named(t, fmt.Sprint("user", i), "n"+evil, "*")) // user-joined has the name
		s.data(other, `"welcome"`)
		s.do("POST", "/api/messages",
			fmt.Sprintf(`{"channel_id":"hall","text":%s,"key":%s,"data":{%s:%s}}`, quoted, quoted, quoted, quoted), token).is(
			t,
			201,
			"",
		)
		s.do("POST", "/api/channels/hall/events", fmt.Sprintf(`{"event":"score","data":{"x":%s}}`, quoted), token).is(t, 202, "")
		s.do("POST", "/api/channels/hall/events", fmt.Sprintf(`{"event":%s,"data":{}}`, quoted), token).is(t, 400, "bad_request")
		s.do("PATCH", fmt.Sprintf("/api/messages/hall/%d", 2*i+1), fmt.Sprintf(`{"text":%s}`,
			strings.Replace(string(quoted), `"`, `"edited`, 1)), token).is(t, 200, "")
		end()
	}
	s.do("POST", "/api/messages", `{"channel_id":"hall","text":"the end"}`, "Authorization: Bearer "+apiKey).is(t, 201, "")
	check := func(name string, in *bufio.Scanner) {
		t.Helper()
		in.Split(splitLines)
		for in.Scan() {
			line := in.Text()
			field, value, _ := strings.Cut(line, ":")
			switch {
			case line == "", field == "", field == "data" && strings.HasPrefix(value, ` {"type":"`):
			case field == "id" && value != " 999", field == "retry" && value == " 2000":
			case field == "event" && value != " forged":
			default:
				t.Errorf("%s has the line %q", name, line)
			}
			if strings.Contains(line, "the end") {
				return
			}
		}
		t.Errorf("%s ended: %v", name, in.Err())
	}
	check("who was there", lines)
	later, _ := s.stream("/api/stream/hall?after=0&token=" + tokenFor(t, "carol", []string{"*"}))
	check("who came later", later)
}

// splitLines ends lines as EventSource does.
func splitLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// A name that has a special meaning for a store, a bus or a file system is not a valid
// channel name, wherever it is given.
func TestNamesThatMeanSomethingElsewhereAreNone(t *testing.T) {
	s := serve(t)
	for _, name := range []string{"$control", "a*", "a>b", "a{b}", "a b", "a\x00b", "a\nb", "..", ".", "@", "@@a", "a/b", `a\b`, "a%b", "a?b",
		"é", "a;b", "a'b", strings.Repeat("a", 129)} {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		escaped := ""
		for i := range len(name) {
			escaped += fmt.Sprintf("%%%02x", name[i])
		}
		for _, path := range []string{"/api/messages?channel_id=", "/api/messages/poll?timeout=0&channel_id=", "/api/stream?channel_id=",
			"/api/messages?channel_id=good&channel_id="} {
			s.get(path+escaped).is(t, 400, "bad_channel")
		}
		s.do("POST", "/api/messages", `{"text":"x","channel_id":`+string(quoted)+`}`).is(t, 400, "bad_channel")
		if a := s.do("POST", "/api/messages/batch", `[{"text":"x","channel_id":`+string(quoted)+`}]`); !strings.Contains(a.body,
			`"bad_channel"`) {
			t.Errorf("a batch to %q: %s", name, a.body)
		}
		if name == "a/b" {
			continue // it is two path segments
		}
		for _, request := range []string{"GET /api/channels/NAME", "PUT /api/channels/NAME", "DELETE /api/channels/NAME",
			"GET /api/channels/NAME/members", "PUT /api/channels/NAME/members/bob", "GET /api/stream/NAME", "GET /api/messages/NAME/1",
			"PUT /api/messages/NAME/1/reactions/x"} {
			method, path, _ := strings.Cut(strings.ReplaceAll(request, "NAME", escaped), " ")
			if a := s.do(method, path, ""); a.StatusCode != 400 && a.StatusCode != 404 {
				t.Errorf("%s of %q: %s", request, name, a.Status)
			}
		}
	}
	if a := s.get("/api/channels?all=true&limit=1000"); a.body != `{"channels":[]}`+"\n" {
		t.Errorf("something was made: %s", a.body)
	}
}
