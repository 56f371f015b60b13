package redis

import "testing"

// The slots are those that CLUSTER KEYSLOT answers.
func TestSlot(t *testing.T) {
	for key, want := range map[string]uint16{"": 0, "foo": 12182, "{foo}bar": 12182, "123456789": 12739, "a{foo}{bar}": 12182} {
		if got := slot(key); got != want {
			t.Errorf("%q is in slot %d, want %d", key, got, want)
		}
	}
}
