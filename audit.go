package admit

import (
	"context"
	"slices"
	"time"

	"github.com/admit-go/admit/internal/chain"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// Events reads the audit log, and finds out whether it is whole.
type Events struct {
	*kernel
}

func (e *Events) feature() feature {
	return feature{name: "audit", holds: holding{part: "events", list: true, export: exportEvents}}
}

// ListEventsParams selects events.
type ListEventsParams struct {
	// ActorID selects the events that this account or key has caused; "" selects
	// all.
	ActorID string
	// UserID selects the events about this account, a deleted one too; "" selects
	// all.
	UserID string
	// Kind selects the events of this kind, such as "session.created"; "" selects
	// all. docs/event.md lists the kinds.
	Kind string
	// From and Until select the events of a time, From included and Until not. Zero
	// is no bound.
	From, Until time.Time
	// Newest lists the newest event first.
	Newest bool
	// After is the Next of the list before, or the id of an event; "" starts at the
	// first event.
	After string
	// Limit is the greatest number listed, 1 to 1000. Default: 100.
	Limit int
}

// List lists events, the oldest first unless Newest is set. ErrInvalidRequest or
// ErrUnavailable.
func (e *Events) List(ctx context.Context, in ListEventsParams) (Listed[Event], error) {
	limit, err := listLimit(in.Limit)
	if err != nil {
		return Listed[Event]{}, err
	}
	q := in.query()
	q.Limit = limit + 1
	events, err := e.store.ListEvents(ctx, q)
	if err != nil {
		return Listed[Event]{}, fault(err)
	}
	return listed(events, limit, eventOf, func(e Event) string { return e.ID }), nil
}

// query makes bounds of ids from times and from the event that was listed last.
func (in *ListEventsParams) query() store.EventQuery {
	q := store.EventQuery{Tenant: tenant, ActorID: in.ActorID, SubjectID: in.UserID, Kind: in.Kind, Newest: in.Newest}
	if !in.From.IsZero() {
		// No id is the first id of a time without its last character, and none sorts
		// between the two.
		first := uuid.First(in.From)
		q.After = first[:len(first)-1]
	}
	if !in.Until.IsZero() {
		q.Before = uuid.First(in.Until)
	}
	switch {
	case in.After == "":
	case !in.Newest:
		q.After = max(q.After, in.After)
	case q.Before == "":
		q.Before = in.After
	default:
		q.Before = min(q.Before, in.After)
	}
	return q
}

// Verification is what Events.Verify has found.
type Verification struct {
	// First and Last are the sequence numbers of the first and the last event that
	// was looked at, zero if there is none.
	First, Last int64
	// Waiting is the number of events that have no sequence number yet, up to 1000.
	Waiting int
	// Unsigned is the number of events that nothing proves the origin of: those at the
	// start, which an older version of this library has recorded, and those of an
	// operator who used the admit command, which may have no secret.
	Unsigned int
	// Checkpoint is the end of the log, for a later Verify.
	Checkpoint string
	// Faults say what is wrong, 100 at most. The log is whole if there is none.
	Faults []string
}

// Verify looks for events that were changed, removed, put in another order, cut off
// or forged. A checkpoint, from Config.OnCheckpoint or an earlier Verify, starts the
// walk at its event and finds out whether the log was cut off before it; "" looks at
// every event that is kept. Nothing but a checkpoint that is kept elsewhere finds
// out that the whole database was replaced by an older copy. Verify returns
// ErrInvalidRequest for a text that is no checkpoint, or ErrUnavailable.
func (e *Events) Verify(ctx context.Context, checkpoint string) (Verification, error) {
	var from *chain.Checkpoint
	if checkpoint != "" {
		parsed, err := chain.ParseCheckpoint(checkpoint)
		if err != nil {
			return Verification{}, ErrInvalidRequest.detail("checkpoint", "is not a checkpoint of the audit log")
		}
		from = &parsed
	}
	linkEvents(e.kernel)
	report, err := e.chain.Verify(ctx, from)
	if err != nil {
		return Verification{}, fault(err)
	}
	return Verification{
		First: report.First, Last: report.Last, Waiting: report.Waiting, Unsigned: report.Unsigned,
		Checkpoint: report.Checkpoint, Faults: slices.Clone(report.Faults),
	}, nil
}
