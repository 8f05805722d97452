package admit

import (
	"context"

	"github.com/admit-go/admit/store"
)

// Events reads the audit log.
type Events struct {
	*kernel
}

func (e *Events) feature() feature { return feature{name: "audit"} }

// ListEventsParams selects events.
type ListEventsParams struct {
	// UserID selects the events about this account, a deleted one too; "" selects
	// all.
	UserID string
	// Kind selects the events of this kind, such as "session.created"; "" selects
	// all. docs/event.md lists the kinds.
	Kind string
	// After is the Next of the list before, or the id of an event; "" starts at the
	// first event.
	After string
	// Limit is the greatest number listed, 1 to 1000. Default: 100.
	Limit int
}

// List lists events, the oldest first. ErrInvalidRequest or ErrUnavailable.
func (e *Events) List(ctx context.Context, in ListEventsParams) (Listed[Event], error) {
	limit, err := listLimit(in.Limit)
	if err != nil {
		return Listed[Event]{}, err
	}
	events, err := e.store.ListEvents(ctx, store.EventQuery{Tenant: tenant, SubjectID: in.UserID, Kind: in.Kind, After: in.After, Limit: limit + 1})
	if err != nil {
		return Listed[Event]{}, fault(err)
	}
	return listed(events, limit, eventOf, func(e Event) string { return e.ID }), nil
}
