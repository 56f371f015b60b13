package wire

import "github.com/parley-server/parley"

// Feed appends the part of an envelope that other systems read: the same as the response to a long poll with
// its entries (api.md, "Kafka"). For an envelope without entries it appends nothing.
func Feed(dst []byte, e *parley.Envelope) []byte {
	if e.Head == 0 || e.Channel.Internal() {
		return dst
	}
	dst = append(dst, `{"channel":`...)
	dst = AppendString(dst, string(e.Channel))
	dst = append(dst, `,"messages":`...)
	dst = AppendMessages(dst, e.Messages)
	dst = appendInt(dst, "last_id", e.Head)
	dst = appendText(dst, "epoch", e.Epoch)
	return append(dst, '}')
}
