package load_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

func TestRunPassesACorrectServer(t *testing.T) {
	server := testenv.Server(t)
	r, err := load.Run(t.Context(), load.Config{Servers: []string{server.URL}, For: 2 * time.Second, DropOdds: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if !r.OK() || r.Acknowledged != r.Sent || r.Received != 4*r.Stored || r.Resets != 0 {
		t.Errorf("%+v", r)
	}
}

// A server that acknowledges messages it does not store is detected.
func TestRunDetectsMessagesThatAreNotStored(t *testing.T) {
	server := testenv.Server(t)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	real := httputil.NewSingleHostReverseProxy(target)
	var n atomic.Int64
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && n.Add(1)%5 == 0 {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"type":"message","id":%d,"channel":"x","user":"u","text":"x","timestamp":1.000000}`, 1_000_000+n.Load())
			return
		}
		r.Host = target.Host
		real.ServeHTTP(w, r)
	}))
	defer liar.Close()
	r, err := load.Run(t.Context(),
		load.Config{Servers: []string{liar.URL}, For: time.Second, Channels: 1, Publishers: 2, Readers: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || r.Lost == 0 || !strings.Contains(r.String(), "is not in the log") {
		t.Errorf("%s", r)
	}
}

// A server that serves deleted text is detected.
func TestRunDetectsDeletedText(t *testing.T) {
	server := testenv.Server(t)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	real := httputil.NewSingleHostReverseProxy(target)
	keeper := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		r.Host = target.Host
		real.ServeHTTP(w, r)
	}))
	defer keeper.Close()
	r, err := load.Run(t.Context(),
		load.Config{Servers: []string{keeper.URL}, For: 3 * time.Second, Channels: 1, Publishers: 1, Readers: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || r.Shown == 0 || r.Lost != 0 || !strings.Contains(r.String(), "after its deletion") {
		t.Errorf("%s", r)
	}
}

// A publisher that is permanently refused is reported.
func TestRunReportsAPublisherThatGaveUp(t *testing.T) {
	server := testenv.Server(t)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	real := httputil.NewSingleHostReverseProxy(target)
	var n atomic.Int64
	strict := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && n.Add(1) == 3 {
			http.Error(w, `{"code":"forbidden","detail":"no more"}`, http.StatusForbidden)
			return
		}
		r.Host = target.Host
		real.ServeHTTP(w, r)
	}))
	defer strict.Close()
	r, err := load.Run(t.Context(),
		load.Config{Servers: []string{strict.URL}, For: time.Second, Channels: 1, Publishers: 1, Readers: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || r.Failures != 1 || r.Lost+r.Repeated+r.OutOfOrder+r.Altered != 0 {
		t.Errorf("%s", r)
	}
}
