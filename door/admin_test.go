package door

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Whatever the limit, the store gets what it needs, and clients get the rest.
func TestDescriptorsAreShared(t *testing.T) {
	for _, limit := range []int{32, 64, 100, 256, 512, 1024, 4096, 65536, 1 << 20, 1 << 30} {
		few := share(limit, false)
		if few.store != min(limit/2, 256) || few.store+few.admin+few.away+few.public != limit {
			t.Errorf("of %d, where the store has no files: %+v", limit, few)
		}
		s := share(limit, true)
		if s.store < min(limit/2, 256) || s.admin < 1 || s.away < 1 || s.public < limit/8 || s.store+s.admin+s.away+s.public != limit {
			t.Errorf("of %d: %+v", limit, s)
		}
		if files := s.Files(); files > 1000 || files > 64 && files+64 > s.store {
			t.Errorf("of %d: %d files for the store, which keeps %d", limit, files, s.store)
		}
	}
}

func TestIdleConnectionsToTheAdminListenerKeepNobodyOut(t *testing.T) {
	const most = 4
	conns := &AdminConns{Most: most}
	working, goOn := make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(working)
			<-goOn
		}
	}))
	s.Config.ConnState = conns.Count
	s.Start()
	defer s.Close()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		return c
	}
	long := dial()
	fmt.Fprint(long, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
	<-working
	var idle []net.Conn
	for range 3 * most {
		idle = append(idle, dial())
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(s.URL)
	if err != nil || r.StatusCode != 200 {
		t.Fatal(r, err)
	}
	r.Body.Close()
	for _, c := range idle[:2*most] {
		if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF && err == nil {
			t.Errorf("an idle connection: %d bytes, %v", n, err)
		}
	}
	close(goOn)
	if n, err := long.Read(make([]byte, 12)); err != nil || n != 12 {
		t.Errorf("the one that was served: %v", err)
	}
}
