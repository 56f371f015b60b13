// Package embedded is the store of a single node: messages, keys and settings of
// channels in one Pebble database in one directory. It owns that directory and
// assigns the ids of messages; it never talks to clients, to a bus or to another
// node, and never retries a write that the disk has refused.
//
// # How an append becomes durable
//
//	Append ─┐                                        ┌─ durable heads move up,
//	Append ─┼→ queue → builder ──→ batch ─→ completer ┤
//	Append ─┘          ids, times,  WAL    SyncWait   └─ callers are answered
//	                   keys, counts
//
// The builder takes all waiting appends and builds one batch; while that batch
// syncs, it builds the next: at most two are in flight, and they complete in
// order. Pebble shows a batch to readers before it is synced, so readers never
// read beyond the durable head of a channel, which only the completer advances.
//
// # Keys of the database
//
//	e                          epoch of the store
//	h channel                  head record: first, last, time, count, exists
//	m channel NUL id(8)        message
//	k channel NUL user NUL key id(8) of the message stored under that key
//	s channel                  settings, JSON
//
// Every value begins with a byte that identifies its format (format.go); keys.go lists the derived rows.
//
// A head record is written when a channel is created, trimmed or
// removed; the head of a channel is the last message if there is one after
// the record's last.
package embedded
