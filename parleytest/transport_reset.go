package parleytest

import "testing"

// transportTrimmed uses one channel for all tests of a trimmed history, since a server
// may take seconds to trim.
func transportTrimmed(t *testing.T, w *target) {
	w.post(t, 1, 60)
	first := w.retain(t, 5, 60)
	t.Run("from 0 it begins with what is kept", func(t *testing.T) {
		w.dial(t, 0, "").want(first, 60)
	})
	t.Run("a cursor within what is kept is served", func(t *testing.T) {
		for _, after := range []int64{first - 1, first, 59} {
			s := w.dial(t, after, "")
			s.want(after+1, 60)
			s.Close()
		}
	})
	t.Run("a cursor just before it is reset", func(t *testing.T) {
		s := w.dial(t, first-2, "")
		s.wantReset("expired", first, 60)
		s.want(first, 60)
	})
	t.Run("a reset cursor resumes", func(t *testing.T) {
		s := w.dial(t, 2, "")
		s.wantReset("expired", first, 60)
		s.want(first, first)
		s.Close()
		w.dial(t, first, "").want(first+1, 60)
	})
	t.Run("a reset stream goes on live", func(t *testing.T) {
		s := w.dial(t, 1, "")
		if s.welcome.Resumed {
			t.Errorf("welcome is %+v, and nothing was resumed", s.welcome)
		}
		s.wantReset("expired", first, 60)
		s.want(first, 60)
		w.post(t, 61, 2)
		s.want(61, 62)
	})
}

func resetAhead(t *testing.T, w *target) {
	w.post(t, 1, 5)
	s := w.dial(t, 6, "")
	s.wantReset("ahead", 1, 5)
	w.post(t, 6, 2)
	s.want(6, 7)
}

func resetAheadEmpty(t *testing.T, w *target) {
	s := w.dial(t, 3, "")
	s.wantReset("ahead", 1, 0)
	w.post(t, 1, 2)
	s.want(1, 2)
}

func resetEpoch(t *testing.T, w *target) {
	w.post(t, 1, 5)
	s := w.dial(t, 3, "another")
	s.wantReset("epoch", 1, 5)
	w.post(t, 6, 2)
	s.want(6, 7)
}

func resetSameEpoch(t *testing.T, w *target) {
	w.post(t, 1, 5)
	epoch := w.dial(t, 0, "").welcome.Epoch
	s := w.dial(t, 3, epoch)
	if s.welcome.Epoch != epoch {
		t.Errorf("the epoch is %q and %q", epoch, s.welcome.Epoch)
	}
	s.want(4, 5)
	w.post(t, 6, 1)
	s.want(6, 6)
}
