package load

import (
	"fmt"
	"testing"
	"time"
)

// history returns a log of n entries by two publishers, all acknowledged, and a view of the whole log.
func history(n int) ([]Entry, *Ledger, *View) {
	l, v := NewLedger(), &View{Name: "r"}
	v.Begin(0)
	var log []Entry
	for i := range n {
		s := Stamp{fmt.Sprint("p", i%2), int64(i/2 + 1)}
		l.Sent(s)
		l.Acked(s, int64(i+1))
		log = append(log, Entry{int64(i + 1), s})
		v.See(log[i])
	}
	return log, l, v
}

func TestVerifyPassesACorrectHistory(t *testing.T) {
	log, l, v := history(10)
	l.Sent(Stamp{"p0", 6}) // not known whether it was stored
	late := &View{Name: "late"}
	late.Begin(4)
	for _, e := range log[4:] {
		late.See(e)
	}
	told := &View{Name: "told of a gap"}
	told.Begin(0)
	told.See(log[0])
	told.Reset(7)
	for _, e := range log[7:] {
		told.See(e)
	}
	r := Verify(log, l, v, late, told)
	if !r.OK() || r.Sent != 11 || r.Acknowledged != 10 || r.Stored != 10 || r.Received != 20 || len(r.Findings) > 0 {
		t.Fatal(r)
	}
	if r := Verify(log[5:], l, v, late, told); !r.OK() {
		t.Fatal("with a trimmed log:", r)
	}
}

func TestVerifyDetectsEachFault(t *testing.T) {
	swap := func(log []Entry, i, j int) { log[i].Stamp, log[j].Stamp = log[j].Stamp, log[i].Stamp }
	for name, c := range map[string]struct {
		break_ func(log []Entry, l *Ledger, v *View) []Entry
		want   Report
	}{
		"acknowledged, not stored": {func(log []Entry, l *Ledger, v *View) []Entry {
			l.Sent(Stamp{"p9", 1})
			l.Acked(Stamp{"p9", 1}, 11)
			return log
		}, Report{Lost: 1}},
		"the log lost its end": {func(log []Entry, l *Ledger, v *View) []Entry { return log[:9] },
			Report{Lost: 1, Altered: 1}},
		"stored twice": {func(log []Entry, l *Ledger, v *View) []Entry {
			e := Entry{11, log[0].Stamp}
			v.See(e)
			return append(log, e)
		}, Report{Repeated: 1, Altered: 1}},
		"acknowledged twice, differently": {func(log []Entry, l *Ledger, v *View) []Entry {
			l.Acked(log[3].Stamp, 77)
			return log
		}, Report{Altered: 2}},
		"a hole in the ids": {func(log []Entry, l *Ledger, v *View) []Entry {
			log[9].ID = 11
			return log
		}, Report{OutOfOrder: 1, Altered: 2}},
		"a publisher's order": {func(log []Entry, l *Ledger, v *View) []Entry {
			swap(log, 0, 2)
			return log
		}, Report{OutOfOrder: 1, Altered: 3}},
		"never sent": {func(log []Entry, l *Ledger, v *View) []Entry {
			e := Entry{11, Stamp{"x", 1}}
			v.See(e)
			return append(log, e)
		}, Report{Altered: 1}},
		"a reader saw one again": {func(log []Entry, l *Ledger, v *View) []Entry {
			v.See(log[4])
			return log
		}, Report{Repeated: 1}},
		"a reader missed one": {func(log []Entry, l *Ledger, v *View) []Entry {
			l.Sent(Stamp{"p0", 6})
			l.Sent(Stamp{"p1", 6})
			log = append(log, Entry{11, Stamp{"p0", 6}}, Entry{12, Stamp{"p1", 6}})
			v.See(log[11])
			return log
		}, Report{Lost: 1}},
		"a reader saw one late": {func(log []Entry, l *Ledger, v *View) []Entry {
			l.Sent(Stamp{"p0", 6})
			l.Sent(Stamp{"p1", 6})
			log = append(log, Entry{11, Stamp{"p0", 6}}, Entry{12, Stamp{"p1", 6}})
			v.See(log[11])
			v.See(log[10])
			return log
		}, Report{OutOfOrder: 1}},
		"a reader stopped": {func(log []Entry, l *Ledger, v *View) []Entry {
			l.Sent(Stamp{"p0", 6})
			return append(log, Entry{11, Stamp{"p0", 6}})
		}, Report{Lost: 1}},
		"a reader saw another text": {func(log []Entry, l *Ledger, v *View) []Entry {
			l.Sent(Stamp{"p0", 6})
			v.See(Entry{11, Stamp{"p0", 7}})
			return append(log, Entry{11, Stamp{"p0", 6}})
		}, Report{Altered: 1}},
	} {
		log, l, v := history(10)
		r := Verify(c.break_(log, l, v), l, v)
		if r.Lost != c.want.Lost || r.Repeated != c.want.Repeated || r.OutOfOrder != c.want.OutOfOrder || r.Altered != c.want.Altered {
			t.Errorf("%s: %s", name, r)
		}
	}
}

// Messages that a store lost with an epoch do not count as lost; those it acknowledged in the new epoch do.
func TestVerifyForgivesMessagesLostWithAnEpoch(t *testing.T) {
	_, l, v := history(10)
	v.Renew(0, time.Now())
	late := &View{Name: "late"} // started in the new epoch
	late.Begin(0)
	var log []Entry
	for i := range 4 {
		e := Entry{int64(i + 1), Stamp{"q", int64(i + 1)}}
		l.Sent(e.Stamp)
		l.Acked(e.Stamp, e.ID)
		v.See(e)
		late.See(e)
		log = append(log, e)
	}
	r := Verify(log, l, v, late)
	if !r.OK() || r.Forgotten != 10 || r.Received != 18 || r.Stored != 4 {
		t.Fatal(r, r.Forgotten)
	}
	l.Sent(Stamp{"q", 5})
	l.Acked(Stamp{"q", 5}, 5)
	if r := Verify(log, l, v, late); r.Lost != 1 {
		t.Error("lost in the new epoch:", r)
	}
	nobody := &View{Name: "began after the loss"}
	nobody.Begin(0)
	gone := NewLedger()
	gone.Sent(Stamp{"q", 1})
	gone.Acked(Stamp{"q", 1}, 1)
	if r := verify(nil, gone, time.Now(), []*View{nobody}); !r.OK() || r.Forgotten != 1 {
		t.Error("no reader of this channel learned of the epoch:", r)
	}
	v.Renew(0, time.Now()) // another epoch, with a hole
	v.See(log[0])
	v.See(log[2])
	v.Renew(0, time.Now())
	for _, e := range log {
		v.See(e)
	}
	if r := Verify(log, l, v, late); r.Lost != 1 || r.OK() {
		t.Error("a hole in an earlier epoch:", r)
	}
}

func TestReaderThatNeverStartedLostEverything(t *testing.T) {
	log, l, _ := history(3)
	if r := Verify(log, l, &View{Name: "r"}); r.OK() {
		t.Fatal(r)
	}
}
