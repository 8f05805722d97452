package admit

import (
	"context"
	"fmt"
	"time"

	"github.com/admit-go/admit/store"
)

const (
	eventLease = 30 * time.Second
	eventBatch = 100
	// eventPoll is how often events of other processes are looked for, and how
	// long a host that failed is left alone.
	eventPoll = 2 * time.Second

	sweepLease = 5 * time.Minute
	sweepBatch = 500
	sweepEvery = 10 * time.Minute
)

// dispatcher hands committed events to Config.OnEvent, one process at a time.
type dispatcher struct {
	config Config
	holder string
	worker *worker
}

func newDispatcher(config Config, holder string) *dispatcher {
	d := &dispatcher{config: config, holder: holder}
	d.worker = newWorker("the event worker", func(ctx context.Context) time.Duration {
		if err := d.deliver(ctx, d.worker.isStopping); err != nil {
			config.Logger.WarnContext(ctx, "events are delivered again later", "error", err)
		}
		return eventPoll
	})
	return d
}

// deliver hands on what is pending, in order, until nothing is left, until
// something fails, or until it is told to stop.
func (d *dispatcher) deliver(ctx context.Context, stop func() bool) error {
	for !stop() {
		now := d.config.Now().UTC().Truncate(time.Microsecond)
		held, err := d.config.Store.AcquireLease(ctx, tenant, "events", d.holder, now, now.Add(eventLease))
		if err != nil || !held {
			return err
		}
		batch, err := d.config.Store.PendingEvents(ctx, tenant, eventBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		done, failed := d.handOn(ctx, batch)
		if len(done) > 0 {
			if err := d.config.Store.DeliverEvents(ctx, tenant, done); err != nil {
				return err
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// handOn gives events to the host for as long as half the lease lasts, so that
// nobody else begins with the same ones.
func (d *dispatcher) handOn(ctx context.Context, batch []store.Event) (done []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, eventLease/2)
	defer cancel()
	for _, e := range batch {
		if ctx.Err() != nil {
			return done, nil
		}
		if err := d.call(ctx, e); err != nil {
			return done, fmt.Errorf("event %s (%s): %w", e.ID, e.Kind, err)
		}
		done = append(done, e.ID)
	}
	return done, nil
}

func (d *dispatcher) call(ctx context.Context, e store.Event) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("OnEvent panicked: %v", cause)
		}
	}()
	return d.config.OnEvent(ctx, e)
}

func (d *dispatcher) close(ctx context.Context) error {
	ran, err := d.worker.close(ctx)
	if err != nil || !ran {
		return err
	}
	return d.deliver(ctx, func() bool { return ctx.Err() != nil })
}

// sweeper removes what no rule needs any more, one process at a time.
type sweeper struct {
	config Config
	holder string
	worker *worker
}

func newSweeper(config Config, holder string) *sweeper {
	s := &sweeper{config: config, holder: holder}
	s.worker = newWorker("the sweeper", func(ctx context.Context) time.Duration {
		if err := s.sweep(ctx); err != nil {
			config.Logger.WarnContext(ctx, "the sweep goes on later", "error", err)
		}
		return sweepEvery
	})
	return s
}

// sweep works in small batches, so that no request waits for it.
func (s *sweeper) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepLease)
	defer cancel()
	now := s.config.Now().UTC().Truncate(time.Microsecond)
	held, err := s.config.Store.AcquireLease(ctx, tenant, "sweep", s.holder, now, now.Add(sweepLease))
	if err != nil || !held {
		return err
	}
	for !s.worker.isStopping() {
		removed, err := s.config.Store.Sweep(ctx, now, sweepBatch)
		if err != nil || removed == 0 {
			return err
		}
	}
	return nil
}

func (s *sweeper) close(ctx context.Context) error {
	_, err := s.worker.close(ctx)
	return err
}
