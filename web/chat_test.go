package web

import (
	"os/exec"
	"testing"

	"github.com/parley-server/parley/testenv"
)

func TestThePagesTypesAreStrictAndRight(t *testing.T) {
	tsc := testenv.Need(t, "typescript")
	for _, settings := range []string{"chat", "chat/test", "shared", "shared/test", "sw", "emoji", "code", "code/test"} {
		if out, err := exec.CommandContext(t.Context(), tsc, "-p", settings).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", settings, err, out)
		}
	}
}
