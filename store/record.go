package store

import (
	"context"
	"time"
)

// Record is something that a feature keeps and that needs no verbs of its own.
// It is found by its id, by a key or by a ref. It is changed only by a caller
// that has read its latest version. The feature encodes Data.
type Record struct {
	Tenant string
	// Kind is what the record is, such as "identity". ID is unique within tenant
	// and kind.
	Kind, ID string
	// Keys find the record. A key belongs to one record of the tenant and kind:
	// "google/1234" is the identity of one person.
	Keys []string
	// Refs list the record: "user/<id>" lists all records of an account, of
	// every kind.
	//
	// Keys and Refs are sets. They come back sorted by their bytes, each text
	// once and without the empty text. An empty set comes back as nil.
	Refs []string
	// Data is JSON, or sealed by the caller.
	Data []byte
	// Version is 1 at creation, whatever was given, and grows by one with every
	// SwapRecord.
	Version              int64
	CreatedAt, UpdatedAt time.Time
	// ExpiresAt is when Sweep may delete the record. Zero means never. Until
	// Sweep deletes an expired record, all verbs treat it like any other
	// record, and it keeps its keys. The caller compares ExpiresAt with its own
	// clock.
	ExpiresAt time.Time
}

// Records keeps things that need no verbs of their own.
type Records interface {
	// CreateRecord adds a record. ErrConflict when the id exists or one of the
	// keys belongs to another record.
	CreateRecord(ctx context.Context, r Record) error
	// Record returns a record by its id. ErrNotFound when absent.
	Record(ctx context.Context, tenant, kind, id string) (Record, error)
	// RecordByKey returns the record to which the key belongs. ErrNotFound when
	// it belongs to none.
	RecordByKey(ctx context.Context, tenant, kind, key string) (Record, error)
	// ListRecords returns one page of the records of a kind that have the ref,
	// ordered by id, and their total. The ref "" lists all records of the kind.
	ListRecords(ctx context.Context, tenant, kind, ref string, page Page) ([]Record, int, error)
	// SwapRecord writes every field but Tenant, Kind, ID and CreatedAt, adds
	// one to Version and returns true, only if the record exists and its stored
	// Version is r.Version. Keys and Refs that r leaves out are free at once.
	// ErrConflict when one of the keys belongs to another record: then nothing
	// changes. The version is compared first.
	SwapRecord(ctx context.Context, r Record) (bool, error)
	// DeleteRecord removes a record, frees its keys, and reports whether this
	// call did it.
	DeleteRecord(ctx context.Context, tenant, kind, id string) (bool, error)
	// DeleteRecordsOf removes all records that have the ref, of the given kinds
	// alone or, without one, of every kind, and returns how many it removed. The
	// ref "" selects nothing.
	DeleteRecordsOf(ctx context.Context, tenant, ref string, kinds ...string) (int, error)
}
