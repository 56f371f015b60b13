package load

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// End is the publisher of the last message in a channel: a Reader ends there.
const End = "end"

// Stamp tells a message of this package from any other: the nth of a publisher.
// It travels as the message's data.
type Stamp struct {
	Publisher string `json:"p"`
	N         int64  `json:"n"` // from 1
}

// Key is the stamp's idempotency key.
func (s Stamp) Key() string { return fmt.Sprintf("%s-%d", s.Publisher, s.N) }

func (s Stamp) draft() client.Draft {
	return client.Draft{Text: s.Key(), Data: s, Key: s.Key()}
}

// Entry is a stamp and the id that its message has in the channel.
type Entry struct {
	ID int64
	Stamp
}

// EntryOf reads a message; one that is not of this package has a zero Stamp.
func EntryOf(m *client.Message) Entry {
	e := Entry{ID: m.ID}
	if json.Unmarshal(m.Data, &e.Stamp) != nil || m.Key != e.Key() {
		e.Stamp = Stamp{}
	}
	return e
}

// Ledger is what publishers know of one channel. Its methods may be called by
// many goroutines.
type Ledger struct {
	mu       sync.Mutex
	sent     map[Stamp]bool
	acks     map[Stamp]ack
	excused  map[Stamp]bool // refused for a while and sent again after its successors: no order is promised
	findings []string
}

// ack is the id that a stamp was given, and when its acknowledgement came.
type ack struct {
	id int64
	at time.Time
}

// NewLedger returns an empty one.
func NewLedger() *Ledger {
	return &Ledger{sent: map[Stamp]bool{}, acks: map[Stamp]ack{}, excused: map[Stamp]bool{}}
}

// Len is how many messages were sent, and how many of them acknowledged.
func (l *Ledger) Len() (sent, acknowledged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sent), len(l.acks)
}

// Sent notes a message before it leaves. It may be stored from now on.
func (l *Ledger) Sent(s Stamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[s] = true
}

// Acked notes an acknowledgement. Two for one stamp must name the same id.
func (l *Ledger) Acked(s Stamp, id int64) { l.AckedAt(s, id, time.Now()) }

// AckedAt notes an acknowledgement that came a moment ago.
func (l *Ledger) AckedAt(s Stamp, id int64, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, ok := l.acks[s]; ok && before.id != id {
		l.findings = append(l.findings, fmt.Sprintf("%s was acknowledged as %d and as %d", s.Key(), before.id, id))
	}
	l.acks[s] = ack{id, at}
}

// Excuse notes that the server refused a message that was sent ahead of others,
// so that it may come after them.
func (l *Ledger) Excuse(s Stamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.excused[s] = true
}
