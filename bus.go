package parley

import "context"

// Bus carries hints from node to node: that a channel has grown, and events. It may lose, repeat and
// reorder envelopes; the log is the truth, and whoever needs certainty reads it. All methods may be
// called at the same time.
type Bus interface {
	// Run connects, and reconnects, until ctx ends; then it returns nil. It calls h from one goroutine at a
	// time. It runs once.
	Run(ctx context.Context, h BusHandler) error

	// Publish sends an envelope to all nodes that have joined its channel, this one too. It
	// returns when the envelope is on its way or an error says that it is not; nil does not promise that it
	// arrives. The bus keeps nothing of e after that, or copies it.
	Publish(ctx context.Context, e Envelope) error

	// Join has envelopes of a channel delivered here. It returns nil when the broker has confirmed that:
	// what is published anywhere after Join has returned is delivered, unless it is lost. Joining twice is
	// joining once. A bus that reconnects joins again by itself, and calls Lost. While Run does not run, or is not
	// connected, Join waits for it, until ctx ends.
	Join(ctx context.Context, channel ChannelID) error

	// Leave ends that. Envelopes may still come for a moment. Leaving what was not joined does nothing.
	Leave(ctx context.Context, channel ChannelID) error
}

// BusHandler is what a Bus tells of. Its methods must not block.
type BusHandler interface {
	// Deliver brings an envelope of a joined channel, in any order. The receiver must not change what is in it.
	Deliver(e Envelope)
	// Lost says that envelopes may have been lost since the last call: the connection broke, or too
	// many waited. What was lost without anybody noticing is not told.
	Lost()
}

// Envelope is one hint. What a field's zero value leaves out the envelope does not tell.
type Envelope struct {
	Node     string // that published it
	Epoch    string // the one that Head and Messages belong to
	Channel  ChannelID
	Head     int64     // an id that the channel has reached
	Messages []Message // entries of the channel, in their order, without holes
	Event    *Event
	Seq      uint64 // of an event: its number among those of its node, by which one that is repeated is known
}

// Event is transient: it has no id, and whoever is not there misses it.
type Event struct {
	Name     string // among server-sent events
	Object   []byte // its JSON object, on one line; in a channel that no client can name any bytes
	Skip     string // sessions of this identity do not get it; "": all do
	Presence bool   // it tells who is in the channel, which not everybody may know
}
