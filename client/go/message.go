package client

import (
	"encoding/json"
	"fmt"

	"github.com/parley-server/parley"
)

// Message is one entry of a channel in its current state.
type Message struct {
	ID        int64               `json:"id"`
	Channel   string              `json:"channel"`
	User      string              `json:"user"`
	Name      string              `json:"name"` // the display name, if it differs from User
	Text      string              `json:"text"`
	Data      json.RawMessage     `json:"data"`      // a JSON object, or nil
	Thread    int64               `json:"thread"`    // the message this one replies to, or 0
	Replies   int64               `json:"replies"`   // the number of replies, if Thread was called
	Timestamp parley.Timestamp    `json:"timestamp"` // strictly rising within the channel
	Key       string              `json:"key"`       // the sender's idempotency key, or ""
	Edited    json.RawMessage     `json:"edited"`    // present once it was edited
	Deleted   bool                `json:"deleted"`
	Reactions map[string]Reaction `json:"reactions"`
}

// Reaction counts one emoji on a message.
type Reaction struct {
	Count int      `json:"count"`
	Users []string `json:"users"` // at most 20 of them
}

// Event is one event of a stream. Raw is the received JSON, nil for the few that the
// client creates (a poll's welcome and reset).
type Event struct {
	Type    string          // "message", "message-changed", "welcome", "reset", "user-joined", "event", …
	ID      int64           // the entry's number for "message" and "message-changed", else 0
	Raw     json.RawMessage // complete, with fields that this package does not know
	Name    string          // of an application's own event (Type "event"), such as "score"
	Data    json.RawMessage // for "event": its JSON object, or nil
	Person  *Person         // for "user-joined", "user-left", "typing", "read" and "event": the user
	Message *Message        // for "message" the message, for "message-changed" the one it changed
	Of      int64           // for "message-changed": the id of the changed message
	Welcome *Welcome        // for "welcome"
	Reset   *Reset          // for "reset"
	Moves   *Moves          // for "presence": the users who joined and left
	Unread  *Unread         // for "unread", on a user's own channel
	Channel string          // for "member-added" and "member-removed", on a user's own channel
	Ack     *Ack            // for "ack", on a Socket
	Err     *Error          // for "error" and "draining", on a Socket
}

// Person is the user whom an event is about.
type Person struct {
	User   string `json:"user"`
	Name   string `json:"name"` // the display name, if it differs from User
	ReadID int64  `json:"id"`   // for "read": the user's last read message
}

// Moves lists the users who joined and left a channel: at most every two seconds if
// more than 100 are present; above 5,000 it has only the Count.
type Moves struct {
	Joined []string `json:"joined"`
	Left   []string `json:"left"`
	Count  int      `json:"count"` // users present now
}

// Unread contains the counts of one of a user's channels, and the total of all.
type Unread struct {
	Channel  string `json:"channel"`
	Unread   int64  `json:"unread"`
	Mentions int64  `json:"mentions"`
	Total    int64  `json:"total"` // unread messages of all channels
}

// Welcome begins each connection, on every transport.
type Welcome struct {
	First   int64  `json:"first_id"` // the first id that is kept; 0 if the transport does not report it (polls)
	Last    int64  `json:"last_id"`  // the head
	Cursor  int64  `json:"cursor"`   // where this connection starts
	Epoch   string `json:"epoch"`
	Resumed bool   `json:"resumed"`
}

// Reset reports that a cursor could not be served: the entries between it and After are
// not delivered.
type Reset struct {
	Reason string `json:"reason"` // "expired", "ahead" or "epoch"
	First  int64  `json:"first_id"`
	Last   int64  `json:"last_id"`
	Epoch  string `json:"epoch"` // the store's, if the transport reports it here
}

// After is the cursor from which reading continues.
func (r *Reset) After() int64 {
	return (&parley.Reset{Reason: r.Reason, First: r.First, Last: r.Last}).After()
}

// Position says where in a channel to start. Its JSON is what the TypeScript client
// calls position: {"after":42,"epoch":"k3v9x2ab"}. Save it, and pass it to resume
// there.
type Position struct {
	After *int64 `json:"after,omitempty"` // the last id that was seen; 0: from the first that is kept; nil: from now on
	Epoch string `json:"epoch,omitempty"` // of the store, as in a welcome; empty: any
}

// At is the position after entry id in any epoch; 0: from the first that is kept.
func At(id int64) Position { return Position{After: &id} }

// parseEvent parses a frame. name is the SSE event's name, used if the JSON does not
// contain its type.
func parseEvent(raw []byte, name string) (Event, error) {
	var head struct {
		Type    string          `json:"type"`
		Event   string          `json:"event"`
		ID      int64           `json:"id"`
		Of      int64           `json:"of"`
		Message json.RawMessage `json:"message"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return Event{}, &protocolError{fmt.Sprintf("a frame is not a JSON object: %v", err)}
	}
	e := Event{Type: head.Type, Raw: raw}
	if e.Type == "" {
		e.Type = name
	}
	var err error
	switch e.Type {
	case "message":
		e.ID, e.Message = head.ID, new(Message)
		err = json.Unmarshal(raw, e.Message)
	case "message-changed":
		e.ID, e.Of, e.Message = head.ID, head.Of, new(Message)
		if head.Message != nil {
			err = json.Unmarshal(head.Message, e.Message)
		}
	case "event":
		var sent struct {
			Person
			Data json.RawMessage `json:"data"`
		}
		err = json.Unmarshal(raw, &sent)
		e.Name, e.Data, e.Person = head.Event, sent.Data, &sent.Person
	case "user-joined", "user-left", "typing", "read":
		e.Person = new(Person)
		err = json.Unmarshal(raw, e.Person)
	case "presence":
		e.Moves = new(Moves)
		err = json.Unmarshal(raw, e.Moves)
	case "unread":
		e.Unread = new(Unread)
		err = json.Unmarshal(raw, e.Unread)
	case "member-added", "member-removed":
		err = json.Unmarshal(raw, &struct {
			Channel *string `json:"channel"`
		}{&e.Channel})
	case "welcome":
		e.Welcome = new(Welcome)
		err = json.Unmarshal(raw, e.Welcome)
	case "reset":
		e.Reset = new(Reset)
		err = json.Unmarshal(raw, e.Reset)
	case "ack":
		e.Ack = new(Ack)
		err = json.Unmarshal(raw, e.Ack)
	case "error", "draining":
		var p problem
		err = json.Unmarshal(raw, &p)
		e.Err = p.error(0)
	}
	if err != nil {
		return Event{}, &protocolError{fmt.Sprintf("a frame of type %s: %v", e.Type, err)}
	}
	return e, nil
}
