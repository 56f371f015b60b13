package transport

import (
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Follow is a channel in a request, with the cursor to resume from; nil for the head.
type Follow struct {
	Channel parley.ChannelID
	After   *parley.Cursor
}

// Request is a checked request for a stream or poll.
type Request struct {
	Caller  access.Caller
	Follows []Follow
	Many    bool          // cursors name their channels, even if there is one
	Limit   int           // entries in the response of a poll
	Timeout time.Duration // of a long poll
	Pings   bool          // a WebSocket client that cannot see ping frames
	Watch   []parley.UserID
}
