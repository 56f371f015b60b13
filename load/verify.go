package load

import (
	"fmt"
	"strings"
	"time"
)

// Report is what became of the messages of one channel.
type Report struct {
	Sent         int      `json:"sent"` // messages that publishers tried to store
	Acknowledged int      `json:"acknowledged"`
	Stored       int      `json:"stored"`       // entries in the log
	Received     int      `json:"received"`     // entries seen, by all readers together
	Lost         int      `json:"lost"`         // acknowledged and not in the log, or in the log and not seen by a reader
	Repeated     int      `json:"repeated"`     // stored or received more than once
	OutOfOrder   int      `json:"out_of_order"` // a publisher's messages in another order than sent, or ids that do not rise
	Altered      int      `json:"altered"`      // stored under another id than acknowledged, received otherwise than stored, or never sent
	Shown        int      `json:"shown"`        // deleted texts that were served; for Run to fill in
	Forgotten    int      `json:"forgotten"`    // acknowledged before the store began an epoch, and gone with the old one
	Resets       int      `json:"resets"`       // gaps that the server reported; for Run to fill in
	Failures     int      `json:"failures"`     // publishers and readers that gave up; for Run to fill in
	Findings     []string `json:"findings,omitempty"`
}

// Add takes over what another report found.
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

// maxFindings is how many a report tells in words; it counts all.
const maxFindings = 20

func (r *Report) found(n *int, format string, args ...any) {
	*n++
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
	}
}

// OK reports whether nothing was lost, repeated, out of order or altered, no deleted text was served, and nobody
// gave up.
func (r *Report) OK() bool {
	return r.Lost+r.Repeated+r.OutOfOrder+r.Altered+r.Shown+r.Failures == 0
}

func (r *Report) String() string {
	s := fmt.Sprintf("sent %d, acknowledged %d, stored %d, received %d; lost %d, repeated %d, out of order %d, altered %d, "+
		"deleted text shown %d",
		r.Sent, r.Acknowledged, r.Stored, r.Received, r.Lost, r.Repeated, r.OutOfOrder, r.Altered, r.Shown)
	return strings.Join(append([]string{s}, r.Findings...), "\n  ")
}

// Verify compares the log, as it was read at the end, with what publishers know
// and what each reader saw. Readers must have been given the time to reach the
// log's end. What retention took from the log's beginning is not looked at. If the store began an epoch, the log is that of
// the newest one: what was acknowledged before the first reader was told of it may be gone, and of what readers saw before it
// only that it had no holes and no repetitions is known.
func Verify(log []Entry, l *Ledger, views ...*View) *Report {
	return verify(log, l, renewed(views), views)
}

// verify is Verify of one channel of several: another's reader may have learned of the newest epoch.
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

// checkLog looks at the log by itself: dense ids, each stamp once, each
// publisher's in order. prefix[i] is the sum of the first i entries.
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

// checkAcks looks for each acknowledged message under its id. What was acknowledged before an epoch began may be gone.
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

// checkView holds a reader's view against the log.
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
