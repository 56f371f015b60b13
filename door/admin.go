package door

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// AdminConns limits the connections of the admin listener. For each connection above the limit,
// the one that has waited longest for its client is closed, so idle connections keep no client
// out.
type AdminConns struct {
	Most int // fixed; 0: as many as Share grants

	mu    sync.Mutex
	all   int
	quiet []net.Conn // new or idle, the longest waiting first
}

// Count tracks the connections; it is a http.Server's ConnState.
func (a *AdminConns) Count(nc net.Conn, state http.ConnState) {
	if close := a.follow(nc, state); close != nil {
		close.Close() // net/http then reports that, and it no longer counts
	}
}

func (a *AdminConns) follow(nc net.Conn, state http.ConnState) (close net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.quiet, nc); i >= 0 {
		a.quiet = slices.Delete(a.quiet, i, i+1)
	}
	switch state {
	case http.StateNew:
		a.all++
		a.quiet = append(a.quiet, nc)
	case http.StateIdle:
		a.quiet = append(a.quiet, nc)
	case http.StateHijacked, http.StateClosed:
		a.all--
	}
	most := a.Most
	if most == 0 {
		most = Share(true).admin
	}
	if state != http.StateNew || a.all <= most {
		return nil
	}
	close, a.quiet = a.quiet[0], a.quiet[1:] // at least the new one
	return close
}
