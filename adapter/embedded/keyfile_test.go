package embedded_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/parleytest"
)

func TestKeys(t *testing.T) {
	parleytest.RunKeys(t, func(t *testing.T) []parley.Keys {
		k := embedded.OpenKeys(filepath.Join(t.TempDir(), "data"))
		return []parley.Keys{k, k, k}
	})
}

func TestKeyFileIsPrivateAndFullyChecked(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	keys := embedded.OpenKeys(dir)
	if created, err := keys.PutKey(t.Context(), parley.Key{Name: "billing", Created: 1_774_684_800_000_000}); err != nil || !created {
		t.Fatal(created, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	// As parley wrote it before the contract for keys existed.
	older := fmt.Sprintf(`[{"name": "b", "sha256": "%064x", "made": "2026-03-28T08:00:00Z"}]`, 255)
	if err := os.WriteFile(path, []byte(older), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := keys.ListKeys(t.Context()); err != nil || len(all) != 1 || all[0].Hash[31] != 255 ||
		all[0].Created != 1_774_684_800_000_000 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, text := range []string{"{", `[{"name":"x","sha256":"00"}]`, `[{"name":"x","sha256":"zz"}]`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.ListKeys(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := keys.PutKey(t.Context(), parley.Key{Name: "y"}); err == nil {
			t.Errorf("%s was written over", text)
		}
	}
}
