package engine_test

import (
	"bufio"
	"context"
	"testing"
	"time"

	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/testenv"
)

// stuck is a peer whose load ends when the test allows it. Its output says whether it was visited
// before.
type stuck struct {
	fake
	loading chan struct{}
	resume  chan struct{}
	visited bool
}

func (p *stuck) Load(context.Context) error {
	close(p.loading)
	<-p.resume
	p.load = false
	return nil
}

func (p *stuck) Output() ([]byte, error) {
	switch {
	case p.load:
		return nil, engine.ErrLoad
	case p.ended:
		return nil, nil
	case p.visited:
		p.ended = true
		return []byte("visited\n"), nil
	}
	return nil, nil
}

// A peer at work, such as one waiting for the store, does not delay the visits of other peers; it is
// visited when the work is done.
func TestAVisitDoesNotWaitForPeersAtWork(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		client, server := pair(t)
		p := &stuck{fake: fake{conn: new(engine.Conn), gone: make(chan struct{}), load: true},
			loading: make(chan struct{}), resume: make(chan struct{})}
		e.Park(p.conn, server, nil, p, true, time.Hour)
		<-p.loading
		done := make(chan struct{})
		go func() {
			defer close(done)
			e.Visit(func(q engine.Peer) bool {
				if q == engine.Peer(p) {
					p.visited = true
				}
				return true
			})
		}()
		select {
		case <-done:
		case <-time.After(testenv.Patience):
			t.Error("the visit waits for a peer at work")
		}
		close(p.resume)
		<-done
		_ = client.SetReadDeadline(time.Now().Add(testenv.Patience))
		if line, err := bufio.NewReader(client).ReadString('\n'); line != "visited\n" {
			t.Errorf("%q, %v", line, err)
		}
	})
}
