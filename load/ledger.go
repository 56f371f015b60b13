package load

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// End is the publisher of the last message in a channel, at which a Reader stops.
const End = "end"

// Stamp identifies a message of this package: the nth of a publisher. It is sent as the message's data.
type Stamp struct {
	Publisher string `json:"p"`
	N         int64  `json:"n"` // starts at 1
}

// Key is the stamp's idempotency key.
func (s Stamp) Key() string { return fmt.Sprintf("%s-%d", s.Publisher, s.N) }

func (s Stamp) draft() client.Draft {
	return client.Draft{Text: s.Key(), Data: s, Key: s.Key()}
}

// Entry is a stamp and the id of its message in the channel.
type Entry struct {
	ID int64
	Stamp
}

// EntryOf reads a message. A message that is not of this package has a zero Stamp.
func EntryOf(m *client.Message) Entry {
	e := Entry{ID: m.ID}
	if json.Unmarshal(m.Data, &e.Stamp) != nil || m.Key != e.Key() {
		e.Stamp = Stamp{}
	}
	return e
}

// Ledger is what publishers know about one channel. Its methods may be called concurrently.
type Ledger struct {
	mu       sync.Mutex
	sent     map[Stamp]bool
	acks     map[Stamp]ack
	excused  map[Stamp]bool // temporarily refused and sent again after its successors: no order is promised
	findings []string
}

// ack is the id that a stamp got, and when it was acknowledged.
type ack struct {
	id int64
	at time.Time
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{sent: map[Stamp]bool{}, acks: map[Stamp]ack{}, excused: map[Stamp]bool{}}
}

// Len returns how many messages were sent and how many of them were acknowledged.
func (l *Ledger) Len() (sent, acknowledged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sent), len(l.acks)
}

// Sent records a message before it is sent. From now on it may be stored.
func (l *Ledger) Sent(s Stamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[s] = true
}

// Acked records an acknowledgement. Two for one stamp must name the same id.
func (l *Ledger) Acked(s Stamp, id int64) { l.AckedAt(s, id, time.Now()) }

// AckedAt records an acknowledgement that was received at the given time.
func (l *Ledger) AckedAt(s Stamp, id int64, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, ok := l.acks[s]; ok && before.id != id {
		l.findings = append(l.findings, fmt.Sprintf("%s was acknowledged as %d and as %d", s.Key(), before.id, id))
	}
	l.acks[s] = ack{id, at}
}

// Excuse records that the server refused a message while later ones were under way, so that it may
// be stored after them.
func (l *Ledger) Excuse(s Stamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.excused[s] = true
}
