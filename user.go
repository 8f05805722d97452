package admit

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// Create makes an account without signing anybody in, and mails a link to set a
// password: nobody but the owner of the mailbox ever knows it. It answers
// ErrInvalidEmail, ErrInvalidName, ErrInvalidCallbackURL, ErrEmailAlreadyExists
// or ErrUnavailable, and for InsecurePassword ErrInvalidPasswordFormat and
// ErrWeakPassword.
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
	if err := u.checkCallback(in.CallbackURL); err != nil {
		return User{}, err
	}
	user := u.newUser(address, name, in.Role)
	user.Locale = locale.Parse(in.Locale)
	if in.EmailVerified {
		user.EmailVerifiedAt = user.CreatedAt
	}
	var hash string
	if in.InsecurePassword != "" || in.Prepared != (PreparedPassword{}) {
		if hash, err = u.newHash(ctx, in.InsecurePassword, in.Prepared, address, name); err != nil {
			return User{}, err
		}
	}
	err = u.tx(ctx, func(ctx context.Context, tx *txn) error {
		if err := tx.createUser(ctx, user, hash); err != nil || hash != "" || in.NoMail {
			return err
		}
		return u.resets.send(ctx, tx, &user, in.CallbackURL, true)
	})
	if err != nil {
		return User{}, err
	}
	return userOf(&user), nil
}

// Errors about an account that an operator names.
var (
	ErrUserConflict = &Error{Code: "user/conflict", Status: http.StatusConflict, Message: "The account was changed at the same time. Please try again."}
)

// Users looks accounts up and changes them on an operator's behalf.
type Users struct {
	*kernel
	resets *PasswordResets
}

func (u *Users) feature() feature {
	return feature{
		name:   "user",
		events: []string{eventRoleChanged, eventUserBanned, eventUserUnbanned, eventUserRenamed, eventUsersExported},
		errors: []*Error{ErrUserNotFound, ErrInvalidRole, ErrUserConflict},
	}
}

// Get returns an account by its id. ErrUserNotFound when there is none or it was
// deleted.
func (u *Users) Get(ctx context.Context, id string) (User, error) {
	if !uuid.Valid(id) {
		return User{}, ErrUserNotFound
	}
	user, err := existing(u.store.User(ctx, tenant, id))
	return userOf(&user), err
}

// GetByEmail returns the account whose current address it is, however it is
// spelled. ErrInvalidEmail or ErrUserNotFound.
func (u *Users) GetByEmail(ctx context.Context, email string) (User, error) {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return User{}, ErrInvalidEmail.because(err)
	}
	user, err := existing(holder(ctx, u.kernel, u.store, address))
	return userOf(&user), err
}

// ListUsersParams selects accounts.
type ListUsersParams struct {
	// Search selects accounts with this text in the address or the name. The
	// letters a to z match in either case. "" selects all.
	Search string
	// Role selects accounts with this role; "" selects all.
	Role string
	// Unverified selects accounts whose address is not verified, Banned accounts
	// that are banned now.
	Unverified, Banned bool
	// After is the Next of the list before; "" starts at the first account.
	After string
	// Limit is the greatest number listed, 1 to 1000. Default: 100.
	Limit int
}

// List lists accounts that are not deleted, in the order of their ids, which is
// that of their creation. ErrInvalidRequest or ErrUnavailable.
func (u *Users) List(ctx context.Context, in ListUsersParams) (Listed[User], error) {
	limit, err := listLimit(in.Limit)
	if err != nil {
		return Listed[User]{}, err
	}
	q := store.UserQuery{
		Tenant: tenant, Search: in.Search, Role: in.Role, Unverified: in.Unverified, After: in.After, Limit: limit + 1,
	}
	if in.Banned {
		q.BannedAt = u.now()
	}
	users, err := u.store.ListUsers(ctx, q)
	if err != nil {
		return Listed[User]{}, fault(err)
	}
	return listed(users, limit, userOf, func(user User) string { return user.ID }), nil
}

// Verify vouches for the address of an account, as if its owner had confirmed it.
// It does nothing for an address that is verified. ErrUserNotFound or
// ErrUnavailable.
func (u *Users) Verify(ctx context.Context, id string) error {
	if !uuid.Valid(id) {
		return ErrUserNotFound
	}
	return u.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, id))
		if err != nil || !user.EmailVerifiedAt.IsZero() {
			return err
		}
		if _, err := tx.VerifyEmail(ctx, tenant, id, user.EmailKey, u.now()); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventEmailVerified, subject: id, data: eventData{"operator": true}})
	})
}

// RenameUserParams names a user and the name to give.
type RenameUserParams struct {
	UserID, Name string
}

// Rename gives an account another name. ErrInvalidName, ErrUserNotFound or
// ErrUnavailable.
func (u *Users) Rename(ctx context.Context, in RenameUserParams) error {
	name, ok := cleanName(in.Name)
	if !ok {
		return ErrInvalidName
	}
	return u.change(ctx, in.UserID, func(_ context.Context, _ *txn, user *store.User) (event, error) {
		user.Name = name
		return event{kind: eventUserRenamed}, nil
	})
}

// DeleteUserParams says whose account is deleted and why.
type DeleteUserParams struct {
	UserID string
	// Reason stands in the event. Default: "operator".
	Reason string
	// NoMail leaves out the mail that tells the owner.
	NoMail bool
}

// Delete deletes an account: its password is gone, its sessions, pending tokens
// and API keys end at once, and its address is free again. The address of a
// banned account stays reserved as long as the ban would have held. The row stays,
// marked as deleted, so that the audit log can be read; no verb finds it any more.
// ErrUserNotFound or ErrUnavailable.
func (u *Users) Delete(ctx context.Context, in DeleteUserParams) error {
	if !uuid.Valid(in.UserID) {
		return ErrUserNotFound
	}
	return u.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		return deleteAccount(ctx, tx, &user, cmp.Or(in.Reason, "operator"), in.NoMail)
	})
}

// ExportedUser is an account as another system can import it.
type ExportedUser struct {
	User User
	// PasswordHash is in a common format, such as $argon2id$… or that of the
	// system the account came from; "" where there is none.
	PasswordHash string
}

// ExportUsersParams says what an export holds.
type ExportUsersParams struct {
	// NoPasswords leaves the password hashes out.
	NoPasswords bool
}

// Export goes through all accounts that are not deleted, in the order of their
// ids, with their password hashes: a backup of that kind is as dangerous as the
// database. It ends at the first error. The audit log tells of each export before
// the first account is given.
func (u *Users) Export(ctx context.Context, in ExportUsersParams) iter.Seq2[ExportedUser, error] {
	return func(yield func(ExportedUser, error) bool) {
		err := u.tx(ctx, func(ctx context.Context, tx *txn) error {
			return tx.record(ctx, event{kind: eventUsersExported, data: eventData{"passwords": !in.NoPasswords}})
		})
		for next := (ListUsersParams{Limit: listMost}); err == nil; {
			var part Listed[User]
			if part, err = u.List(ctx, next); err != nil {
				break
			}
			for _, user := range part.Items {
				one := ExportedUser{User: user}
				if !in.NoPasswords {
					if one.PasswordHash, err = u.exportedHash(ctx, user.ID); err != nil {
						yield(ExportedUser{}, err)
						return
					}
				}
				if !yield(one, nil) {
					return
				}
			}
			if next.After = part.Next; part.Next == "" {
				return
			}
		}
		yield(ExportedUser{}, err)
	}
}

// exportedHash is the hash of an account's password in a format that others read.
func (u *Users) exportedHash(ctx context.Context, id string) (string, error) {
	password, err := u.store.Password(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fault(err)
	}
	return passhash.ForElsewhere(password.Hash), nil
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

// CreateUserParams is what an operator gives to make an account.
type CreateUserParams struct {
	Email, Name string
	// InsecurePassword sets a password that the operator knows, and mails nothing.
	// It is for development and tests. If it is "", a link to set a password is
	// mailed to the address.
	InsecurePassword string
	// Prepared is given instead inside a host's transaction; see
	// Passwords.Prepare.
	Prepared PreparedPassword
	// NoMail leaves the mail out: the owner asks for a reset, or signs in by a
	// link.
	NoMail bool
	// CallbackURL is the page of the host that the mailed link leads to. Default:
	// a page of this API.
	CallbackURL string
	// Locale is the language (BCP 47) of the account and of its mail.
	Locale string
	// Role defaults to RoleUser.
	Role string
	// EmailVerified says that the operator vouches for the address.
	EmailVerified bool
}
