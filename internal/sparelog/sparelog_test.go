package sparelog_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley/internal/sparelog"
)

// sink is a buffer that timers can write to.
type sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

// logger returns a logger that writes to a sink, without times.
func logger(out *sink) *slog.Logger {
	text := slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return slog.New(sparelog.New(text, 10*time.Second))
}

func (s *sink) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Split(strings.TrimSuffix(s.buf.String(), "\n"), "\n")
	s.buf.Reset()
	return all
}

func TestACauseThatRepeatsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		log := logger(&out)
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		expect := func(want ...string) {
			t.Helper()
			got := out.lines()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q, want %q", got, want)
			}
		}
		for i := range 1000 {
			log.Warn("request failed", "path", i, "code", "unavailable")
		}
		expect(`level=WARN msg="request failed" path=0 code=unavailable`)
		log.Warn("request failed", "path", "x", "code", "overloaded") // another cause
		log.With("node", "n").Error("something else")
		expect(`level=WARN msg="request failed" path=x code=overloaded`, `level=ERROR msg="something else" node=n`)
		pass(10 * time.Second)
		expect(`level=WARN msg="request failed" path=999 code=unavailable repeated=999`)
		log.Warn("request failed", "path", "y", "code", "unavailable")
		pass(9 * time.Second)
		expect("") // the next interval has begun
		pass(time.Second)
		expect(`level=WARN msg="request failed" path=y code=unavailable repeated=1`)
		pass(10 * time.Second)
		expect("")
		log.Warn("request failed", "path", "z", "code", "unavailable")
		expect(`level=WARN msg="request failed" path=z code=unavailable`) // the interval had ended
		for range 3 {
			log.Info("said")
		}
		expect("level=INFO msg=said", "level=INFO msg=said", "level=INFO msg=said")
		pass(time.Minute)
	})
}

// The causes that are kept and written are limited, however many occur.
func TestCausesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		log := logger(&out)
		for i := range 5000 {
			log.Warn("a file is damaged", "file", i)
		}
		if n := len(out.lines()); n > 1001 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := out.lines(); len(got) != 1 || !strings.HasSuffix(got[0], "repeated=3999") {
			t.Errorf("%q", got)
		}
	})
}
