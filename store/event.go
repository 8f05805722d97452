package store

import (
	"context"
	"time"
)

// Event is one entry of the audit log.
type Event struct {
	Tenant string
	// ID is a UUIDv7; events are ordered by it.
	ID string
	// Kind is a stable name such as "session.created".
	Kind string
	// ActorID is the account or API key that made the change, "" for the
	// operator or if it is unknown. SubjectID is the account that was changed,
	// or "".
	ActorID, SubjectID              string
	IPAddress, UserAgent, RequestID string
	// Data is a JSON object, or nil.
	Data []byte
	At   time.Time
	// Delivered says that the event was delivered, or that nobody waits for it.
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
	// DeleteEventsBefore deletes at most limit events that are Delivered and
	// whose id sorts before id, oldest first, and returns how many it deleted.
	// Ids are ordered by time, so the first id of a time keeps all later
	// events. Zero means that none was left.
	DeleteEventsBefore(ctx context.Context, tenant, id string, limit int) (int, error)
}
