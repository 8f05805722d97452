package admit

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// Create makes an account without signing anybody in. The password is held
// to the same rules as at sign-up. It answers as SignUp does.
func (u *Users) Create(ctx context.Context, in CreateUserParams) (User, error) {
	address, name, err := parseAccount(in.Email, in.Name)
	if err != nil {
		return User{}, err
	}
	if in.Role == "" {
		in.Role = RoleUser
	}
	if !validRole(in.Role) {
		return User{}, ErrInvalidRequest.detail("role", "must be 1 to 50 of a-z, 0-9, - and _")
	}
	user := u.newUser(address, name, in.Role)
	if in.EmailVerified {
		user.EmailVerifiedAt = user.CreatedAt
	}
	var hash string
	if in.Password != "" || in.Prepared != (PreparedPassword{}) {
		if hash, err = u.newHash(ctx, in.Password, in.Prepared, address, name); err != nil {
			return User{}, err
		}
	}
	return user, u.tx(ctx, func(ctx context.Context, tx *txn) error {
		return tx.createUser(ctx, user, hash)
	})
}

// Errors about an account that an operator names.
var (
	ErrInvalidRole  = &Error{Code: "user/invalid-role", Status: http.StatusBadRequest, Message: "A role has 1 to 50 of a-z, 0-9, - and _."}
	ErrUserConflict = &Error{Code: "user/conflict", Status: http.StatusConflict, Message: "The account was changed at the same time. Please try again."}
)

// Users looks accounts up and changes them on an operator's behalf.
type Users struct {
	*kernel
}

func (u *Users) feature() feature {
	return feature{
		name:   "user",
		events: []string{eventRoleChanged, eventUserBanned, eventUserUnbanned},
		errors: []*Error{ErrUserNotFound, ErrInvalidRole, ErrUserConflict},
	}
}

// Get returns an account by its id. ErrUserNotFound when there is none or it was
// deleted.
func (u *Users) Get(ctx context.Context, id string) (User, error) {
	if !uuid.Valid(id) {
		return User{}, ErrUserNotFound
	}
	user, err := u.store.User(ctx, tenant, id)
	return existing(user, err)
}

// GetByEmail returns the account whose current address it is, however it is
// spelled. ErrInvalidEmail or ErrUserNotFound.
func (u *Users) GetByEmail(ctx context.Context, email string) (User, error) {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return User{}, ErrInvalidEmail.because(err)
	}
	user, err := u.store.UserByEmail(ctx, tenant, address.Key)
	return existing(user, err)
}

// BanParams says who is banned and why.
type BanParams struct {
	UserID, Reason string
	// Until is when the ban ends. Zero is never.
	Until time.Time
}

// SetRoleParams names a user and the role to give.
type SetRoleParams struct {
	UserID, Role string
}

// Ban bans an account until a time, or for good when it is zero: its
// sessions and pending tokens end at once, its API keys stop working, and every
// way in is refused with ErrAccountBanned. ErrUserNotFound or ErrUnavailable.
func (u *Users) Ban(ctx context.Context, in BanParams) error {
	id, reason, until := in.UserID, in.Reason, in.Until
	return u.change(ctx, id, func(ctx context.Context, tx *txn, user *store.User) (event, error) {
		now := u.now()
		user.BannedAt, user.BanReason, user.BanExpiresAt = now, reason, until.UTC()
		if until.IsZero() {
			user.BanExpiresAt = time.Time{}
		}
		_, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: id, At: now, Reason: endedByBan})
		if err != nil {
			return event{}, err
		}
		return event{kind: eventUserBanned, data: eventData{"reason": reason}}, tx.kill(ctx, afterBan, id, user.EmailKey)
	})
}

// Unban lifts a ban. What the ban ended stays ended.
func (u *Users) Unban(ctx context.Context, id string) error {
	return u.change(ctx, id, func(_ context.Context, _ *txn, user *store.User) (event, error) {
		user.BannedAt, user.BanExpiresAt, user.BanReason = time.Time{}, time.Time{}, ""
		return event{kind: eventUserUnbanned}, nil
	})
}

// SetRole gives an account another role, at once on its live sessions.
// ErrInvalidRole, ErrUserNotFound or ErrUnavailable.
func (u *Users) SetRole(ctx context.Context, in SetRoleParams) error {
	id, role := in.UserID, in.Role
	if !validRole(role) {
		return ErrInvalidRole
	}
	return u.change(ctx, id, func(_ context.Context, _ *txn, user *store.User) (event, error) {
		before := user.Role
		user.Role = role
		return event{kind: eventRoleChanged, data: eventData{"from": before, "to": role}}, nil
	})
}

// change runs a change of an account with the account locked.
func (u *Users) change(ctx context.Context, id string, change func(context.Context, *txn, *store.User) (event, error)) error {
	if !uuid.Valid(id) {
		return ErrUserNotFound
	}
	err := u.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, id))
		if err != nil {
			return err
		}
		told, err := change(ctx, tx, &user)
		if err != nil {
			return err
		}
		user.UpdatedAt = u.now()
		if err := tx.UpdateUser(ctx, user); errors.Is(err, store.ErrConflict) {
			return ErrUserConflict
		} else if err != nil {
			return err
		}
		told.subject = id
		return tx.record(ctx, told)
	})
	return err
}
