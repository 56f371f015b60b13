package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Fsync says when an append is acknowledged.
type Fsync string

const (
	// FsyncCommit acknowledges when the message is on disk. This is the default.
	FsyncCommit Fsync = "commit"
	// FsyncInterval acknowledges immediately and syncs every Config.Interval. After a power cut or
	// a killed process, messages since the last sync are lost and a new epoch begins.
	FsyncInterval Fsync = "interval"
	// FsyncMemory writes no write-ahead log: if the process is killed, messages not yet flushed are
	// lost and a new epoch begins.
	FsyncMemory Fsync = "memory"
)

// ErrInUse means that another process has the data directory open. The error that wraps it names
// the process.
var ErrInUse = errors.New("the data directory is in use")

// Config configures a Log. The zero value works.
type Config struct {
	FS       vfs.FS           // nil: the disk
	Fsync    Fsync            // "": FsyncCommit
	Interval time.Duration    // of syncs with FsyncInterval; 0: 100 ms
	Clock    func() time.Time // nil: time.Now
	// Retention is for channels without retention in their settings. The zero value keeps everything.
	Retention parley.Retention
	// RetentionOf returns the retention of a channel without one in its settings, or zero for
	// Retention. nil: zero for all.
	RetentionOf func(parley.ChannelID) parley.Retention
	// TrimEvery is how often channels that changed are trimmed. 0: 2 s, well within
	// the 10 s that parley.Retention allows.
	TrimEvery time.Duration
	// FreeFloor is the free space, in bytes, below which appends are refused; they are accepted
	// again above twice that. 0: 64 MiB, two flushes and the beginning of a compaction.
	// Negative: not checked.
	FreeFloor int64
	FreeSpace func() (uint64, error) // returns the bytes free for the store; nil: asks the file system
	Logger    *slog.Logger           // nil: slog.Default
	// CacheBytes is the size of the cache for uncompressed blocks. 0: 128 MiB. The hub serves
	// recent messages from memory; the cache is for looking up keys and for readers that reconnect.
	// It includes memtables (at most 64 MiB).
	CacheBytes int64
	// MaxHeads is the number of channels whose head is kept in memory. 0: 100,000,
	// at about 200 bytes each.
	MaxHeads int
	// MaxFiles is how many files may be open, at least about 64. 0: 1000.
	MaxFiles int
}

func (c Config) withDefaults() (Config, error) {
	switch c.Fsync {
	case "":
		c.Fsync = FsyncCommit
	case FsyncCommit, FsyncInterval, FsyncMemory:
	default:
		return c, fmt.Errorf("fsync %q is none of commit, interval, memory", c.Fsync)
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Interval <= 0 {
		c.Interval = 100 * time.Millisecond
	}
	if c.RetentionOf == nil {
		c.RetentionOf = func(parley.ChannelID) parley.Retention { return parley.Retention{} }
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.TrimEvery <= 0 {
		c.TrimEvery = 2 * time.Second
	}
	if c.FreeFloor == 0 {
		c.FreeFloor = 64 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = 128 << 20
	}
	if c.MaxFiles <= 0 {
		c.MaxFiles = 1000
	}
	if c.MaxHeads <= 0 {
		c.MaxHeads = 100_000
	}
	return c, nil
}
