package delivery

import (
	"context"
	"log/slog"
	"time"

	"github.com/admit-go/admit/internal/worker"
	"github.com/admit-go/admit/store"
)

const (
	sweepLease = 5 * time.Minute
	sweepBatch = 500
	sweepEvery = 10 * time.Minute
)

// SweptStore is the part of a store that a Sweeper needs.
type SweptStore interface {
	store.Leases
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
}

// Sweeps are the options of a Sweeper. All fields but Expire, Purge and More are required.
type Sweeps struct {
	// Store is swept, for all tenants. The lease belongs to Tenant.
	Store  SweptStore
	Tenant string
	// Holder names this process in the lease.
	Holder string
	// Expire deletes old events, until none is left or stop returns true. Nil deletes
	// none.
	Expire func(ctx context.Context, stop func() bool) error
	// Purge removes what the caller keeps for a time, a batch of it, from after on,
	// and returns where to go on, or "" at the end. Nil removes nothing.
	Purge  func(ctx context.Context, now time.Time, after string) (next string, err error)
	Now    func() time.Time
	Logger *slog.Logger
	// More sweeps what is kept elsewhere. It is called under the lease, first, and
	// its error does not stop the rest. Nil is nothing more.
	More func(ctx context.Context) error
}

// Sweeper deletes records that no rule needs any longer, every ten minutes.
type Sweeper struct {
	Sweeps
	worker *worker.Worker
}

// NewSweeper returns a sweeper. Its worker is not started.
func NewSweeper(options Sweeps) *Sweeper {
	s := &Sweeper{Sweeps: options}
	s.worker = worker.New("the sweeper", func(ctx context.Context) time.Duration {
		if err := s.sweep(ctx); err != nil {
			s.Logger.WarnContext(ctx, "the sweep goes on later", "error", err)
		}
		return sweepEvery
	})
	return s
}

// WakeOnce starts the worker if it is not started.
func (s *Sweeper) WakeOnce() { s.worker.WakeOnce() }

// sweep deletes in small batches, so that no request waits for it.
func (s *Sweeper) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepLease)
	defer cancel()
	now := s.Now().UTC().Truncate(time.Microsecond)
	held, err := s.Store.AcquireLease(ctx, s.Tenant, "sweep", s.Holder, now, now.Add(sweepLease))
	if err != nil || !held {
		return err
	}
	if s.More != nil {
		if err := s.More(ctx); err != nil {
			s.Logger.WarnContext(ctx, "a part of the sweep goes on later", "error", err)
		}
	}
	err = s.untilNone(func() (int, error) { return s.Store.Sweep(ctx, now, sweepBatch) })
	if err == nil {
		err = s.purge(ctx, now)
	}
	if err != nil || s.Expire == nil {
		return err
	}
	return s.Expire(ctx, s.worker.IsStopping)
}

// purge calls Purge until nothing is left.
func (s *Sweeper) purge(ctx context.Context, now time.Time) error {
	if s.Purge == nil {
		return nil
	}
	for after := ""; !s.worker.IsStopping(); {
		var err error
		if after, err = s.Purge(ctx, now, after); err != nil || after == "" {
			return err
		}
	}
	return nil
}

// untilNone removes batch after batch until nothing is left.
func (s *Sweeper) untilNone(remove func() (int, error)) error {
	for !s.worker.IsStopping() {
		removed, err := remove()
		if err != nil || removed == 0 {
			return err
		}
	}
	return nil
}

// Close stops the worker. A running sweep ends after its batch.
func (s *Sweeper) Close(ctx context.Context) error {
	_, err := s.worker.Close(ctx)
	return err
}
