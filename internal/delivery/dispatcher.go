// Package delivery does the periodic work on what is in the store that one
// process at a time has to do: it hands events on, and it sweeps away what no
// rule needs any more. A lease in the store decides which process it is.
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
	// eventPoll is how often events of other processes are looked for, and how
	// long a host that failed is left alone.
	eventPoll = 2 * time.Second
)

// EventStore is what a Dispatcher needs of a store.
type EventStore interface {
	store.Events
	store.Leases
}

// Events are the options of a Dispatcher. All fields are mandatory.
type Events struct {
	// Store keeps the events, under Tenant.
	Store  EventStore
	Tenant string
	// Holder names this process where it takes the lease.
	Holder string
	Now    func() time.Time
	Logger *slog.Logger
	// OnEvent is given one event at a time, in order. An event whose call fails
	// or panics comes again, and the next ones wait for it.
	OnEvent func(ctx context.Context, e store.Event) error
}

// Dispatcher hands committed events to OnEvent, in order, at least once.
type Dispatcher struct {
	Events
	worker *worker.Worker
}

// NewDispatcher returns a dispatcher whose worker has not started.
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

// Wake starts the worker, or tells it that an event was committed.
func (d *Dispatcher) Wake() { d.worker.Wake() }

// deliver hands on what is pending, in order, until nothing is left, until
// something fails, or until it is told to stop.
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

// handOn gives events to the host for as long as half the lease lasts, so that
// nobody else begins with the same ones.
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
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("OnEvent panicked: %v", cause)
		}
	}()
	return d.OnEvent(ctx, e)
}

// Close stops the worker and hands on what is pending, as long as ctx allows. It
// does nothing where the worker never ran.
func (d *Dispatcher) Close(ctx context.Context) error {
	ran, err := d.worker.Close(ctx)
	if err != nil || !ran {
		return err
	}
	return d.deliver(ctx, func() bool { return ctx.Err() != nil })
}
