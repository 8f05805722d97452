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

// Sweeps are the options of a Sweeper. All fields are required.
type Sweeps struct {
	// Store is swept, for all tenants. The lease belongs to Tenant.
	Store  SweptStore
	Tenant string
	// Holder names this process in the lease.
	Holder string
	Now    func() time.Time
	Logger *slog.Logger
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
	for !s.worker.IsStopping() {
		removed, err := s.Store.Sweep(ctx, now, sweepBatch)
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
