//go:build !linux

package testenv

import (
	"errors"
	"os/exec"
)

func leash(*exec.Cmd) {}

// RSS is not supported on this system.
func RSS(int) (int64, error) { return 0, errors.ErrUnsupported }
