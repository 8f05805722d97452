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

	// Seq is the place of the event in the chain of the tenant, from 1 on. Zero
	// means that the event is not chained yet.
	Seq int64
	// Seal proves where the event is from: before it is chained, that it was
	// appended by somebody with the secret, and afterwards its link to the event
	// before. The caller makes Seal. "" if there is none.
	Seal string
	// ClientSalt and DataSalt are the salts with which the link holds the client
	// (IPAddress, UserAgent and RequestID) and Data. PurgeUser removes a salt
	// together with what it covers.
	ClientSalt, DataSalt string
}

// EventLink is what ChainEvents writes of one event.
type EventLink struct {
	ID                         string
	Seq                        int64
	Seal, ClientSalt, DataSalt string
}

// EventQuery selects events.
type EventQuery struct {
	Tenant string
	// ActorID, SubjectID and Kind limit the selection when given.
	ActorID, SubjectID, Kind string
	// After selects the events whose id sorts after it, Before those whose id
	// sorts before it; "" is no bound.
	After, Before string
	// Newest lists the event with the greatest id first.
	Newest bool
	// Limit is the greatest number returned, at least 1.
	Limit int
}

// Events keeps the audit log.
type Events interface {
	// AppendEvent adds an event. ErrConflict when the id exists.
	AppendEvent(ctx context.Context, e Event) error
	// ListEvents returns the selected events, ordered by id, in descending order if
	// Newest is set.
	ListEvents(ctx context.Context, q EventQuery) ([]Event, error)
	// PendingEvents returns the first events, ordered by id, that are not
	// Delivered.
	PendingEvents(ctx context.Context, tenant string, limit int) ([]Event, error)
	// DeliverEvents marks events as delivered.
	DeliverEvents(ctx context.Context, tenant string, ids []string) error
	// UnchainedEvents returns the first events, ordered by id, that have no Seq.
	UnchainedEvents(ctx context.Context, tenant string, limit int) ([]Event, error)
	// ChainEvents writes the links of events, only if an event has no Seq, and
	// returns how many it wrote. An event with an unknown id is left out, and so is
	// the salt of a client or of Data that an event does not have. It is an error to
	// give a Seq that another event of the tenant has: then nothing changes.
	ChainEvents(ctx context.Context, tenant string, links []EventLink) (int, error)
	// ChainedEvents returns the first events whose Seq is greater than after,
	// ordered by Seq.
	ChainedEvents(ctx context.Context, tenant string, after int64, limit int) ([]Event, error)
	// DeleteChainedEvents deletes at most limit events that have a Seq of at most
	// last, in the order of Seq, and returns how many it deleted.
	DeleteChainedEvents(ctx context.Context, tenant string, last int64, limit int) (int, error)
}
