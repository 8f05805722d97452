// Package chain links the events of the audit log, so that a change, a removal or
// a forgery can be found afterwards.
//
// An event is appended with a proof of origin: a MAC under a secret of the
// operator. A worker later gives the events a sequence number, in the order in
// which it finds them, and links each to the one before with a MAC under the key
// of the chain. Requests never wait for the worker. A lease lets one process at a
// time do the work, and a version check on the head of the chain makes a fork
// impossible if a lease is lost.
//
// The link holds the client and the erasable data of an event as salted hashes. A
// purge removes them together with their salt, and the link stays valid.
package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/worker"
	"github.com/admit-go/admit/store"
)

const (
	lease = 30 * time.Second
	batch = 500
	// poll is how often a process looks for events that are not linked yet.
	poll = 2 * time.Second
	// checkpointEvery is how often a checkpoint is given out, if there are new
	// events.
	checkpointEvery = time.Hour
	leaseName       = "audit"
)

// ErrBroken means that the key or the head of the chain is missing, or is not the
// one that the chain was made with. The worker then stops, because a new chain
// would hide the loss.
var ErrBroken = errors.New("the chain of the audit log is broken")

// Options are the options of a Chain. OnCheckpoint, Count and Retention may be
// zero.
type Options struct {
	// Store keeps the events, the key and the head, under Tenant.
	Store  store.Store
	Tenant string
	// Holder names this process in the lease.
	Holder string
	Ring   *sealed.Ring
	IDs    *uuid.Source
	Now    func() time.Time
	Logger *slog.Logger
	// Erasable says whether a purge removes the data of events of a kind. Purged is
	// the kind of the event of a purge.
	Erasable func(kind string) bool
	Purged   string
	// Retention is how long events are kept. Zero is for ever. Events that are not
	// linked or not delivered are kept longer.
	Retention time.Duration
	// OnCheckpoint gets a checkpoint every hour, if there are new events. If it
	// fails, it gets a newer one within the next minutes.
	OnCheckpoint func(ctx context.Context, checkpoint string) error
	// Count is called with the events of each batch inside the transaction that
	// links them, so each event is counted once.
	Count func(ctx context.Context, tx store.Store, events []store.Event) error
}

// Chain links events.
type Chain struct {
	Options
	worker *worker.Worker
	keys   keeper
}

// New returns a chain. Its worker is not started.
func New(options Options) *Chain {
	c := &Chain{Options: options}
	c.worker = worker.New("the worker of the audit log", func(ctx context.Context) time.Duration {
		if err := c.Advance(ctx, c.worker.IsStopping); err != nil {
			c.tell(ctx, err)
		}
		return poll
	})
	return c
}

func (c *Chain) tell(ctx context.Context, err error) {
	if errors.Is(err, ErrBroken) {
		c.Logger.ErrorContext(ctx, "the audit log is not linked any more", "error", err)
		return
	}
	c.Logger.WarnContext(ctx, "events are linked later", "error", err)
}

// WakeOnce starts the worker if it is not started.
func (c *Chain) WakeOnce() { c.worker.WakeOnce() }

// Close stops the worker and links the events that wait, as long as ctx allows. It
// does nothing if the worker never ran.
func (c *Chain) Close(ctx context.Context) error {
	ran, err := c.worker.Close(ctx)
	if err != nil || !ran {
		return err
	}
	return c.Advance(ctx, func() bool { return ctx.Err() != nil })
}

// Advance links the events that wait, until none is left or stop returns true, and
// gives out a checkpoint that is due. It does nothing while another process does
// the work.
func (c *Chain) Advance(ctx context.Context, stop func() bool) error {
	for !stop() {
		waiting, err := c.Store.UnchainedEvents(ctx, c.Tenant, 1)
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			break
		}
		held, err := c.lease(ctx)
		if err != nil || !held {
			return err
		}
		more, err := c.link(ctx)
		if err != nil || !more {
			return err
		}
	}
	return c.checkpoint(ctx)
}

// lease takes the lease of the worker, or keeps it.
func (c *Chain) lease(ctx context.Context) (bool, error) {
	now := c.Now().UTC().Truncate(time.Microsecond)
	return c.Store.AcquireLease(ctx, c.Tenant, leaseName, c.Holder, now, now.Add(lease))
}

// errLost says that another process has moved the head.
var errLost = errors.New("another process has linked events")

// link links one batch. It returns false if another process was faster.
func (c *Chain) link(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lease/2)
	defer cancel()
	err = c.Store.Tx(ctx, func(ctx context.Context, tx store.Store) error {
		h, err := c.open(ctx, tx)
		if err != nil {
			return err
		}
		events, err := tx.UnchainedEvents(ctx, c.Tenant, batch)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return errLost
		}
		links := make([]store.EventLink, len(events))
		for i := range events {
			links[i] = c.next(&h, &events[i])
		}
		n, err := tx.ChainEvents(ctx, c.Tenant, links)
		if err != nil {
			return err
		}
		if n != len(links) {
			return errLost
		}
		if c.Count != nil {
			if err := c.Count(ctx, tx, events); err != nil {
				return err
			}
		}
		return c.save(ctx, tx, &h)
	})
	if errors.Is(err, errLost) {
		return false, nil
	}
	return err == nil, err
}

// next makes the link of the event after the head, and moves the head.
func (c *Chain) next(h *head, e *store.Event) store.EventLink {
	l := link{signed: c.genuine(e), prev: h.last()}
	clientSalt, dataSalt := newSalt(), newSalt()
	l.client, l.data = clientHash(clientSalt, e), dataHash(dataSalt, e)
	h.Seq++
	l.mac = l.sum(h.key, c.Tenant, h.Seq, e)
	h.MAC = l.mac[:]
	return store.EventLink{ID: e.ID, Seq: h.Seq, Seal: l.String(), ClientSalt: clientSalt, DataSalt: dataSalt}
}

// checkpoint gives out a checkpoint if the last one is an hour old and events were
// linked since.
func (c *Chain) checkpoint(ctx context.Context) error {
	now := c.Now().UTC().Truncate(time.Microsecond)
	if !c.keys.due(now) {
		return nil
	}
	// A process without the secret of the application, such as the admit command,
	// never gets the lease and cannot read the head.
	if held, err := c.lease(ctx); err != nil || !held {
		return err
	}
	h, err := c.peek(ctx)
	if err != nil || h == nil || h.Seq <= h.ToldSeq || now.Sub(h.ToldAt) < checkpointEvery {
		return err
	}
	text := Checkpoint{h.Seq, h.last()}.String()
	c.Logger.InfoContext(ctx, "checkpoint of the audit log", "checkpoint", text)
	if err := c.give(ctx, text); err != nil {
		return err
	}
	h.ToldSeq, h.ToldAt = h.Seq, now
	err = c.Store.Tx(ctx, func(ctx context.Context, tx store.Store) error { return c.save(ctx, tx, h) })
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}

func (c *Chain) give(ctx context.Context, text string) (err error) {
	if c.OnCheckpoint == nil {
		return nil
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("OnCheckpoint panicked: %v", cause)
		}
	}()
	return c.OnCheckpoint(ctx, text)
}

// Expire deletes the linked events that are older than the retention, from the
// start of the chain up to the first event that is not: younger, or not delivered.
// The head keeps the last link that was deleted, and the chain is verified from
// there.
func (c *Chain) Expire(ctx context.Context, stop func() bool) error {
	if c.Retention == 0 {
		return nil
	}
	if err := c.Advance(ctx, stop); err != nil {
		return err
	}
	for lost := 0; !stop(); {
		n, err := c.expire(ctx)
		if errors.Is(err, errLost) && lost < 10 {
			lost++
			continue
		}
		if err != nil || n < batch {
			return err
		}
	}
	return nil
}

// expire deletes one batch and returns how many events it deleted.
func (c *Chain) expire(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lease/2)
	defer cancel()
	kept := uuid.First(c.Now().Add(-c.Retention))
	err = c.Store.Tx(ctx, func(ctx context.Context, tx store.Store) error {
		n = 0
		h, err := c.read(ctx, tx)
		if err != nil || h == nil {
			return err
		}
		events, err := tx.ChainedEvents(ctx, c.Tenant, h.CutSeq, batch)
		if err != nil {
			return err
		}
		for i := range events {
			l, err := parseLink(events[i].Seal)
			if err != nil || !events[i].Delivered || events[i].ID >= kept {
				break // what cannot be read stays, to be found by Verify
			}
			h.CutSeq, h.CutMAC = events[i].Seq, l.mac[:]
			n++
		}
		if n == 0 {
			return nil
		}
		if _, err := tx.DeleteChainedEvents(ctx, c.Tenant, h.CutSeq, n); err != nil {
			return err
		}
		return c.save(ctx, tx, h)
	})
	return n, err
}
