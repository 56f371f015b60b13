// Package outgoing sends one request to a push service or a webhook and interprets the answer. It does not retry, and none of
// its errors contains an address, a header or the content of the request.
package outgoing

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/guard"
)

const (
	// A push service answers within a second; a worker that waits ten times as long delays others.
	timeout = 10 * time.Second
	// A service may give a reason for a refusal; the rest of its answer is not read.
	maxAnswer = 8 << 10
	// No clock is off by this much, and nothing is worth sending later.
	maxRetryAfter = 24 * time.Hour
)

// Client returns a client for servers that the operator names, with its own pool of connections. It trusts the system's
// roots, or those of SSL_CERT_FILE, and uses the proxies of the environment. A dead connection is detected by a ping.
func Client() *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
			MaxConnsPerHost:        maxConns,
			MaxIdleConnsPerHost:    maxConns,
			IdleConnTimeout:        10 * time.Minute, // Apple regards frequent new connections as an attack
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// maxConns limits the connections to one service. Over HTTP/2 one connection carries hundreds of concurrent requests;
// net/http opens more if a server allows so few that requests would wait.
const maxConns = 8

// Answer is a server's answer.
type Answer struct {
	Status     int
	RetryAfter time.Duration // 0: not given
	Body       []byte        // at most 8 KiB
}

// Post sends body with the headers. Every error is a *parley.RetryError, unless the address was refused by the guard or is
// not a URL.
func Post(ctx context.Context, client *http.Client, url string, header http.Header, body []byte) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, errors.New("the address is not a valid URL")
	}
	req.Header = header
	req.Header["User-Agent"] = []string{"parley"}
	req.Header["Idempotency-Key"] = []string{} // not sent: lets net/http repeat it when a kept connection turns out to be closed
	res, err := client.Do(req)
	if err != nil {
		return Answer{}, failure(ctx, err)
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	if a.Body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return Answer{}, failure(ctx, err)
	}
	return a, nil
}

// Err returns nil for 2xx, a *parley.RetryError for a status that means that a retry may succeed, and otherwise a permanent
// error. reason may be empty; see Reason.
func (a Answer) Err(service, reason string) error {
	if a.Status/100 == 2 {
		return nil
	}
	if reason != "" {
		reason = " " + reason
	}
	err := fmt.Errorf("%s answered %d%s", service, a.Status, reason)
	switch {
	case a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly, a.Status == http.StatusTooManyRequests, a.Status >= 500:
		return &parley.RetryError{After: a.RetryAfter, Err: err}
	}
	return err
}

// As returns an error that wraps kind, such as parley.ErrGone, and contains the service's answer.
func (a Answer) As(kind error, service, reason string) error {
	if reason != "" {
		reason = " " + reason
	}
	return fmt.Errorf("%w: %s answered %d%s", kind, service, a.Status, reason)
}

// Reason returns the reason that a service gives if it is one word of letters and underscores, as all documented ones are.
// Anything else may repeat the content of the request.
func Reason(s string) string {
	if len(s) > 40 {
		return ""
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' {
			return ""
		}
	}
	return s
}

// retryAfter parses the Retry-After header: seconds, or a date.
func retryAfter(s string, now time.Time) (d time.Duration) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		d = time.Duration(min(n, int64(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// failure returns an error that says why there is no answer. The text of err itself may contain the
// URL, and with it a token.
func failure(ctx context.Context, err error) error {
	if errors.Is(err, guard.ErrRefused) {
		for next := err; next != nil; next = errors.Unwrap(next) {
			if errors.Is(errors.Unwrap(next), guard.ErrRefused) {
				err = next // the innermost error is the guard's own
			}
		}
		return err
	}
	return &parley.RetryError{Err: cause(ctx, err)}
}

func cause(ctx context.Context, err error) error {
	var (
		dns     *net.DNSError
		invalid *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		errno   syscall.Errno
		timeout net.Error
	)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer: %w", ctx.Err())
	case errors.As(err, &dns):
		return errors.New("the host name cannot be resolved")
	case errors.As(err, &unknown):
		return errors.New("the certificate is signed by an unknown authority")
	case errors.As(err, &host):
		return errors.New("the certificate is for another host")
	case errors.As(err, &invalid):
		return errors.New("the certificate is not valid")
	case errors.As(err, &errno):
		return fmt.Errorf("no connection: %w", errno)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection was closed")
	}
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return fmt.Errorf("no answer (%T)", err)
}

// JSON encodes a payload. HTML characters are not escaped: that would take six bytes each.
func JSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // payloads contain only strings and numbers
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
