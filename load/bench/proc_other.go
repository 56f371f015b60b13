//go:build !linux

package bench

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

var errNoProc = errors.New("another process's CPU and memory are measured on Linux only")

func cpuOf(int) (time.Duration, error) { return 0, errNoProc }
func rssOf(int) (int64, error)         { return 0, errNoProc }
func childrenCPU() time.Duration       { return 0 }
func machineCPU() time.Duration        { return 0 }
func listenOverflows() int64           { return 0 }
func ownCPU() time.Duration            { return 0 }
func memory() int64                    { return 0 }
func memoryUsed() int64                { return 0 }
func kernelMemory() int64              { return 0 }
func system() string                   { return runtime.GOOS }
func leash(*exec.Cmd)                  {}
func descriptors() int                 { return 1024 }
func fdatasync(f *os.File) error       { return f.Sync() }
