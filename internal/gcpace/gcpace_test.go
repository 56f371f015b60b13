package gcpace

import "testing"

func TestThePaceFollowsTheRateWithoutSwinging(t *testing.T) {
	percent := usual
	for _, step := range []struct {
		mib  uint64 // in two seconds
		want int
	}{{100, usual}, {12, usual}, {7, small}, {12, small}, {15, small}, {17, usual}, {9, usual}, {0, small}} {
		if percent = pace(step.mib<<20, percent); percent != step.want {
			t.Fatalf("after %d MiB: %d, want %d", step.mib, percent, step.want)
		}
	}
}
