package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Readiness is the response of /readyz: whether the node should receive requests, and the state
// of its dependencies. A failed bus does not make the node unready: serving clients here is
// better than nowhere.
type Readiness struct {
	Ready    bool `json:"ready"`
	Store    Part `json:"store"`
	Bus      Part `json:"bus"`
	Presence Part `json:"presence"`
	Settings Part `json:"settings"`
}

// Part is the state of one dependency.
type Part struct {
	OK      bool   `json:"ok"`
	Promise string `json:"promise,omitempty"` // what an acknowledgment of the store guarantees
	Detail  string `json:"detail,omitempty"`  // the error, or other information
}

// AllReady is the readiness of a node without dependencies.
func AllReady() Readiness {
	ok := Part{OK: true}
	return Readiness{Ready: true, Store: ok, Bus: ok, Presence: ok, Settings: ok}
}

// readyz responds whether the process should receive requests.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) error {
	if e := a.ways.Draining(); e != nil {
		return e
	}
	is := AllReady()
	if a.cfg.Ready != nil {
		is = a.cfg.Ready(r.Context())
	}
	body, err := json.Marshal(is)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	status := http.StatusOK
	if !is.Ready {
		status = http.StatusServiceUnavailable
	}
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return err
}
