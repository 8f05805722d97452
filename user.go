package admit

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// Errors about an account that an operator names.
var (
	ErrNoSuchUser  = &Error{Code: "user/not-found", Status: http.StatusNotFound, Message: "There is no such account."}
	ErrInvalidRole = &Error{Code: "user/invalid-role", Status: http.StatusBadRequest, Message: "A role has 1 to 50 of a-z, 0-9, - and _."}
	ErrUserChanged = &Error{Code: "user/conflict", Status: http.StatusConflict, Message: "The account was changed at the same time. Please try again."}
)

var users = feature{
	name:   "user",
	events: []string{eventRoleChanged, eventUserBanned, eventUserUnbanned},
	errors: []*Error{ErrNoSuchUser, ErrInvalidRole, ErrUserChanged},
}

// User returns an account by its id. ErrNoSuchUser when there is none or it was
// deleted.
func (a *Auth) User(ctx context.Context, id string) (User, error) {
	if !uuid.Valid(id) {
		return User{}, ErrNoSuchUser
	}
	user, err := a.store.User(ctx, tenant, id)
	return existing(user, err)
}

// UserByEmail returns the account whose current address it is, however it is
// spelled. ErrInvalidEmail or ErrNoSuchUser.
func (a *Auth) UserByEmail(ctx context.Context, email string) (User, error) {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return User{}, ErrInvalidEmail.because(err)
	}
	user, err := a.store.UserByEmail(ctx, tenant, address.Key)
	return existing(user, err)
}

func existing(user store.User, err error) (User, error) {
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && user.Deleted():
		return User{}, ErrNoSuchUser
	case err != nil:
		return User{}, fault(err)
	}
	return user, nil
}

// BanUser bans an account until a time, or for good when it is zero: its
// sessions and pending tokens end at once, its API keys stop working, and every
// way in is refused with ErrAccountBanned. ErrNoSuchUser or ErrUnavailable.
func (a *Auth) BanUser(ctx context.Context, id, reason string, until time.Time) error {
	return a.changeUser(ctx, id, func(ctx context.Context, tx store.Store, user *store.User) (event, error) {
		now := a.now()
		user.BannedAt, user.BanReason, user.BanExpiresAt = now, reason, until.UTC()
		if until.IsZero() {
			user.BanExpiresAt = time.Time{}
		}
		_, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: id, At: now, Reason: endedByBan})
		if err != nil {
			return event{}, err
		}
		return event{kind: eventUserBanned, data: eventData{"reason": reason}}, killTokens(ctx, tx, afterBan, id, user.EmailKey)
	})
}

// UnbanUser lifts a ban. What the ban ended stays ended.
func (a *Auth) UnbanUser(ctx context.Context, id string) error {
	return a.changeUser(ctx, id, func(_ context.Context, _ store.Store, user *store.User) (event, error) {
		user.BannedAt, user.BanExpiresAt, user.BanReason = time.Time{}, time.Time{}, ""
		return event{kind: eventUserUnbanned}, nil
	})
}

// SetRole gives an account another role, at once on its live sessions.
// ErrInvalidRole, ErrNoSuchUser or ErrUnavailable.
func (a *Auth) SetRole(ctx context.Context, id, role string) error {
	if !validRole(role) {
		return ErrInvalidRole
	}
	return a.changeUser(ctx, id, func(_ context.Context, _ store.Store, user *store.User) (event, error) {
		before := user.Role
		user.Role = role
		return event{kind: eventRoleChanged, data: eventData{"from": before, "to": role}}, nil
	})
}

// changeUser runs a change of an account with the account locked.
func (a *Auth) changeUser(ctx context.Context, id string, change func(context.Context, store.Store, *store.User) (event, error)) error {
	if !uuid.Valid(id) {
		return ErrNoSuchUser
	}
	err := a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		user, err := existing(tx.LockUser(ctx, tenant, id))
		if err != nil {
			return err
		}
		told, err := change(ctx, tx, &user)
		if err != nil {
			return err
		}
		user.UpdatedAt = a.now()
		if err := tx.UpdateUser(ctx, user); errors.Is(err, store.ErrConflict) {
			return ErrUserChanged
		} else if err != nil {
			return err
		}
		told.subject = id
		if c := callerFrom(ctx); c != nil {
			told.actor = c.user.ID
		}
		return a.record(ctx, tx, told)
	})
	if err == nil {
		a.afterCommit(func() { a.live.forget(id) })
	}
	return err
}

// RevokeIssuedBefore ends every session and removes every pending one-time
// token made before t, and returns how many of each. Run it after the restore
// of a backup: what was revoked since the backup was made lives again in it.
func (a *Auth) RevokeIssuedBefore(ctx context.Context, t time.Time) (sessions, tokens int, err error) {
	const batch = 1000
	for {
		n, err := a.store.EndSessionsBefore(ctx, tenant, t, a.now(), endedByRestore, batch)
		sessions += n
		if err != nil {
			return sessions, tokens, fault(err)
		}
		if n == 0 {
			break
		}
	}
	for {
		n, err := a.store.DeleteTokensBefore(ctx, tenant, t, batch)
		tokens += n
		if err != nil {
			return sessions, tokens, fault(err)
		}
		if n == 0 {
			break
		}
	}
	a.live.forgetAll()
	return sessions, tokens, a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		return a.record(ctx, tx, event{kind: eventSessionEnded, data: eventData{
			"reason": endedByRestore, "sessions": sessions, "tokens": tokens,
		}})
	})
}

// WithTx returns an Auth whose rules take part in a host's transaction, so that
// rows of the host and of this library are committed, or vanish, together. A
// rule that refuses leaves the transaction usable. The host calls committed
// after its commit: it makes caches forget and mail go out at once. Forgetting
// the call only delays that. The store must keep its records in the database of
// tx; one without SQL answers every rule with ErrUnavailable.
func (a *Auth) WithTx(tx *sql.Tx) (scoped *Auth, committed func()) {
	pending := &afterCommit{}
	scoped = &Auth{config: a.config, store: a.store.WithTx(tx), after: pending, machinery: a.machinery}
	return scoped, func() {
		for _, action := range pending.actions {
			action()
		}
		pending.actions = nil
	}
}

// Mail is a message of the outbox, sealed.
type Mail = store.Mail

// DeadMail returns one page of the messages that were given up, oldest first,
// and their total.
func (a *Auth) DeadMail(ctx context.Context, page store.Page) ([]Mail, int, error) {
	list, total, err := a.store.ListMail(ctx, tenant, store.QueueMail, true, page)
	return list, total, fault(err)
}

// RetryMail makes a message that was given up go out again. ErrNotFound when it
// is not one of those.
func (a *Auth) RetryMail(ctx context.Context, id string) error {
	revived, err := a.store.ReviveMail(ctx, tenant, id, a.now())
	switch {
	case err != nil:
		return fault(err)
	case !revived:
		return ErrNotFound
	}
	a.afterCommit(a.outbox.worker.wake)
	return nil
}
