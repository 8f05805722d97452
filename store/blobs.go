package store

import "context"

// Blobs keeps files: the pictures of people. It is no part of Store, and no
// transaction. It may be used concurrently. Package store/memory, store/diskblob
// and store/s3blob have one each.
//
// A key is 1 to 200 letters, digits, - and _. The key of a new file is new.
type Blobs interface {
	// PutBlob keeps a file. It replaces a file with the same key, completely or not
	// at all.
	PutBlob(ctx context.Context, key string, data []byte) error
	// Blob returns a file. ErrNotFound if there is none.
	Blob(ctx context.Context, key string) ([]byte, error)
	// DeleteBlob deletes a file. It is no error if there is none.
	DeleteBlob(ctx context.Context, key string) error
}
