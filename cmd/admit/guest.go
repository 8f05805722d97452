package main

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// guest is the application's store as this program may use it. It runs the
// rules that an operator asks for, and none of the application's own work: it
// does not send mail, sweep or deliver events. It stores nothing that is
// sealed, because this program may have another secret or another site name
// than the application.
//
// A verb that is not written here or in guest_verbs.go is refused. So are verbs
// that the contract will get later.
type guest struct {
	store.Store // refuses every verb
	app         store.Store
	// tell says that events wait for the application's OnEvent.
	tell bool
}

var errGuest = errors.New("this is for the application to do, not for the admit command")

// newGuest returns the application's store for a guest.
func newGuest(app store.Store, tell bool) store.Store {
	return guest{Store: memory.Refusing(errGuest), app: app, tell: tell}
}

// AppendEvent implements store.Events.
func (g guest) AppendEvent(ctx context.Context, e store.Event) error {
	e.Delivered = !g.tell
	return g.app.AppendEvent(ctx, e)
}

// Write implements store.Batches. It refuses a batch that adds what is sealed, or
// that makes or ends sessions for somebody who signs in.
func (g guest) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	if len(b.Tokens)+len(b.Mails) > 0 {
		return store.Written{}, errGuest
	}
	return g.write(ctx, b)
}

func (g guest) write(ctx context.Context, b store.Batch) (store.Written, error) {
	if len(b.Rooms)+len(b.Sessions)+len(b.Clear)+len(b.Unhit) > 0 {
		return store.Written{}, errGuest
	}
	b.Events = slices.Clone(b.Events)
	for i := range b.Events {
		b.Events[i].Delivered = !g.tell
	}
	return g.app.Write(ctx, b)
}

// NextMail returns that no mail waits, so that this program claims no mail.
func (g guest) NextMail(context.Context, string, string) (time.Time, error) {
	return time.Time{}, nil
}

// AcquireLease leaves periodic work to the application.
func (g guest) AcquireLease(context.Context, string, string, string, time.Time, time.Time) (bool, error) {
	return false, nil
}

// Tx implements store.Store.
func (g guest) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return g.app.Tx(ctx, func(ctx context.Context, tx store.Store) error { return fn(ctx, newGuest(tx, g.tell)) })
}

// WithTx implements store.Store.
func (g guest) WithTx(tx *sql.Tx) store.Store { return newGuest(g.app.WithTx(tx), g.tell) }

// noMailer is the mailer that the library requires. It is never called, because
// guest queues no mail.
type noMailer struct{}

// Send implements mailer.Mailer.
func (noMailer) Send(context.Context, mailer.Message) error { return errGuest }
