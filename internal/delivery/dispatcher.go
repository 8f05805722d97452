// Package delivery does the periodic work of one process at a time: it delivers
// events, and it sweeps records that no rule needs any longer. A lease in the
// store decides which process does the work.
package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/admit-go/admit/internal/worker"
	"github.com/admit-go/admit/store"
)

const (
	eventLease = 30 * time.Second
	eventBatch = 100
	// eventPoll is how often a process looks for events of other processes, and
	// how long it waits after an error of the host.
	eventPoll = 2 * time.Second
)

// EventStore is the part of a store that a Dispatcher needs.
type EventStore interface {
	store.Events
	store.Leases
}

// Events are the options of a Dispatcher. All fields except Before and OnEvent are
// required.
type Events struct {
	// Store keeps the events, under Tenant.
	Store  EventStore
	Tenant string
	// Holder names this process in the lease.
	Holder string
	Now    func() time.Time
	Logger *slog.Logger
	// Before gets the pending events before OnEvent does, in order. If the call fails,
	// the same events come again. It also gets events again that OnEvent has not
	// accepted yet.
	Before func(ctx context.Context, events []store.Event) error
	// OnEvent gets one event at a time, in order. If the call fails or panics,
	// the same event comes again, and later events wait.
	OnEvent func(ctx context.Context, e store.Event) error
}

// Dispatcher passes committed events to OnEvent, in order and at least once.
type Dispatcher struct {
	Events
	worker *worker.Worker
}

// NewDispatcher returns a dispatcher. Its worker is not started.
func NewDispatcher(options Events) *Dispatcher {
	d := &Dispatcher{Events: options}
	d.worker = worker.New("the event worker", func(ctx context.Context) time.Duration {
		if err := d.deliver(ctx, d.worker.IsStopping); err != nil {
			d.Logger.WarnContext(ctx, "events are delivered again later", "error", err)
		}
		return eventPoll
	})
	return d
}

// Wake starts the worker, or tells a running worker that an event was
// committed.
func (d *Dispatcher) Wake() { d.worker.Wake() }

// deliver passes the pending events to the host, in order, until none is left,
// a call fails, or stop returns true.
func (d *Dispatcher) deliver(ctx context.Context, stop func() bool) error {
	for !stop() {
		now := d.Now().UTC().Truncate(time.Microsecond)
		held, err := d.Store.AcquireLease(ctx, d.Tenant, "events", d.Holder, now, now.Add(eventLease))
		if err != nil || !held {
			return err
		}
		pending, err := d.Store.PendingEvents(ctx, d.Tenant, eventBatch)
		if err != nil || len(pending) == 0 {
			return err
		}
		if d.Before != nil {
			if err := d.Before(ctx, pending); err != nil {
				return err
			}
		}
		done, failed := d.handOn(ctx, pending)
		if len(done) > 0 {
			if err := d.Store.DeliverEvents(ctx, d.Tenant, done); err != nil {
				return err
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// handOn passes events to the host for at most half of the lease, so that no
// other process starts with the same events.
func (d *Dispatcher) handOn(ctx context.Context, pending []store.Event) (done []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, eventLease/2)
	defer cancel()
	for _, e := range pending {
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

func (d *Dispatcher) call(ctx context.Context, e store.Event) (err error) {
	if d.OnEvent == nil {
		return nil
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("OnEvent panicked: %v", cause)
		}
	}()
	return d.OnEvent(ctx, e)
}

// Close stops the worker and delivers the pending events, as long as ctx
// allows. It does nothing if the worker never ran.
func (d *Dispatcher) Close(ctx context.Context) error {
	ran, err := d.worker.Close(ctx)
	if err != nil || !ran {
		return err
	}
	return d.deliver(ctx, func() bool { return ctx.Err() != nil })
}
