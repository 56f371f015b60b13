package door

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// unreadable is net/http's response to what it cannot read as a request, after the status line.
var unreadable = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// malformed converts such a response to a problem; nil if it is another one.
func malformed(answer []byte) []byte {
	const protocol = "HTTP/1.1 "
	line, text, found := bytes.Cut(answer[:min(len(answer), 512)], unreadable)
	if !found || !bytes.HasPrefix(line, []byte(protocol)) || bytes.IndexByte(line, '\n') >= 0 {
		return nil
	}
	status, err := strconv.Atoi(string(line[len(protocol):min(len(protocol)+3, len(line))]))
	if err != nil {
		return nil
	}
	e := parley.Error{Code: parley.CodeBadRequest, Detail: "the request can't be read", Hint: "see RFC 9112, or use an HTTP client"}
	if _, why, ok := bytes.Cut(text, []byte(": ")); ok {
		e.Detail += ": " + string(why)
	}
	if status == http.StatusRequestHeaderFieldsTooLarge {
		e = parley.Error{Code: parley.CodeTooLarge, Detail: "the request's headers are too large",
			Hint: "send less in the address and the headers"}
	}
	return wire.AppendProblem(nil, status, &e)
}
