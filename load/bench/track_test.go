package bench

import "testing"

func TestTrackFindsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		ids  []int64
		head int64
		want Counts
		left int64
	}{
		{"nothing", []int64{1, 2, 3}, 3, Counts{Received: 3}, 0},
		{"one is skipped", []int64{1, 3}, 3, Counts{Received: 2, Lost: 1}, 0},
		{"one comes again", []int64{1, 2, 2, 3}, 3, Counts{Received: 3, Repeated: 1}, 0},
		{"two change places", []int64{1, 3, 2}, 3, Counts{Received: 3, Disordered: 1}, 0},
		{"a late one comes again", []int64{1, 3, 2, 2}, 3, Counts{Received: 3, Disordered: 1, Repeated: 1}, 0},
		{"the last ones are missing", []int64{1}, 3, Counts{Received: 1}, 2},
	} {
		var track Track
		var got Counts
		for _, id := range c.ids {
			got.add(track.See(id))
		}
		if got != c.want || track.Behind(c.head) != c.left {
			t.Errorf("%s: %+v and %d behind, not %+v and %d", c.name, got, track.Behind(c.head), c.want, c.left)
		}
		if got.OK() != (c.want.Lost+c.want.Repeated+c.want.Disordered == 0) {
			t.Errorf("%s: OK is %v", c.name, got.OK())
		}
	}
}

func TestReportIsNotOKWithAnyFault(t *testing.T) {
	for name, r := range map[string]*Report{
		"lost":           {Counts: Counts{Lost: 1}},
		"repeated":       {Counts: Counts{Repeated: 1}},
		"out of order":   {Counts: Counts{Disordered: 1}},
		"unacknowledged": {Sent: 2, Acknowledged: 1},
		"cut":            {Cut: 1},
		"told":           {Problems: []string{"x"}},
	} {
		if r.settle(); r.OK || len(r.Problems) == 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := (&Report{Sent: 1, Acknowledged: 1, Counts: Counts{Received: 1}}); true {
		if r.settle(); !r.OK {
			t.Error(r.Problems)
		}
	}
}
