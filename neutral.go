package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/store"
)

// sender is the part of a rule that mails something to an account. Where the
// message is not wanted it does the same for nobody, with tokens and a message
// of the kind decoyMail.
type sender func(ctx context.Context, tx store.Store, user *store.User, wanted bool) error

// mailTo mails something to the account of an address. Whether there is such an
// account shows neither in the answer nor in what it costs.
func (a *Auth) mailTo(ctx context.Context, email, callbackURL string, send sender) error {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if err := a.checkCallback(callbackURL); err != nil {
		return err
	}
	if err := a.spend(ctx, ErrTooManyCodeRequests, budget(mailBudget, address.Key, mailBounds())...); err != nil {
		return err
	}
	return a.mailQuietly(ctx, address, false, send)
}

// mailQuietly does so without a limit. With strangers a message is wanted by an
// address without an account too; its user has no id then.
func (a *Auth) mailQuietly(ctx context.Context, address emailaddress.Address, strangers bool, send sender) error {
	found, err := a.store.UserByEmail(ctx, tenant, address.Key)
	unknown := errors.Is(err, store.ErrNotFound)
	if err != nil && !unknown {
		return fault(err)
	}
	return a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		nobody := a.nobody(address)
		id := found.ID
		if unknown {
			id = nobody.ID
		}
		user, err := tx.LockUser(ctx, tenant, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && !user.Deleted() && !user.Banned(a.now()) && user.EmailKey == address.Key {
			return send(ctx, tx, &user, true)
		}
		if unknown && strangers {
			nobody.ID = ""
		}
		return send(ctx, tx, &nobody, nobody.ID == "")
	})
}

// nobody is an account that no record belongs to.
func (a *Auth) nobody(address emailaddress.Address) store.User {
	return store.User{Tenant: tenant, ID: a.newID(), Email: address.Display, EmailKey: address.Key}
}
