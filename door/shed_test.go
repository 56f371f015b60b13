package door

import "testing"

func TestStreamsAreRefusedNearTheMemoryLimit(t *testing.T) {
	for limit, want := range map[int64]string{0: "", 1 << 20: "memory", 1 << 50: ""} {
		d := New(nil, nil, Config{MemoryLimit: limit})
		got := ""
		if e := d.Refusal(0); e != nil {
			got = e.Reason
		}
		if got != want {
			t.Errorf("with a limit of %d bytes the reason is %q, want %q", limit, got, want)
		}
	}
}
