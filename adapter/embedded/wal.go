package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	pebblerecord "github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/wal"
)

// reportTornTail logs what Pebble is about to drop silently: after a crash the newest write-ahead
// log may end in the middle of a record, which then was never synced or acknowledged. Damage to
// synced data is different: Pebble refuses to open it, unless it is in the log's last block of 32
// KiB, where the two cannot be distinguished.
func (d *directory) reportTornTail() error {
	if !d.was.Running {
		return nil
	}
	logs, err := wal.Scan(wal.Dir{FS: d.fs, Dirname: d.store})
	if err != nil || len(logs) == 0 {
		return err
	}
	newest := logs[len(logs)-1]
	r := newest.OpenForRead()
	defer r.Close()
	records := 0
	for {
		rec, at, err := r.NextRecord()
		if err == nil {
			_, err = io.Copy(io.Discard, rec)
		}
		switch {
		case err == nil:
			records++
			continue
		case !errors.Is(err, pebblerecord.ErrUnexpectedEOF):
			return nil // a clean end, or Pebble reports the error
		}
		dropped, err := d.torn(at, uint32(newest.Num))
		if err != nil {
			return fmt.Errorf("look at the end of %s: %w", at.PhysicalFile, err)
		}
		if dropped > 0 {
			d.cfg.Logger.Warn("the end of the write-ahead log is torn; it is dropped",
				"file", at.PhysicalFile, "offset", at.Physical, "bytes", dropped, "records_kept", records)
		}
		return nil
	}
}

// torn counts the bytes after an offset that belong to this log. A log is written over an older
// one, or into zeros, and what remains of those is not torn.
func (d *directory) torn(at wal.Offset, number uint32) (int64, error) {
	f, err := d.fs.Open(at.PhysicalFile)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	// A chunk begins: checksum(4) size(2) type(1) log number(4).
	var header [11]byte
	n, err := f.ReadAt(header[:], at.Physical)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	written := header != [11]byte{}
	if n == len(header) && binary.LittleEndian.Uint32(header[7:]) != number {
		written = false
	}
	if !written {
		return 0, nil
	}
	return info.Size() - at.Physical, nil
}
