package web

import (
	"os/exec"
	"testing"

	"github.com/parley-server/parley/testenv"
)

func TestPushesThatArriveAtOnceAreShownInOrder(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), testenv.Need(t, "node"), "testdata/pushes.cjs", "sw.js").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
