package testenv

import (
	"os/exec"
	"syscall"
)

// leash ends the process with this one, also when the tests die of a time-out.
func leash(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
