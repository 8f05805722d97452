package store

import (
	"context"
	"time"
)

// Counter bounds how often something may happen within a window of time. The
// window starts with the first time that it happens.
type Counter struct {
	Tenant, Key string
	Limit       int
	Window      time.Duration
}

// Counted is the outcome of Hit.
type Counted struct {
	// OK says that every counter was below its limit and was raised.
	OK bool
	// Full is the index of the first counter that has reached its limit, if OK
	// is false. ResetAt is the end of its window.
	Full    int
	ResetAt time.Time
}

// Counters keeps failure budgets and rate limits. They may be in another store
// than the other records.
type Counters interface {
	// Hit raises all counters by one. If a counter has reached its limit in a
	// window that has not ended at now, Hit raises none. A window that has
	// ended starts again. Of many concurrent calls at most Limit get OK. A
	// Limit of zero lets nobody through. A key may occur only once in a call.
	Hit(ctx context.Context, now time.Time, counters ...Counter) (Counted, error)
	// Unhit lowers each counter with these keys by one, to undo a hit that was
	// not a failure. A counter does not fall below zero, its window does not
	// change, and a missing counter is ignored.
	Unhit(ctx context.Context, tenant string, keys ...string) error
	// ClearCounters deletes the counters with these keys.
	ClearCounters(ctx context.Context, tenant string, keys ...string) error
}
