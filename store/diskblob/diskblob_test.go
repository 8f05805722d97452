package diskblob

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

func TestAFileIsKeptUntilItIsDeleted(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pictures")
	disk, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	for kind, blobs := range map[string]store.Blobs{"disk": disk, "memory": &memory.Blobs{}} {
		ctx := t.Context()
		if _, err := blobs.Blob(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: a file that is not there: %v", kind, err)
		}
		for _, text := range []string{"one", "another, longer", ""} {
			if err := blobs.PutBlob(ctx, "a", []byte(text)); err != nil {
				t.Fatal(err)
			}
			if data, err := blobs.Blob(ctx, "a"); err != nil || string(data) != text {
				t.Errorf("%s: read %q, %v", kind, data, err)
			}
		}
		for range 2 {
			if err := blobs.DeleteBlob(ctx, "a"); err != nil {
				t.Error(err)
			}
		}
		if _, err := blobs.Blob(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: a deleted file: %v", kind, err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestNoKeyLeadsOutOfTheFolder(t *testing.T) {
	outer := t.TempDir()
	if err := os.WriteFile(filepath.Join(outer, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	disk, err := Open(filepath.Join(outer, "pictures"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	for _, key := range []string{"../secret", "..", ".", "", "/etc/passwd", "a/b", `a\b`, "a\x00", "a.new"} {
		if _, err := disk.Blob(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", key, err)
		}
		if err := disk.PutBlob(t.Context(), key, []byte("x")); err == nil {
			t.Errorf("%q was written", key)
		}
		if err := disk.DeleteBlob(t.Context(), key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := os.Stat(filepath.Join(outer, "secret")); err != nil {
		t.Error(err)
	}
}
