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

// guest is the application's store as this program may use it: to run the rules
// an operator asks for, and none of the application's own work. It neither sends
// mail, sweeps, nor delivers events, and it adds nothing that is sealed, since
// that would be under a secret, or name a site, that is not the application's.
//
// A verb that is not written here or in guest_verbs.go is refused, also one that
// the contract does not have yet.
type guest struct {
	store.Store // refuses every verb
	app         store.Store
	// tell leaves events for the application's OnEvent to hear.
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

// NextMail answers that nothing waits, so that nothing is claimed here.
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

// noMailer stands where the library wants a mailer; guest lets nothing reach it.
type noMailer struct{}

// Send implements mailer.Mailer.
func (noMailer) Send(context.Context, mailer.Message) error { return errGuest }
