package nats

import (
	"fmt"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/codec"
)

// operation is one message of the presence stream.
type operation struct {
	author string // the handle that waits for the answer
	number int64  // of the author
	kind   operationKind
	node   string
	ttl    int64 // of a beat, in microseconds
	all    bool  // of a beat
	more   bool  // the rest of the changes are in the author's next operation
	list   []parley.PresenceChange
}

type operationKind int64

const (
	beatOf operationKind = iota // a node's beat
	endOf                       // the end of a node's lease
	reaping
)

const (
	operationVersion = 1
	maxOperation     = 256 << 10 // bytes, about; a beat of more is several operations
)

// encode encodes an operation as one or more messages.
func (o *operation) encode() (messages [][]byte) {
	list := o.list
	for {
		e := codec.Encoder{B: []byte{operationVersion}}
		e.Text(1, o.author)
		e.Number(2, o.number)
		e.Number(3, int64(o.kind))
		e.Text(4, o.node)
		e.Number(5, o.ttl)
		e.Flag(6, o.all)
		for len(list) > 0 && len(e.B) < maxOperation {
			c := &list[0]
			e.Nested(8, func(in *codec.Encoder) {
				in.Text(1, string(c.User))
				in.Text(2, string(c.Channel))
				in.Flag(3, c.Here)
				in.Number(4, int64(c.Since))
				in.Number(5, int64(c.Transports))
				in.Number(6, int64(c.Seen))
				in.Flag(7, c.Hidden)
			})
			list = list[1:]
		}
		e.Flag(7, len(list) > 0)
		if messages = append(messages, e.B); len(list) == 0 {
			return messages
		}
	}
}

func decodeOperation(b []byte) (o operation, err error) {
	if len(b) == 0 || b[0] != operationVersion {
		return o, codec.ErrNewer
	}
	err = codec.Decode(string(b[1:]), func(f codec.Field) error {
		switch f.Number {
		case 1:
			o.author = f.Bytes
		case 2:
			o.number = f.N
		case 3:
			o.kind = operationKind(f.N)
		case 4:
			o.node = f.Bytes
		case 5:
			o.ttl = f.N
		case 6:
			o.all = f.N != 0
		case 7:
			o.more = f.N != 0
		case 8:
			c, err := decodeChange(f.Bytes)
			o.list = append(o.list, c)
			return err
		}
		return nil
	})
	return o, err
}

func decodeChange(s string) (c parley.PresenceChange, err error) {
	err = codec.Decode(s, func(f codec.Field) error {
		switch f.Number {
		case 1:
			c.User = parley.UserID(f.Bytes)
		case 2:
			c.Channel = parley.ChannelID(f.Bytes)
		case 3:
			c.Here = f.N != 0
		case 4:
			c.Since = parley.Timestamp(f.N)
		case 5:
			c.Transports = parley.Transports(f.N)
		case 6:
			c.Seen = parley.Timestamp(f.N)
		case 7:
			c.Hidden = f.N != 0
		}
		return nil
	})
	return c, err
}

// sign says when a user was seen.
type sign struct {
	user parley.UserID
	at   parley.Timestamp
}

func encodeSigns(signs []sign) []byte {
	e := codec.Encoder{B: []byte{operationVersion}}
	for _, s := range signs {
		e.Nested(1, func(in *codec.Encoder) {
			in.Text(1, string(s.user))
			in.Number(2, int64(s.at))
		})
	}
	return e.B
}

func decodeSigns(b []byte) (signs []sign, err error) {
	if len(b) == 0 || b[0] != operationVersion {
		return nil, codec.ErrNewer
	}
	err = codec.Decode(string(b[1:]), func(f codec.Field) error {
		var s sign
		if f.Number != 1 {
			return nil
		}
		err := codec.Decode(f.Bytes, func(in codec.Field) error {
			switch in.Number {
			case 1:
				s.user = parley.UserID(in.Bytes)
			case 2:
				s.at = parley.Timestamp(in.N)
			}
			return nil
		})
		signs = append(signs, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("last signs: %w", err)
	}
	return signs, nil
}
