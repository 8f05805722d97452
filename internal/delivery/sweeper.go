package delivery

import (
	"context"
	"log/slog"
	"time"

	"github.com/admit-go/admit/internal/uuid"
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
	DeleteEventsBefore(ctx context.Context, tenant, id string, limit int) (int, error)
}

// Sweeps are the options of a Sweeper. All fields are required.
type Sweeps struct {
	// Store is swept, for all tenants. The lease belongs to Tenant.
	Store  SweptStore
	Tenant string
	// Holder names this process in the lease.
	Holder string
	// EventRetention is how long events of the tenant are kept; zero is for ever.
	// Events that wait for their delivery are kept longer.
	EventRetention time.Duration
	Now            func() time.Time
	Logger         *slog.Logger
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
	err = s.untilNone(func() (int, error) { return s.Store.Sweep(ctx, now, sweepBatch) })
	if err != nil || s.EventRetention == 0 {
		return err
	}
	kept := uuid.First(now.Add(-s.EventRetention))
	return s.untilNone(func() (int, error) { return s.Store.DeleteEventsBefore(ctx, s.Tenant, kept, sweepBatch) })
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
