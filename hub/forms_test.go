package hub_test

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/wire"
)

// A hundred readers of a form receive the very same bytes, live and from a page: the
// work to make them (compressing, packing) is done once.
func TestMessageIsEncodedOncePerForm(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	publish(t, h, "c", 1, strings.Repeat("an old message, ", 50))
	for _, form := range []wire.Form{wire.FormWS, wire.FormWSDeflate, wire.FormMsgpack} {
		var readers []*hub.Session
		for range 100 {
			s := open(h, form)
			defer s.Close()
			if _, err := s.Follow(t.Context(), "c", &parley.Cursor{}); err != nil {
				t.Fatal(err)
			}
			readers = append(readers, s)
		}
		same := func(what string) {
			t.Helper()
			var first []byte
			for i, s := range readers {
				b, err := s.Next("", 1<<20, 1)
				if errors.Is(err, hub.ErrBehind) {
					if err := s.Load(t.Context()); err != nil {
						t.Fatal(err)
					}
					b, err = s.Next("", 1<<20, 1)
				}
				switch {
				case err != nil || len(b) == 0:
					t.Fatalf("form %d, %s: %q, %v", form, what, b, err)
				case i == 0:
					first = b
				case unsafe.SliceData(b) != unsafe.SliceData(first) || len(b) != len(first):
					t.Fatalf("form %d, %s: reader %d got bytes of its own", form, what, i)
				}
			}
			if squeezed := first[0]&0x40 != 0; squeezed != (form == wire.FormWSDeflate) {
				t.Errorf("form %d, %s: the frame begins with %x", form, what, first[0])
			}
		}
		same("stored")
		for _, s := range readers { // up to the head, whatever other forms have stored
			for b := []byte{0}; len(b) > 0; {
				var err error
				if b, err = s.Next("", 1<<20, 1<<20); errors.Is(err, hub.ErrBehind) {
					b = []byte{0}
					if err := s.Load(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		publish(t, h, "c", 1, strings.Repeat("a new message, ", 50))
		same("live")
	}
}
