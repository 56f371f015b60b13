package wire

import (
	"net/http"
	"strconv"
	"time"
)

// AppendHead appends the head of an HTTP/1.1 response: the status line, Date, the header and the
// empty line. Without Content-Length the response ends with the connection (RFC 9112, section
// 6.3), so the bytes of a stream need no chunks.
func AppendHead(b []byte, status int, h http.Header) []byte {
	b = appendStatus(b, status)
	return append(AppendHeader(b, h), "\r\n"...)
}

// AppendAnswer appends a complete response. Content-Length is set to the length of body.
func AppendAnswer(b []byte, status int, h http.Header, body []byte) []byte {
	return AppendAnswerOf(b, status, AppendHeader(nil, h), body)
}

// AppendAnswerOf is AppendAnswer with header lines written earlier by AppendHeader.
func AppendAnswerOf(b []byte, status int, lines, body []byte) []byte {
	b = append(appendStatus(b, status), "Content-Length: "...)
	b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n"...)
	return append(append(append(b, lines...), "\r\n"...), body...)
}

func appendStatus(b []byte, status int) []byte {
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10)
	b = append(append(append(b, ' '), http.StatusText(status)...), "\r\nDate: "...)
	return append(time.Now().UTC().AppendFormat(b, http.TimeFormat), "\r\n"...)
}

// AppendHeader appends the lines of a header, except Date. As in net/http, no value can start
// another line (response splitting).
func AppendHeader(b []byte, h http.Header) []byte {
	for name, values := range h {
		if name == "Date" {
			continue
		}
		for _, value := range values {
			b = append(append(b, name...), ": "...)
			from := len(b)
			b = append(b, value...)
			for i, c := range b[from:] {
				if c == '\r' || c == '\n' {
					b[from+i] = ' '
				}
			}
			b = append(b, "\r\n"...)
		}
	}
	return b
}
