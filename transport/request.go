package transport

import (
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Follow is a channel in a request, with the cursor to go on from; nil for the head.
type Follow struct {
	Channel parley.ChannelID
	After   *parley.Cursor
}

// Request is what a stream or poll asks for, read and checked.
type Request struct {
	Caller  access.Caller
	Follows []Follow
	Many    bool          // cursors name their channels, though there may be one
	Limit   int           // entries in the answer of a poll
	Timeout time.Duration // of a long poll
	Pings   bool          // a WebSocket client that can't see ping frames
	Watch   []parley.UserID
}
