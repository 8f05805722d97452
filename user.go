package admit

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// Create makes an account without a session, and mails a link to set a
// password, so that only the owner of the mailbox knows the password. It
// returns ErrInvalidEmail, ErrInvalidName, ErrInvalidRole, ErrInvalidCallbackURL, ErrEmailAlreadyExists or ErrUnavailable, and
// for InsecurePassword ErrInvalidPasswordFormat or ErrWeakPassword.
func (u *Users) Create(ctx context.Context, in CreateUserParams) (User, error) {
	address, name, err := parseAccount(in.Email, in.Name)
	if err != nil {
		return User{}, err
	}
	if in.Role == "" {
		in.Role = RoleUser
	}
	if !u.config.knowsRole(in.Role) {
		return User{}, ErrInvalidRole
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

// Users looks up accounts and changes them for an operator.
type Users struct {
	*kernel
	resets *PasswordResets
	total  *userTotal
}

func (u *Users) feature() feature {
	return feature{
		name:   "user",
		holds:  holding{part: "account", export: exportAccount},
		events: []string{eventRoleChanged, eventUserBanned, eventUserUnbanned, eventUserRenamed, eventUsersExported, eventEmailUnverified},
		errors: []*Error{ErrUserNotFound, ErrInvalidRole, ErrUserConflict, ErrLastAdmin},
	}
}

// Get returns an account by its id. It returns ErrUserNotFound if the account
// does not exist or was deleted, or ErrUnavailable.
func (u *Users) Get(ctx context.Context, id string) (User, error) {
	if !uuid.Valid(id) {
		return User{}, ErrUserNotFound
	}
	user, err := existing(u.store.User(ctx, tenant, id))
	return userOf(&user), err
}

// GetByEmail returns the account that has the address now, in any spelling. It
// returns ErrInvalidEmail, ErrUserNotFound or ErrUnavailable.
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
	// Unverified selects accounts whose address is not verified. Banned selects
	// accounts that are banned now.
	Unverified, Banned bool
	// After is the Next of the previous list. "" starts at the first account.
	After string
	// Limit is the greatest number of accounts in the list, 1 to 1000. Default:
	// 100.
	Limit int
}

// List lists accounts that are not deleted, in the order of their ids, which is
// the order of creation. It returns ErrInvalidRequest or ErrUnavailable.
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

// Verify marks the address of an account as verified, because the operator
// vouches for it. It does nothing if the address is verified already. It
// returns ErrUserNotFound or ErrUnavailable.
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

// RenameUserParams names a user and the new name.
type RenameUserParams struct {
	UserID, Name string
}

// Rename gives an account another name. It returns ErrInvalidName,
// ErrUserNotFound, ErrUserConflict or ErrUnavailable.
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

// DeleteUserParams names the user to delete and the reason.
type DeleteUserParams struct {
	UserID string
	// Reason is recorded in the event user.deleted. Default: "operator".
	Reason string
	// NoMail leaves out the mail that tells the owner.
	NoMail bool
}

// Delete deletes an account. Its sessions, pending tokens and API keys end at
// once, its linked accounts are removed, and its address is free again. The
// address of a banned account stays reserved until the end of the ban. The
// account can be restored until it is purged; until then Deleted lists it, and no
// other verb finds it. Delete returns ErrLastAdmin, ErrUserNotFound,
// ErrUnavailable, or the error of Hooks.BeforeDelete.
func (u *Users) Delete(ctx context.Context, in DeleteUserParams) error {
	return onAccount(ctx, u.kernel, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		if err := keepOwners(ctx, tx, user.ID); err != nil {
			return err
		}
		return deleteAccount(ctx, tx, user, departure{why: cmp.Or(in.Reason, "operator"), silent: in.NoMail})
	})
}

// ExportedUser is an account in a form that another system can import.
type ExportedUser struct {
	User User
	// PasswordHash is the hash in a common format, such as $argon2id$…, or in the
	// format of the system that the account was imported from. "" if the account
	// has no password, or with NoPasswords.
	PasswordHash string
}

// ExportUsersParams says what an export contains.
type ExportUsersParams struct {
	// NoPasswords leaves out the password hashes.
	NoPasswords bool
}

// Export yields all accounts that are not deleted, in the order of their ids,
// with their password hashes. Keep an export as safe as the database. Export
// ends at the first error. The event users.exported is recorded before the
// first account is yielded.
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

// exportedHash returns the hash of an account's password in a format that other
// systems read.
func (u *Users) exportedHash(ctx context.Context, id string) (string, error) {
	password, err := u.store.Password(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fault(err)
	}
	return passhash.ForElsewhere(unmarked(password.Hash)), nil
}

// BanParams names the user to ban, the reason and the end.
type BanParams struct {
	UserID, Reason string
	// Until is the end of the ban. Zero means never.
	Until time.Time
}

// SetRoleParams names a user and the new role.
type SetRoleParams struct {
	UserID, Role string
}

// Ban bans an account until a time, or for ever if Until is zero. Its sessions
// and pending tokens end at once, and so do its own API keys. The keys that it has
// made for the application do not work during the ban, and every way in is refused with ErrAccountBanned. Ban returns ErrLastAdmin,
// ErrUserNotFound, ErrUserConflict or ErrUnavailable.
func (u *Users) Ban(ctx context.Context, in BanParams) error {
	id, reason, until := in.UserID, in.Reason, in.Until
	return u.change(ctx, id, func(ctx context.Context, tx *txn, user *store.User) (event, error) {
		if err := keepAdmin(ctx, tx, user); err != nil {
			return event{}, err
		}
		now := u.now()
		user.BannedAt, user.BanReason, user.BanExpiresAt = now, reason, until.UTC()
		if until.IsZero() {
			user.BanExpiresAt = time.Time{}
		}
		_, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: id, At: now, Reason: endedByBan})
		if err != nil {
			return event{}, err
		}
		if err := revokeOwnKeys(ctx, tx, id); err != nil {
			return event{}, err
		}
		return event{kind: eventUserBanned, data: banData(user)}, tx.kill(ctx, afterBan, id, user.EmailKey)
	})
}

// Unban lifts a ban. Sessions and tokens that the ban ended stay ended. Unban
// returns ErrUserNotFound, ErrUserConflict or ErrUnavailable.
func (u *Users) Unban(ctx context.Context, id string) error {
	return u.change(ctx, id, func(_ context.Context, _ *txn, user *store.User) (event, error) {
		user.BannedAt, user.BanExpiresAt, user.BanReason = time.Time{}, time.Time{}, ""
		return event{kind: eventUserUnbanned}, nil
	})
}

// SetRole gives an account another role. The role holds at once for live
// sessions. SetRole returns ErrInvalidRole, ErrLastAdmin, ErrUserNotFound,
// ErrUserConflict or ErrUnavailable.
func (u *Users) SetRole(ctx context.Context, in SetRoleParams) error {
	id, role := in.UserID, in.Role
	if !u.config.knowsRole(role) {
		return ErrInvalidRole
	}
	return u.change(ctx, id, func(ctx context.Context, tx *txn, user *store.User) (event, error) {
		if role != RoleAdmin {
			if err := keepAdmin(ctx, tx, user); err != nil {
				return event{}, err
			}
		}
		before := user.Role
		user.Role = role
		return event{kind: eventRoleChanged, data: eventData{"from": before, "to": role}}, nil
	})
}

// change runs a change of an account with the account locked.
func (u *Users) change(ctx context.Context, id string, change func(context.Context, *txn, *store.User) (event, error)) error {
	return onAccount(ctx, u.kernel, id, func(ctx context.Context, tx *txn, user *store.User) error {
		told, err := change(ctx, tx, user)
		if err != nil {
			return err
		}
		user.UpdatedAt = u.now()
		if err := tx.UpdateUser(ctx, *user); errors.Is(err, store.ErrConflict) {
			return ErrUserConflict
		} else if err != nil {
			return err
		}
		told.subject = id
		return tx.record(ctx, told)
	})
}

// CreateUserParams describes the account that an operator makes.
type CreateUserParams struct {
	Email, Name string
	// InsecurePassword sets a password that the operator knows, and no mail is
	// sent. It is for development and tests. If it is "", a link to set a password
	// is mailed to the address.
	InsecurePassword string
	// Prepared replaces InsecurePassword inside a host's transaction; see
	// Passwords.Prepare.
	Prepared PreparedPassword
	// NoMail leaves out the mail. The owner can ask for a reset, or sign in by a
	// link.
	NoMail bool
	// CallbackURL is the page of the host that the mailed link leads to. Default:
	// a page of this API.
	CallbackURL string
	// Locale is the language (BCP 47) of the account and of its mail.
	Locale string
	// Role is the role of the account. Default: RoleUser.
	Role string
	// EmailVerified says that the operator vouches for the address.
	EmailVerified bool
}

// A total greater than exactTotal is remembered for totalLife.
const (
	exactTotal = 10_000
	totalLife  = time.Minute
)

// userTotal is the number of accounts, if it is great.
type userTotal struct {
	mu    sync.Mutex
	count int
	until time.Time
}

// known returns the remembered total, or 0.
func (t *userTotal) known(now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Before(t.until) && t.until.Sub(now) <= totalLife {
		return t.count
	}
	return 0
}

func (t *userTotal) learn(count int, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count, t.until = count, time.Time{}
	if count > exactTotal {
		t.until = now.Add(totalLife)
	}
}
