package transport

import (
	"testing"
	"unsafe"
)

// A server has many of these, so each byte counts: what is not needed while a
// connection is quiet belongs in what a peer points to. The limits are size classes of
// Go's heap.
func TestAQuietPeerIsSmall(t *testing.T) {
	for name, c := range map[string]struct{ is, most uintptr }{
		"a WebSocket":     {unsafe.Sizeof(wsPeer{}), 240},
		"an event stream": {unsafe.Sizeof(ssePeer{}), 224},
		"a held poll":     {unsafe.Sizeof(pollPeer{}), 256},
	} {
		if t.Log(name, c.is); c.is > c.most {
			t.Errorf("%s has %d bytes, and %d are enough", name, c.is, c.most)
		}
	}
}
