package parley

import "context"

// Bus carries hints from node to node: that a channel has grown, and events. It may lose, repeat and
// reorder envelopes; the log is the truth, and callers that need certainty read it. All methods may
// be called concurrently.
type Bus interface {
	// Run connects, and reconnects, until ctx ends; then it returns nil. It calls h from one goroutine at a
	// time. It runs once.
	Run(ctx context.Context, h BusHandler) error

	// Publish sends an envelope to all nodes that have joined its channel, including this one. It returns
	// when the envelope has been sent, or an error if it was not; nil does not promise that it arrives.
	// After that the bus keeps no reference to e.
	Publish(ctx context.Context, e Envelope) error

	// Join subscribes this node to the envelopes of a channel. It returns nil when the broker has confirmed that:
	// an envelope that is published anywhere after Join has returned is delivered, unless it is lost. Joining
	// twice is the same as joining once. A bus that reconnects joins again by itself, and calls Lost. While Run
	// does not run, or is not connected, Join waits until ctx ends.
	Join(ctx context.Context, channel ChannelID) error

	// Leave ends the subscription. Envelopes may still arrive shortly afterwards. Leaving a channel
	// that was not joined does nothing.
	Leave(ctx context.Context, channel ChannelID) error
}

// BusHandler receives what a Bus delivers. Its methods must not block.
type BusHandler interface {
	// Deliver receives an envelope of a joined channel, in any order. It must not change the envelope's
	// contents.
	Deliver(e Envelope)
	// Lost reports that envelopes may have been lost since the last call: the connection broke, or
	// too many were waiting. Losses that the bus does not detect are not reported.
	Lost()
}

// Envelope is one hint. A field with its zero value says nothing.
type Envelope struct {
	Node     string // that published it
	Epoch    string // the one that Head and Messages belong to
	Channel  ChannelID
	Head     int64     // an id that the channel has reached
	Messages []Message // entries of the channel, in their order, without holes
	Event    *Event
	Seq      uint64 // of an event: its number among those of its node, which identifies repeated ones
}

// Event is transient: it has no id, and a stream that is not connected misses it.
type Event struct {
	Name     string // among server-sent events
	Object   []byte // its JSON object, on one line; in a channel that no client can name any bytes
	Skip     string // sessions of this identity do not get it; "": all do
	Presence bool   // it reports who is in the channel, which not every follower may know
}
