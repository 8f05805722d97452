package store

import (
	"context"
	"time"
)

// Counter bounds how often something may happen within a window of time that
// starts with the first time it does.
type Counter struct {
	Tenant, Key string
	Limit       int
	Window      time.Duration
}

// Counted is the outcome of Hit.
type Counted struct {
	// OK says that every counter had room and was raised.
	OK bool
	// Full is the index of the first counter without room when OK is false,
	// and ResetAt is when its window ends.
	Full    int
	ResetAt time.Time
}

// Counters keeps failure budgets and rate limits. It can be another store than
// the rest.
type Counters interface {
	// Hit raises all the counters by one, or, if any of them has reached its
	// limit in a window that has not ended at now, none. A window that has
	// ended starts anew. Of any number of racers no more than Limit get OK; a
	// Limit of zero lets nobody through. A key may stand in one call only once.
	Hit(ctx context.Context, now time.Time, counters ...Counter) (Counted, error)
	// Unhit takes back one hit of each counter with these keys: what was counted
	// before it was known to be no failure. Nothing falls below zero, no window
	// changes, and an absent counter is passed over.
	Unhit(ctx context.Context, tenant string, keys ...string) error
	// ClearCounters forgets the counters with these keys.
	ClearCounters(ctx context.Context, tenant string, keys ...string) error
}
