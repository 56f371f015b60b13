//go:build !linux

package testenv

import "os/exec"

func leash(*exec.Cmd) {}
