package wire

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/parley-server/parley"
)

// No value in a response's header starts another line, whichever function writes the response.
func TestHeaderValuesCannotStartAnotherLine(t *testing.T) {
	const evil = "a\r\nSet-Cookie: b\nX: y\rZ: w\r\n\r\nbody"
	h := http.Header{"Access-Control-Allow-Origin": {evil}, "Vary": {"Origin", evil}}
	e := &parley.Error{Code: parley.CodeForbidden, Detail: evil, Hint: evil, Reason: evil}
	for name, answer := range map[string][]byte{
		"head":    append(AppendHead(nil, 200, h), "rest"...),
		"answer":  AppendAnswer(nil, 503, h, []byte("rest")),
		"lines":   AppendAnswerOf(nil, 200, AppendHeader(nil, h), []byte("rest")),
		"problem": AppendProblem(nil, 403, e),
	} {
		r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
		if err != nil {
			t.Errorf("%s: %v in %q", name, err, answer)
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || name != "problem" && string(body) != "rest" || r.Header.Get("Date") == "" {
			t.Errorf("%s: read %q and %v", name, body, err)
		}
		for _, field := range []string{"Set-Cookie", "X", "Z"} {
			if _, found := r.Header[field]; found {
				t.Errorf("%s: a value began the line %s", name, field)
			}
		}
	}
}

func TestAnswerHasItsLength(t *testing.T) {
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(AppendProblem(nil, 503, &parley.Error{Code: parley.CodeDraining}))), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength != int64(len(body)) || !r.Close || r.Header.Get("Retry-After") != "1" ||
		r.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v: %v %q", err, r, body)
	}
}
