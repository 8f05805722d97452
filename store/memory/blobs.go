package memory

import (
	"bytes"
	"context"
	"sync"

	"github.com/admit-go/admit/store"
)

var _ store.Blobs = (*Blobs)(nil)

// Blobs is a store.Blobs in memory. The zero Blobs is empty and ready.
type Blobs struct {
	mu    sync.RWMutex
	files map[string][]byte
}

// PutBlob implements store.Blobs.
func (b *Blobs) PutBlob(ctx context.Context, key string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.files == nil {
		b.files = map[string][]byte{}
	}
	b.files[key] = bytes.Clone(data)
	return nil
}

// Blob implements store.Blobs.
func (b *Blobs) Blob(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	data, ok := b.files[key]
	if !ok {
		return nil, store.ErrNotFound
	}
	return bytes.Clone(data), nil
}

// DeleteBlob implements store.Blobs.
func (b *Blobs) DeleteBlob(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.files, key)
	return nil
}

// Len returns how many files there are.
func (b *Blobs) Len() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.files)
}
