package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// options returns the options for a database of small, mostly appended values.
func options(cfg Config, fs vfs.FS, lock *pebble.Lock, damaged func(pebble.DataCorruptionInfo)) *pebble.Options {
	o := &pebble.Options{
		FS:   fs,
		Lock: lock,
		// Write-ahead logs that record how far they were synced: damage before that point is
		// refused at start, only data after it may be dropped.
		FormatMajorVersion: pebble.FormatWALSyncChunks,
		CacheSize:          cfg.CacheBytes,
		DisableWAL:         cfg.Fsync == FsyncMemory,
		MemTableSize:       16 << 20, // reserved from the cache; a batch of 4 MiB stays below half
		// Four memtables before back-pressure: then writers wait for the disk.
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       32,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                cfg.MaxFiles,
		// Trimmed entries free their space soon, even if nothing else is written.
		FlushDelayDeleteRange:      10 * time.Second,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		Logger:                     pebbleLogger{cfg.Logger},
		EventListener: &pebble.EventListener{
			DataCorruption:  damaged, // without it Pebble ends the process
			BackgroundError: func(err error) { cfg.Logger.Error("the store's background work failed", "err", err) },
			WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
				cfg.Logger.Warn("the store waits for the disk", "reason", i.Reason)
			},
		},
	}
	// Appends usually look up keys that do not exist.
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].FilterType = pebble.TableFilter
	}
	return o
}

// pebbleLogger logs Pebble's events at debug level.
type pebbleLogger struct{ log *slog.Logger }

func (p pebbleLogger) Infof(format string, args ...any) {
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug("pebble", "says", fmt.Sprintf(format, args...))
	}
}

func (p pebbleLogger) Errorf(format string, args ...any) {
	p.log.Error("pebble", "says", fmt.Sprintf(format, args...))
}

// Fatalf ends the process: Pebble calls it when its memory and the disk may differ, and it must
// not return.
func (p pebbleLogger) Fatalf(format string, args ...any) {
	p.log.Error("the store cannot go on", "says", fmt.Sprintf(format, args...))
	os.Exit(1)
}
