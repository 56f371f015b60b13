package engine_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/parley-server/parley/engine"
)

func TestTickSeesAcknowledgedBytes(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		client, server := pair(t)
		p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
		seen := make(chan struct{})
		progress := false
		p.tick = func(s engine.Sending) time.Duration {
			if progress = progress || s.Progress; progress && !s.Pending {
				close(seen)
				return time.Hour
			}
			return time.Millisecond
		}
		e.Park(p.conn, server, nil, p, true, time.Millisecond)
		p.send([]byte("a\n"))
		expect(t, client, "a\n")
		wait(t, "a tick sees progress and nothing pending", seen)
	})
}

func TestAConnectionLeavesNoDescriptorBehind(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		before := descriptors(t)
		for range 10 {
			p, c := park(t, e, "", true)
			fmt.Fprint(c, "a\n")
			expect(t, c, "a\n")
			c.Close()
			wait(t, "the peer is gone", p.gone)
		}
		if after := descriptors(t); after > before {
			t.Errorf("%d descriptors, and %d before", after, before)
		}
	})
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
