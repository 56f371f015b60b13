package parley

import "time"

// Events are callbacks for what happens inside a node: metrics, traces and logs attach here and
// nowhere else. They must be quick and must not call back. Complete fills in the fields that
// are nil; after it no field is nil.
type Events struct {
	Appended   func(AppendEvent)            // a batch of one channel has its results
	Repaired   func(RepairEvent)            // entries that other nodes stored, and the bus did not deliver, were read from the log
	PageMissed func(channel ChannelID)      // sessions that are behind read a page from the store
	Behind     func(sessions int)           // +1: a session must read the store to continue; -1: the read is done, or the session has closed
	Reset      func(reason string)          // a session's cursor cannot be served: expired, ahead or epoch
	Dropped    func(reason string)          // the server ended a stream or held poll
	Refused    func(reason string)          // a request, frame or connection was refused
	BusLost    func()                       // the bus has lost, or may have lost, envelopes
	BusDeaf    func(deaf bool)              // the bus does not, or does again, deliver this node's own envelopes back to it
	EpochBegun func(epoch string)           // the store has lost entries
	Ingested   func(result string)          // a record of a topic was stored, repeated (and not stored again) or skipped (it is not a message)
	Differing  func(node string, same bool) // another node's settings differ from this one's, or no longer do
}

// AppendEvent is one append to one channel.
type AppendEvent struct {
	Drafts int
	Failed int           // of them
	Took   time.Duration // until they were durable
}

// RepairEvent is one repair of a channel.
type RepairEvent struct {
	Entries int  // that were read; those between are read in pages
	Skipped bool // the gap was too large: sessions read pages
}

// Complete returns the events with a function that does nothing in place of each nil one.
func (e Events) Complete() Events {
	if e.Appended == nil {
		e.Appended = func(AppendEvent) {}
	}
	if e.Repaired == nil {
		e.Repaired = func(RepairEvent) {}
	}
	if e.PageMissed == nil {
		e.PageMissed = func(ChannelID) {}
	}
	if e.Behind == nil {
		e.Behind = func(int) {}
	}
	if e.Reset == nil {
		e.Reset = func(string) {}
	}
	if e.Dropped == nil {
		e.Dropped = func(string) {}
	}
	if e.Refused == nil {
		e.Refused = func(string) {}
	}
	if e.BusLost == nil {
		e.BusLost = func() {}
	}
	if e.BusDeaf == nil {
		e.BusDeaf = func(bool) {}
	}
	if e.EpochBegun == nil {
		e.EpochBegun = func(string) {}
	}
	if e.Ingested == nil {
		e.Ingested = func(string) {}
	}
	if e.Differing == nil {
		e.Differing = func(string, bool) {}
	}
	return e
}
