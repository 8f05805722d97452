// Package diskblob keeps the pictures of people as files in a folder.
package diskblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/admit-go/admit/store"
)

var _ store.Blobs = (*Blobs)(nil)

// Blobs is a store.Blobs in one folder, which no other program should write to.
// Each file is named after its key. Several processes may share the folder.
type Blobs struct{ root *os.Root }

// Open makes the folder, with mode 0700, if it is missing, and opens it.
func Open(folder string) (*Blobs, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("diskblob: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("diskblob: %w", err)
	}
	return &Blobs{root}, nil
}

// Close closes the folder.
func (b *Blobs) Close() error { return b.root.Close() }

// name returns the name of the file of a key. No key leads out of the folder.
func name(key string) (string, error) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if key == "" || len(key) > 200 || strings.Trim(key, allowed) != "" {
		return "", fmt.Errorf("diskblob: the key %.40q is not 1 to 200 letters, digits, - and _", key)
	}
	return key, nil
}

// PutBlob implements store.Blobs. It writes a new file and renames it, so that no
// reader sees half a file, also after a crash.
func (b *Blobs) PutBlob(ctx context.Context, key string, data []byte) error {
	file, err := name(key)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	half := file + ".new"
	if err := b.write(half, data); err != nil {
		return errors.Join(err, b.remove(half))
	}
	return b.root.Rename(half, file)
}

func (b *Blobs) write(file string, data []byte) error {
	f, err := b.root.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// Blob implements store.Blobs.
func (b *Blobs) Blob(ctx context.Context, key string) ([]byte, error) {
	file, err := name(key)
	if err != nil {
		return nil, store.ErrNotFound
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := b.root.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

// DeleteBlob implements store.Blobs.
func (b *Blobs) DeleteBlob(ctx context.Context, key string) error {
	file, err := name(key)
	if err != nil {
		return nil //nolint:nilerr // there is no file with a key that cannot be
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(b.remove(file), b.remove(file+".new"))
}

func (b *Blobs) remove(file string) error {
	if err := b.root.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
