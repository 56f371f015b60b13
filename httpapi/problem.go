package httpapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// handle writes the error that a handler returned, in the format of its kind.
func (a *API) handle(k kind, h handler) http.Handler {
	return handle(a.cfg.Logger, func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err == nil {
			return nil
		}
		e := parley.AsError(err)
		a.refused(r, e)
		if e.Code == parley.CodeRateLimited {
			a.ways.Pause(r.Context(), a.cfg.Limits.NoteRefusal(a.client(r)))
		}
		if a.refuseAs(k, w, r, e) {
			return nil
		}
		return err
	})
}

func handle(log *slog.Logger, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		e := parley.AsError(err)
		if e.Err != nil && !errors.Is(e.Err, r.Context().Err()) {
			log.Warn("request failed", "method", r.Method, "path", r.URL.Path, "code", e.Code, slog.Any("error", e.Err))
		}
		wire.WriteProblem(w, e)
	})
}

func notFound(http.ResponseWriter, *http.Request) error {
	return &parley.Error{Code: parley.CodeNotFound, Detail: "there is nothing at this address", Hint: "see docs/api.md"}
}

// writeJSON responds with a value.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeBody(w, status, append(b, '\n'))
}

// writeBody responds with encoded JSON.
func writeBody(w http.ResponseWriter, status int, b []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
	return nil
}
