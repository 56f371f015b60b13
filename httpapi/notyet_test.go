package httpapi_test

import (
	"strings"
	"testing"
)

// What the wire describes and this version lacks is told from what is wrong.
func TestWhatIsNotInThisVersionSaysSo(t *testing.T) {
	s := serve(t)
	s.post("general", "hello")
	for _, call := range [][2]string{
		{"PUT", "/api/devices/phone"}, {"GET", "/api/push/public-key"},
	} {
		a := s.do(call[0], call[1], "")
		if a.is(t, 400, "bad_request"); a.problem(t).Hint != "not in this version" || strings.HasPrefix(a.problem(t).Detail, "this ") {
			t.Errorf("%s %s: %s", call[0], call[1], a.body)
		}
	}
}
