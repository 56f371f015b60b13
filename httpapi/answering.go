package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/limit"
	"github.com/parley-server/parley/wire"
)

// answering accounts for a response: few are built at the same time, the largest possible size is reserved during that, its
// own bytes are charged before the first is written, and over HTTP/2 its client must read some of them within each
// patience. On a plain connection engine.Detacher ensures that.
type answering struct {
	http.ResponseWriter
	answers  *limit.Answers // nil: nothing is counted
	patience time.Duration  // of an HTTP/2 stream; 0: any

	user    parley.UserID // "" for back ends and nobody, who share what the node has
	builds  bool          // it occupies a place
	charged int
	refused bool // another response was written instead
	waits   bool // it occupies no place, since it waits before it builds
}

type answeringKey struct{}

// account counts the responses of a path. waits: its handler waits, but builds little.
func (a *API) account(waits bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		acc := &answering{ResponseWriter: w, answers: a.cfg.Answers, waits: waits}
		if r.ProtoMajor > 1 {
			acc.patience = a.cfg.Patience
		}
		defer acc.end()
		next.ServeHTTP(acc, r.WithContext(context.WithValue(r.Context(), answeringKey{}, acc)))
	})
}

// begin waits for a place to build the response to a caller. Only reads can be large.
func (acc *answering) begin(r *http.Request, c access.Caller) error {
	if acc.answers == nil || acc.builds {
		return nil
	}
	acc.user = c.Limited()
	if acc.waits || r.Method != http.MethodGet {
		return nil
	}
	if e := acc.answers.Build(r.Context(), acc.user); e != nil {
		return e
	}
	acc.builds = true
	return nil
}

func (acc *answering) built() {
	if acc.builds {
		acc.builds = false
		acc.answers.Built(acc.user)
	}
}

func (acc *answering) end() {
	acc.built()
	if acc.charged > 0 {
		acc.answers.Discharge(acc.user, acc.charged)
	}
}

// WriteHeader charges a body whose length was set, or responds that there is no capacity for
// it.
func (acc *answering) WriteHeader(status int) {
	if acc.answers != nil && acc.charged == 0 && !acc.refused {
		n, _ := strconv.Atoi(acc.Header().Get("Content-Length"))
		if e := acc.answers.Charge(acc.user, n); e != nil {
			acc.refused = true
			h := acc.Header()
			h.Del("ETag")
			h.Del("Content-Length")
			status = wire.Status(e)
			body := wire.Problem(h, status, e)
			h.Set("Content-Length", strconv.Itoa(len(body)))
			defer func() { _, _ = acc.ResponseWriter.Write(body) }()
		} else {
			acc.charged = n
		}
	}
	acc.built()
	acc.extend()
	acc.ResponseWriter.WriteHeader(status)
}

// extend gives the client of an HTTP/2 stream time to read the next part.
func (acc *answering) extend() {
	if acc.patience > 0 {
		_ = http.NewResponseController(acc.ResponseWriter).SetWriteDeadline(time.Now().Add(acc.patience))
	}
}

// part is how much of a response must be read within a patience.
const part = 64 << 10

func (acc *answering) Write(p []byte) (n int, err error) {
	if acc.refused {
		return len(p), nil
	}
	for acc.patience > 0 && len(p)-n > part && err == nil {
		var m int
		m, err = acc.ResponseWriter.Write(p[n : n+part])
		n += m
		acc.extend()
	}
	if err != nil {
		return n, err
	}
	m, err := acc.ResponseWriter.Write(p[n:])
	return n + m, err
}

// Unwrap is for http.ResponseController.
func (acc *answering) Unwrap() http.ResponseWriter { return acc.ResponseWriter }
