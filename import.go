package admit

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// Imports brings in accounts from another system.
type Imports struct {
	*kernel
}

// ImportUserParams is an account that comes from another system.
type ImportUserParams struct {
	// Email and Name are required.
	Email, Name string
	// ID keeps a UUIDv7 that the account already has; "" makes one.
	ID string
	// PasswordHash is as the other system stored it; "" imports none. It is
	// replaced by our own at the next sign-in. See docs/import.md for formats.
	PasswordHash string
	// EmailVerified says that the other system had proven the address.
	EmailVerified bool
	// Role defaults to RoleUser.
	Role string
	// Banned imports an account that the other system had disabled, banned for
	// good with BanReason.
	Banned    bool
	BanReason string
	// CreatedAt defaults to now.
	CreatedAt time.Time
}

// ImportedUser is an account that an import found or made.
type ImportedUser struct {
	User
	// IsNew says that the import made it.
	IsNew bool
}

// User brings in one account. Importing again
// changes nothing: an address that has an account keeps it as it is. It answers
// ErrInvalidEmail, ErrInvalidName, ErrInvalidRole, ErrInvalidRequest for a hash
// or id that cannot be used, or ErrUnavailable.
func (m *Imports) User(ctx context.Context, in ImportUserParams) (ImportedUser, error) {
	users, err := m.Users(ctx, []ImportUserParams{in})
	if err != nil {
		return ImportedUser{}, err
	}
	return users[0], nil
}

// Users is ImportUser for many accounts in one transaction: all or none.
// An error says which record it is about in Details["record"], counted from 0.
func (m *Imports) Users(ctx context.Context, batch []ImportUserParams) (imported []ImportedUser, err error) {
	prepared := make([]store.User, len(batch))
	for i, in := range batch {
		if prepared[i], err = m.prepare(in); err != nil {
			return nil, asError(err).detail("record", i)
		}
	}
	err = m.tx(ctx, func(ctx context.Context, tx *txn) error {
		imported = make([]ImportedUser, len(batch))
		for i, user := range prepared {
			err := tx.CreateUser(ctx, user)
			switch {
			case errors.Is(err, store.ErrConflict):
				if user, err = existing(tx.UserByEmail(ctx, tenant, user.EmailKey)); err != nil {
					return ErrInvalidRequest.detail("record", i).detail("email", "is reserved, or the id is another account's")
				}
			case err != nil:
				return err
			default:
				imported[i].IsNew = true
				if hash := batch[i].PasswordHash; hash != "" {
					err = tx.PutPassword(ctx, store.Password{Tenant: tenant, UserID: user.ID, Hash: hash, ChangedAt: user.CreatedAt})
				}
				if err == nil {
					err = tx.record(ctx, event{kind: eventUserCreated, subject: user.ID, data: eventData{"imported": true}})
				}
				if err != nil {
					return err
				}
			}
			imported[i].User = user
		}
		return nil
	})
	return imported, err
}

func (m *Imports) prepare(in ImportUserParams) (store.User, error) {
	address, name, err := parseAccount(in.Email, in.Name)
	if err != nil {
		return store.User{}, err
	}
	if in.Role == "" {
		in.Role = RoleUser
	}
	if !validRole(in.Role) {
		return store.User{}, ErrInvalidRole
	}
	if in.PasswordHash != "" {
		if err := passhash.Recognise(in.PasswordHash); err != nil {
			return store.User{}, ErrInvalidRequest.detail("passwordHash", "is in no format that can be verified").because(err)
		}
	}
	user := m.newUser(address, name, in.Role)
	if in.ID != "" {
		if !uuid.Valid(in.ID) {
			return user, ErrInvalidRequest.detail("id", "must be a UUID in lower case")
		}
		user.ID = in.ID
	}
	if !in.CreatedAt.IsZero() {
		user.CreatedAt = in.CreatedAt.UTC().Truncate(time.Microsecond)
	}
	if in.EmailVerified {
		user.EmailVerifiedAt = user.CreatedAt
	}
	if in.Banned {
		user.BannedAt, user.BanReason = m.now(), in.BanReason
	}
	return user, nil
}
