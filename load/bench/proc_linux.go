package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of CPU times in /proc (proc(5)): 1/100 s on every Linux that Go supports.
const tick = 10 * time.Millisecond

// cpuOf is the CPU time that a process has used, in all its threads.
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // the name may contain spaces
	var sum int64
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.ParseInt(string(f[i]), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// rssOf is a process's resident memory, in bytes.
func rssOf(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no memory", pid)
}

func ownCPU() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// childrenCPU is the CPU time of children that have ended.
func childrenCPU() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_CHILDREN, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machineCPU is what all processes together have used since the machine started.
func machineCPU() (used time.Duration) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	for i, f := range bytes.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 7 { // the name, idle, iowait, steal and guests
			continue
		}
		n, _ := strconv.ParseInt(string(f), 10, 64)
		used += time.Duration(n) * tick
	}
	return used
}

// listenOverflows is how many connections have found the accept queue of a listening socket full
// since the machine started (TcpExtListenOverflows of netstat(8)), 0 if unknown.
func listenOverflows() int64 {
	b, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		return 0
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		switch {
		case f[0] != "TcpExt:":
		case names == nil:
			names = f
		default:
			if i := slices.Index(names, "ListenOverflows"); i >= 0 && i < len(f) {
				n, _ := strconv.ParseInt(f[i], 10, 64)
				return n
			}
		}
	}
	return 0
}

// memory is the machine's total memory, in bytes.
func memory() int64 {
	var i unix.Sysinfo_t
	_ = unix.Sysinfo(&i)
	return int64(i.Totalram) * int64(i.Unit)
}

// memoryUsed is how much of the machine's memory is in use, kernelMemory how much of that the kernel uses.
func memoryUsed() int64 { m := meminfo(); return m["MemTotal"] - m["MemAvailable"] }
func kernelMemory() int64 {
	m := meminfo()
	return m["SUnreclaim"] + m["KernelStack"] + m["PageTables"]
}

// meminfo returns the values of /proc/meminfo, in bytes.
func meminfo() map[string]int64 {
	all := map[string]int64{}
	b, _ := os.ReadFile("/proc/meminfo") // without it all values are 0
	for line := range strings.Lines(string(b)) {
		name, v, _ := strings.Cut(line, ":")
		if f := strings.Fields(v); len(f) > 0 {
			kb, _ := strconv.ParseInt(f[0], 10, 64)
			all[name] = kb << 10
		}
	}
	return all
}

func system() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	return "Linux " + unix.ByteSliceToString(u.Release[:])
}

// leash makes a child end with this process, however this process ends.
func leash(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// descriptors is how many files a process may have open.
func descriptors() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 1024
	}
	return int(min(l.Cur, 1<<30))
}

func fdatasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
