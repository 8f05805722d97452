// Package outbox sends messages that were stored, sealed, in the transaction
// that caused them. A message is sent at least once, by one process at a time,
// and tried again with growing pauses. A message whose offer has expired is
// never sent. The package does not know the content of a message and does not
// send it itself: [Options] has functions for both.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/worker"
	"github.com/admit-go/admit/store"
)

// Purpose is the purpose of the seal. Each message is also bound to its id.
const Purpose = "outbox"

// Decoy is the kind of a message that is never sent. It replaces the message
// that a known address would have got, so that a request costs the same for
// every address.
const Decoy = "decoy"

const (
	// lease is how long a worker may work on the messages that it claimed.
	// batch is how many messages it claims. timeout is how long one message may
	// take. A whole batch takes less time than the lease.
	lease   = time.Minute
	batch   = 4
	timeout = 14 * time.Second
	// poll is how often a worker looks for messages of other processes.
	poll = 5 * time.Second
	// maxTries is the greatest number of tries. With the pauses, a message is
	// given up after about two days.
	maxTries = 24
)

var (
	// ErrNotSealed means that a message could not be sealed. This is a fault of
	// the program, not of the store.
	ErrNotSealed = errors.New("outbox: the message cannot be sealed")
	// ErrExpired means that the offer of a message has expired.
	ErrExpired = errors.New("what the message offers has expired")
	// errUnreadable means that Add did not write the stored message, or that no
	// secret opens it.
	errUnreadable = errors.New("the stored message cannot be read")
)

// Options are the settings of an outbox for messages of type M. All fields
// except Tried are required.
type Options[M any] struct {
	// Queue names the kind of messages in logs and errors: "mail" or "webhook".
	Queue string
	// Store keeps the messages, under Tenant.
	Store  store.Outbox
	Tenant string
	// Holder names this process in its claims.
	Holder string
	Ring   *sealed.Ring
	IDs    *uuid.Source
	Now    func() time.Time
	Logger *slog.Logger
	// Expires returns when a message becomes useless. The zero time means
	// never.
	Expires func(M) time.Time
	// Send renders and sends one message. Its context has a deadline. The id is
	// the same in every try. A panic counts as an error.
	Send func(ctx context.Context, id, kind string, message M) error
	// Permanent reports whether another try after an error of Send is useless.
	Permanent func(error) bool
	// NeedsOperator reports whether an error of Send stays until an operator
	// repairs something. Such an error is logged at level error.
	NeedsOperator func(error) bool
	// Tried is called after each try, but not for decoys. It must not panic.
	Tried func(ctx context.Context, t Try)
}

// Outcome is the result of a try.
type Outcome string

// The results of a try.
const (
	// Sent means that another system is now responsible for the message.
	Sent Outcome = "sent"
	// Deferred means that the message is tried again.
	Deferred Outcome = "deferred"
	// Dead means that the message was given up.
	Dead Outcome = "dead"
)

// Try is one try to send a message.
type Try struct {
	Kind    string
	Outcome Outcome
	// Tries is the number of tries, this one included.
	Tries int
	// Age is how long ago the message was queued.
	Age time.Duration
}

// Outbox queues messages, and its worker sends them. It is safe for use by many
// goroutines. Many processes may share one store.
type Outbox[M any] struct {
	Options[M]
	worker *worker.Worker
}

// New returns an outbox. Its worker is not started.
func New[M any](o Options[M]) *Outbox[M] {
	if o.Tried == nil {
		o.Tried = func(context.Context, Try) {}
	}
	made := &Outbox[M]{Options: o}
	made.worker = worker.New("the "+o.Queue+" worker", made.sendDue)
	return made
}

// Wake starts the worker, or tells a running worker that a message was
// committed.
func (o *Outbox[M]) Wake() { o.worker.Wake() }

// WakeOnce starts the worker if it is not started.
func (o *Outbox[M]) WakeOnce() { o.worker.WakeOnce() }

func (o *Outbox[M]) now() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }

// Seal makes a message ready for the outbox: it is to be stored in the
// transaction of what causes it. The worker does not see it before the commit,
// and has to be told then. Seal answers ErrNotSealed.
func (o *Outbox[M]) Seal(kind string, message M) (store.Mail, error) {
	plain, err := json.Marshal(message)
	if err != nil {
		return store.Mail{}, fmt.Errorf("%w: %w", ErrNotSealed, err)
	}
	now := o.now()
	id := o.IDs.New(now)
	box, err := o.Ring.Seal(Purpose, []byte(id), plain)
	if err != nil {
		return store.Mail{}, fmt.Errorf("%w: %w", ErrNotSealed, err)
	}
	return store.Mail{Tenant: o.Tenant, ID: id, Queue: o.Queue, Kind: kind, Sealed: box, CreatedAt: now, NextAt: now}, nil
}

// sendDue sends the messages that are due and returns how long to wait for the
// next one.
func (o *Outbox[M]) sendDue(ctx context.Context) time.Duration {
	for {
		sent, err := o.sendBatch(ctx)
		if err != nil {
			o.Logger.WarnContext(ctx, "the outbox cannot be worked", "queue", o.Queue, "error", err)
			return poll
		}
		if sent == 0 {
			break
		}
		if o.worker.IsStopping() {
			return 0
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	next, err := o.Store.NextMail(ctx, o.Tenant, o.Queue)
	if err != nil || next.IsZero() {
		return poll
	}
	return min(max(next.Sub(o.now()), 10*time.Millisecond), poll)
}

func (o *Outbox[M]) sendBatch(ctx context.Context) (int, error) {
	now := o.now()
	claim, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// Reading is cheaper than claiming, and usually nothing is due.
	next, err := o.Store.NextMail(claim, o.Tenant, o.Queue)
	if err != nil || next.IsZero() || next.After(now) {
		return 0, err
	}
	claimed, err := o.Store.ClaimMail(claim, o.Tenant, o.Queue, o.Holder, now, now.Add(lease), batch)
	if err != nil {
		return 0, err
	}
	for _, mail := range claimed {
		if err := o.sendOne(ctx, mail); err != nil {
			return 0, err
		}
	}
	return len(claimed), nil
}

// sendOne sends a message and stores the result. It fails only if the result
// could not be stored. Then the message is sent again after its lease.
func (o *Outbox[M]) sendOne(ctx context.Context, mail store.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	failed := o.deliver(ctx, mail)
	cancel()
	// Storing the result has its own time limit, because the message may have
	// used up its time.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	now := o.now()
	outcome := Sent
	var err error
	switch {
	case failed == nil:
		_, err = o.Store.RemoveMail(ctx, o.Tenant, mail.ID, o.Holder)
	case o.final(failed) || mail.Tries >= maxTries:
		outcome = Dead
		level := slog.LevelError
		if errors.Is(failed, ErrExpired) {
			level = slog.LevelWarn // nobody can repair that, and nobody needs the message any longer
		}
		o.Logger.Log(ctx, level, "a message was given up", o.Queue, mail.ID, "kind", mail.Kind, "tries", mail.Tries, "error", failed)
		_, err = o.Store.BuryMail(ctx, o.Tenant, mail.ID, o.Holder, now, reason(failed))
	default:
		outcome = Deferred
		next := now.Add(backOff(mail.Tries))
		level := slog.LevelWarn
		if o.NeedsOperator(failed) {
			level = slog.LevelError // only an operator can repair that
		}
		o.Logger.Log(ctx, level, "a message was not sent and is tried again", o.Queue, mail.ID, "kind", mail.Kind, "tries", mail.Tries, "next", next, "error", failed)
		_, err = o.Store.DeferMail(ctx, o.Tenant, mail.ID, o.Holder, next, reason(failed))
	}
	if mail.Kind != Decoy {
		o.Tried(ctx, Try{Kind: mail.Kind, Outcome: outcome, Tries: mail.Tries, Age: now.Sub(mail.CreatedAt)})
	}
	return err
}

func (o *Outbox[M]) final(err error) bool {
	return errors.Is(err, ErrExpired) || errors.Is(err, errUnreadable) || o.Permanent(err)
}

// Open returns the content of a stored message.
func (o *Outbox[M]) Open(mail store.Mail) (message M, err error) {
	plain, err := o.Ring.Open(Purpose, []byte(mail.ID), mail.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &message)
	}
	if err != nil {
		return message, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return message, nil
}

func (o *Outbox[M]) deliver(ctx context.Context, mail store.Mail) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("sending panicked: %v", cause)
		}
	}()
	message, err := o.Open(mail)
	if err != nil {
		return err
	}
	if mail.Kind == Decoy {
		return nil
	}
	if expires := o.Expires(message); !expires.IsZero() && !o.now().Before(expires) {
		return ErrExpired
	}
	return o.Send(ctx, mail.ID, mail.Kind, message)
}

// Close stops the worker and sends the messages that are due, as long as ctx
// allows. The rest stays in the store. Close does nothing if the worker never
// ran.
func (o *Outbox[M]) Close(ctx context.Context) error {
	ran, err := o.worker.Close(ctx)
	if err != nil || !ran {
		return err
	}
	for ctx.Err() == nil {
		sent, err := o.sendBatch(ctx)
		if err != nil || sent == 0 {
			return err
		}
	}
	return ctx.Err()
}
