package load

import (
	"fmt"
	"strings"
	"time"
)

// Report says what became of the messages of one channel.
type Report struct {
	Sent         int      `json:"sent"` // messages that publishers tried to store
	Acknowledged int      `json:"acknowledged"`
	Stored       int      `json:"stored"`       // entries in the log
	Received     int      `json:"received"`     // entries seen by all readers together
	Lost         int      `json:"lost"`         // acknowledged but not in the log, or in the log but not seen by a reader
	Repeated     int      `json:"repeated"`     // stored or received more than once
	OutOfOrder   int      `json:"out_of_order"` // a publisher's messages not in the order sent, or ids that do not increase
	Altered      int      `json:"altered"`      // stored under another id than acknowledged, received other than stored, or never sent
	Shown        int      `json:"shown"`        // deleted texts that were served; set by Run
	Forgotten    int      `json:"forgotten"`    // acknowledged before the store started an epoch, and lost with the old one
	Resets       int      `json:"resets"`       // gaps that the server reported; set by Run
	Failures     int      `json:"failures"`     // publishers and readers that gave up; set by Run
	Findings     []string `json:"findings,omitempty"`
}

// Add adds the findings of another report.
func (r *Report) Add(o *Report) {
	r.Sent += o.Sent
	r.Acknowledged += o.Acknowledged
	r.Stored += o.Stored
	r.Received += o.Received
	r.Lost += o.Lost
	r.Repeated += o.Repeated
	r.OutOfOrder += o.OutOfOrder
	r.Altered += o.Altered
	r.Shown += o.Shown
	r.Forgotten += o.Forgotten
	r.Resets += o.Resets
	r.Failures += o.Failures
	r.Findings = append(r.Findings, o.Findings[:min(len(o.Findings), max(0, maxFindings-len(r.Findings)))]...)
}

// maxFindings is how many findings a report describes in words; it counts all.
const maxFindings = 20

func (r *Report) found(n *int, format string, args ...any) {
	*n++
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
	}
}

// OK reports whether nothing was lost, repeated, out of order or altered, no deleted text was served, and no
// publisher or reader gave up.
func (r *Report) OK() bool {
	return r.Lost+r.Repeated+r.OutOfOrder+r.Altered+r.Shown+r.Failures == 0
}

func (r *Report) String() string {
	s := fmt.Sprintf("sent %d, acknowledged %d, stored %d, received %d; lost %d, repeated %d, out of order %d, altered %d, "+
		"deleted text shown %d",
		r.Sent, r.Acknowledged, r.Stored, r.Received, r.Lost, r.Repeated, r.OutOfOrder, r.Altered, r.Shown)
	return strings.Join(append([]string{s}, r.Findings...), "\n  ")
}

// Verify compares the log, as read at the end, with what publishers know and what each reader saw. Readers must have had time
// to reach the log's end. Entries that retention removed from the log's beginning are not checked. If the store started an
// epoch, the log is that of the newest one: messages acknowledged before the first reader learned of it may be gone, and what
// readers saw before it is only checked for holes and repetitions.
func Verify(log []Entry, l *Ledger, views ...*View) *Report {
	return verify(log, l, renewed(views), views)
}

// verify is Verify for one of several channels: a reader of another channel may have learned of the
// newest epoch.
func verify(log []Entry, l *Ledger, renewed time.Time, views []*View) *Report {
	r := &Report{Stored: len(log)}
	first, prefix := r.checkLog(log, l)
	r.checkAcks(log, first, l, renewed)
	for _, v := range views {
		r.checkView(v, first, prefix)
	}
	return r
}

// renewed is when the first reader learned of the newest epoch; zero if there is only one.
func renewed(views []*View) (at time.Time) {
	most := 0
	for _, v := range views {
		if v.Epochs > most || v.Epochs == most && v.renewed.Before(at) {
			most, at = v.Epochs, v.renewed
		}
	}
	return at
}

// checkLog checks the log by itself: ids are dense, each stamp occurs once, each publisher's
// messages are in order. prefix[i] is the sum of the first i entries.
func (r *Report) checkLog(log []Entry, l *Ledger) (first int64, prefix []uint64) {
	first, prefix = 1, make([]uint64, 1, len(log)+1)
	if len(log) > 0 {
		first = log[0].ID
	}
	seen, newest := map[Stamp]int64{}, map[string]int64{}
	for i, e := range log {
		prefix = append(prefix, prefix[i]+sum(e))
		if want := first + int64(i); e.ID != want {
			r.found(&r.OutOfOrder, "the log has id %d where %d belongs", e.ID, want)
		}
		if other, ok := seen[e.Stamp]; ok {
			r.found(&r.Repeated, "%s is stored as %d and as %d", e.Key(), other, e.ID)
			continue
		}
		seen[e.Stamp] = e.ID
		l.mu.Lock()
		sent, excused := l.sent[e.Stamp], l.excused[e.Stamp]
		l.mu.Unlock()
		if !sent {
			r.found(&r.Altered, "entry %d (%s) was never sent", e.ID, e.Key())
		}
		if e.N < newest[e.Publisher] && !excused {
			r.found(&r.OutOfOrder, "%s is stored after %s-%d", e.Key(), e.Publisher, newest[e.Publisher])
		}
		newest[e.Publisher] = max(e.N, newest[e.Publisher])
	}
	return first, prefix
}

// checkAcks looks for each acknowledged message under its id. Messages acknowledged before an epoch began may be gone.
func (r *Report) checkAcks(log []Entry, first int64, l *Ledger, renewed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Sent, r.Acknowledged = len(l.sent), len(l.acks)
	for _, f := range l.findings {
		r.found(&r.Altered, "%s", f)
	}
	stored := make(map[Stamp]int64, len(log))
	for _, e := range log {
		stored[e.Stamp] = e.ID
	}
	for s, a := range l.acks {
		switch at, ok := stored[s]; {
		case (!ok || at != a.id) && a.at.Before(renewed):
			r.Forgotten++
		case !ok && a.id >= first:
			r.found(&r.Lost, "%s was acknowledged as %d and is not in the log", s.Key(), a.id)
		case ok && at != a.id:
			r.found(&r.Altered, "%s was acknowledged as %d and is stored as %d", s.Key(), a.id, at)
		}
	}
}

// checkView checks a reader's view against the log.
func (r *Report) checkView(v *View, first int64, prefix []uint64) {
	last := first + int64(len(prefix)-1) - 1
	if !v.Begun() {
		r.found(&r.Lost, "%s never began", v.Name)
		return
	}
	for range v.repeated {
		r.found(&r.Repeated, "%s saw an entry again", v.Name)
	}
	for range v.late {
		r.found(&r.OutOfOrder, "%s saw an entry after a later one", v.Name)
	}
	for range v.skipped {
		r.found(&r.Lost, "%s did not see an entry of an earlier epoch", v.Name)
	}
	for id := range v.missing {
		r.found(&r.Lost, "%s did not see %d", v.Name, id)
	}
	for id := v.Last() + 1; id <= last; id++ {
		r.found(&r.Lost, "%s did not see %d, after the last it saw", v.Name, id)
	}
	for i, run := range v.runs {
		r.Received += int(run.to - run.from)
		if i < v.old {
			continue
		}
		from := max(run.from, first-1)
		if run.to > last {
			r.found(&r.Altered, "%s saw %d, beyond the log's end at %d", v.Name, run.to, last)
			continue
		}
		want, holed := uint64(0), false
		if run.to > from {
			want = prefix[run.to-first+1] - prefix[from-first+1]
		}
		for id := range v.missing {
			holed = holed || id > run.from && id <= run.to
		}
		if want != run.sum && !holed && from == run.from {
			r.found(&r.Altered, "%s saw other entries between %d and %d than are stored", v.Name, run.from, run.to)
		}
	}
	r.Received -= len(v.missing) + v.skipped
}
