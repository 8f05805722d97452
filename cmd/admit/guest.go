package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// guest is the application's store as this program may use it: to run the rules
// an operator asks for, and none of the application's own work. It neither sends
// mail, sweeps, nor delivers events, and it adds nothing that is sealed, since
// that would be under a secret, or name a site, that is not the application's.
type guest struct {
	store.Store
	// tell leaves events for the application's OnEvent to hear.
	tell bool
}

var errGuest = errors.New("this is for the application to do, not for the admit command")

// AppendEvent implements store.Events.
func (g guest) AppendEvent(ctx context.Context, e store.Event) error {
	e.Delivered = !g.tell
	return g.Store.AppendEvent(ctx, e)
}

// NextMail answers that nothing waits, so that nothing is claimed here.
func (g guest) NextMail(context.Context, string) (time.Time, error) { return time.Time{}, nil }

// AddMail refuses.
func (g guest) AddMail(context.Context, store.Mail) error { return errGuest }

// CreateKey refuses.
func (g guest) CreateKey(context.Context, store.Key) error { return errGuest }

// AcquireLease leaves periodic work to the application.
func (g guest) AcquireLease(context.Context, string, string, string, time.Time, time.Time) (bool, error) {
	return false, nil
}

// Tx implements store.Store.
func (g guest) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return g.Store.Tx(ctx, func(ctx context.Context, tx store.Store) error { return fn(ctx, guest{tx, g.tell}) })
}

// WithTx implements store.Store.
func (g guest) WithTx(tx *sql.Tx) store.Store { return guest{g.Store.WithTx(tx), g.tell} }

// noMailer stands where the library wants a mailer; guest lets nothing reach it.
type noMailer struct{}

// Send implements mailer.Mailer.
func (noMailer) Send(context.Context, mailer.Message) error { return errGuest }
