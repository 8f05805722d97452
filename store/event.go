package store

import (
	"context"
	"time"
)

// Event is a fact worth keeping: one line of the audit log.
type Event struct {
	Tenant string
	// ID is a UUIDv7; events are ordered by it.
	ID string
	// Kind is a stable name such as "session.created".
	Kind string
	// ActorID did it, SubjectID is the account it was done to; "" is unknown
	// or the operator.
	ActorID, SubjectID              string
	IPAddress, UserAgent, RequestID string
	// Data is a JSON object, or nil.
	Data []byte
	At   time.Time
	// Delivered is set on an event that nobody waits for, or that was handed on.
	Delivered bool
}

// EventQuery selects events.
type EventQuery struct {
	Tenant string
	// SubjectID and Kind limit the selection when given.
	SubjectID, Kind string
	// After is the id of the last event already seen; "" starts at the first.
	After string
	// Limit is the greatest number returned, at least 1.
	Limit int
}

// Events keeps the audit log.
type Events interface {
	// AppendEvent adds an event. ErrConflict when the id exists.
	AppendEvent(ctx context.Context, e Event) error
	// ListEvents returns the selected events, ordered by id.
	ListEvents(ctx context.Context, q EventQuery) ([]Event, error)
	// PendingEvents returns the first events, ordered by id, that are not
	// Delivered.
	PendingEvents(ctx context.Context, tenant string, limit int) ([]Event, error)
	// DeliverEvents marks events as delivered.
	DeliverEvents(ctx context.Context, tenant string, ids []string) error
	// DeleteEventsBefore removes, oldest first, at most limit events that are
	// Delivered and whose id sorts before id, and returns how many went. Ids are
	// ordered by time, so that the first id of a time keeps what came after it.
	// Zero means none was left.
	DeleteEventsBefore(ctx context.Context, tenant, id string, limit int) (int, error)
}
