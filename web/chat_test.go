package web

import (
	"os/exec"
	"testing"

	"parley/testenv"
)

func TestTheChatPagesTypesAreStrictAndRight(t *testing.T) {
	tsc := testenv.Need(t, "typescript")
	if out, err := exec.CommandContext(t.Context(), tsc, "-p", "chat").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
