package admit

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// Imports makes accounts from the records of another system.
type Imports struct {
	*kernel
}

func (m *Imports) feature() feature {
	return feature{name: "import", events: []string{eventUserImported}, holds: holding{nothing: "imported accounts are accounts like others"}}
}

// ImportUserParams is an account of another system.
type ImportUserParams struct {
	// Email is required.
	Email string
	// Name is the name of the account. Default: the part of Email before the @.
	Name string
	// ID is a UUIDv7 that the account already has. Default: a new id.
	ID string
	// PasswordHash is the hash as the other system stored it. "" imports no
	// password. The next sign-in replaces the hash by one of Admit.
	// docs/import.md lists the formats.
	PasswordHash string
	// EmailVerified says that the other system had verified the address.
	EmailVerified bool
	// Role defaults to RoleUser.
	Role string
	// Locale is the language of the account, such as "de" or "pt-BR".
	Locale string
	// Banned imports an account that the other system had disabled. The account
	// is banned for ever, with BanReason.
	Banned    bool
	BanReason string
	// CreatedAt defaults to now.
	CreatedAt time.Time
}

// ImportOutcome is what an import did to an account.
type ImportOutcome string

// The outcomes of an import.
const (
	// ImportCreated means that the account is new.
	ImportCreated ImportOutcome = "created"
	// ImportClaimed means that the account existed with an unverified address,
	// which the other system had verified. Everything in the account was
	// removed. The account has the imported password and name.
	ImportClaimed ImportOutcome = "claimed"
	// ImportUpdated means that an earlier import made the account, that nothing
	// has changed it since, and that it now has the values of the record.
	ImportUpdated ImportOutcome = "updated"
	// ImportUnchanged means that the account was not changed.
	ImportUnchanged ImportOutcome = "unchanged"
)

// ImportedUser is an account after its import.
type ImportedUser struct {
	User    User
	Outcome ImportOutcome
}

// User imports one account. A second import of the same record does no harm: an
// account that has not changed since its import takes the values of the record,
// and any other account is not changed. User returns ErrInvalidEmail,
// ErrInvalidName, ErrInvalidRole, ErrInvalidRequest for a hash or id that
// cannot be used, or ErrUnavailable.
func (m *Imports) User(ctx context.Context, in ImportUserParams) (ImportedUser, error) {
	users, err := m.Users(ctx, []ImportUserParams{in})
	if err != nil {
		return ImportedUser{}, err
	}
	return users[0], nil
}

// Users imports many accounts in one transaction: all of them or none. An error
// has the index of its record, counted from 0, in Details["record"].
func (m *Imports) Users(ctx context.Context, batch []ImportUserParams) ([]ImportedUser, error) {
	prepared := make([]importing, len(batch))
	for i, in := range batch {
		var err error
		if prepared[i], err = m.prepareImport(in); err != nil {
			return nil, asError(err).detail("record", i)
		}
	}
	imported := make([]ImportedUser, len(batch))
	err := m.tx(ctx, func(ctx context.Context, tx *txn) error {
		for i, in := range prepared {
			var err error
			if imported[i], err = m.importOne(ctx, tx, in); errors.Is(err, ErrUserNotFound) {
				return ErrInvalidRequest.detail("record", i).detail("email", "is reserved, or the id is another account's")
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return imported, nil
}

// importing is a record that was checked, in the form of a new account.
type importing struct {
	user store.User
	hash string
	// name and role say that the record has a name and a role.
	name, role bool
}

func (m *Imports) prepareImport(in ImportUserParams) (importing, error) {
	named := in.Name != ""
	if !named {
		in.Name, _, _ = strings.Cut(strings.TrimSpace(in.Email), "@")
	}
	address, name, err := parseAccount(in.Email, in.Name)
	if !named && errors.Is(err, ErrInvalidName) { // the part before the @ may be too long for a name
		address, name, err = parseAccount(in.Email, "user")
	}
	if err != nil {
		return importing{}, err
	}
	prepared := importing{name: named, role: in.Role != ""}
	if in.Role == "" {
		in.Role = RoleUser
	}
	if !validRole(in.Role) {
		return importing{}, ErrInvalidRole
	}
	if in.PasswordHash != "" {
		if prepared.hash, err = m.hasher.FromElsewhere(in.PasswordHash); err != nil {
			return importing{}, ErrInvalidRequest.detail("passwordHash", "is in no format that can be verified").because(err)
		}
	}
	user := m.newUser(address, name, in.Role)
	if in.ID != "" {
		if !uuid.Valid(in.ID) {
			return importing{}, ErrInvalidRequest.detail("id", "must be a UUID in lower case")
		}
		user.ID = in.ID
	}
	if !in.CreatedAt.IsZero() {
		user.CreatedAt = in.CreatedAt.UTC().Truncate(time.Microsecond)
		if year := user.CreatedAt.Year(); year < 1970 || year > 9999 || user.CreatedAt.Equal(time.Unix(0, 0)) {
			return importing{}, ErrInvalidRequest.detail("createdAt", "must be after 1970 and before 10000")
		}
	}
	if in.EmailVerified {
		user.EmailVerifiedAt = user.CreatedAt
	}
	if in.Banned {
		user.BannedAt, user.BanReason = m.now(), in.BanReason
	}
	user.Locale = in.Locale
	prepared.user = user
	return prepared, nil
}

// importOne makes the account, or applies the record to the account that has
// its address. It returns ErrUserNotFound if the address is reserved or the id
// is taken.
func (m *Imports) importOne(ctx context.Context, tx *txn, in importing) (ImportedUser, error) {
	err := create(ctx, tx, in.user)
	if errors.Is(err, store.ErrConflict) {
		return m.importAgain(ctx, tx, in)
	}
	if err == nil && in.hash != "" {
		err = tx.PutPassword(ctx, store.Password{Tenant: tenant, UserID: in.user.ID, Hash: in.hash, ChangedAt: in.user.CreatedAt})
	}
	if err == nil {
		err = tx.record(ctx, event{kind: eventUserCreated, subject: in.user.ID, data: eventData{"imported": true}})
	}
	return ImportedUser{userOf(&in.user), ImportCreated}, err
}

// importAgain applies a record to the account that has its address.
func (m *Imports) importAgain(ctx context.Context, tx *txn, in importing) (ImportedUser, error) {
	user, err := existing(tx.UserByEmail(ctx, tenant, in.user.EmailKey))
	if err == nil {
		user, err = existing(tx.lock(ctx, user.ID)) // also forgets the cached sessions after the commit
	}
	if err != nil {
		return ImportedUser{}, err
	}
	hash, err := importedHash(ctx, tx, user.ID, in.hash)
	if err != nil {
		return ImportedUser{}, err
	}
	changed := in.changed(user)
	verify := user.EmailVerifiedAt.IsZero() && !in.user.EmailVerifiedAt.IsZero()
	if changed == user && !verify && hash == "" {
		return ImportedUser{userOf(&user), ImportUnchanged}, nil
	}
	ours, err := importedAndUntouched(ctx, tx, user)
	if err != nil {
		return ImportedUser{}, err
	}
	switch {
	case ours && verify:
		changed.EmailVerifiedAt = in.user.EmailVerifiedAt
	case ours:
	case verify:
		// The person who made the account never proved the mailbox. The owner
		// did, in the other system. TestS12_… fails without this rule.
		return m.importClaim(ctx, tx, user, in)
	default:
		return ImportedUser{userOf(&user), ImportUnchanged}, nil
	}
	if hash != "" {
		if err := tx.PutPassword(ctx, store.Password{Tenant: tenant, UserID: user.ID, Hash: hash, ChangedAt: m.now()}); err != nil {
			return ImportedUser{}, err
		}
	}
	return m.importOver(ctx, tx, changed, ImportUpdated)
}

// importClaim lets the owner of an unverified address take over the account. If
// the account is banned here, it stays banned.
func (m *Imports) importClaim(ctx context.Context, tx *txn, user store.User, in importing) (ImportedUser, error) {
	if err := tx.claim(ctx, &user); err != nil {
		return ImportedUser{}, err
	}
	user, err := existing(tx.lock(ctx, user.ID)) // claim has raised the version
	if err != nil {
		return ImportedUser{}, err
	}
	if in.hash != "" {
		if err := tx.PutPassword(ctx, store.Password{Tenant: tenant, UserID: user.ID, Hash: in.hash, ChangedAt: m.now()}); err != nil {
			return ImportedUser{}, err
		}
	}
	user.Name, user.Role, user.Nickname, user.Image, user.Locale = in.user.Name, in.user.Role, "", "", in.user.Locale
	if user.BannedAt.IsZero() {
		user.BannedAt, user.BanReason = in.user.BannedAt, in.user.BanReason
	}
	return m.importOver(ctx, tx, user, ImportClaimed)
}

// importOver stores an account and records that an import changed it.
func (m *Imports) importOver(ctx context.Context, tx *txn, user store.User, outcome ImportOutcome) (ImportedUser, error) {
	user.UpdatedAt = m.now()
	if err := tx.UpdateUser(ctx, user); err != nil {
		return ImportedUser{}, err
	}
	user.Version++
	told := event{kind: eventUserImported, subject: user.ID, data: eventData{"outcome": string(outcome), "version": user.Version}}
	return ImportedUser{userOf(&user), outcome}, tx.record(ctx, told)
}

// changed returns the account with the values of the record. A value that the
// record leaves out does not change.
func (in importing) changed(user store.User) store.User {
	if in.name {
		user.Name = in.user.Name
	}
	if in.role {
		user.Role = in.user.Role
	}
	if in.user.Locale != "" {
		user.Locale = in.user.Locale
	}
	if user.BannedAt.IsZero() {
		user.BannedAt, user.BanReason = in.user.BannedAt, in.user.BanReason
	}
	return user
}

// importedHash returns the hash to store, or "" to keep the stored one. The
// stored hash stays if the record has no hash, if both are equal, or if the
// stored hash is one of Admit, which the owner's sign-in has made.
func importedHash(ctx context.Context, tx *txn, userID, hash string) (string, error) {
	if hash == "" {
		return "", nil
	}
	has, err := tx.Password(ctx, tenant, userID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return hash, nil
	case err != nil:
		return "", err
	case unmarked(has.Hash) == hash || strings.HasPrefix(unmarked(has.Hash), "$argon2id$"):
		return "", nil
	}
	return hash, nil
}

// importedAndUntouched says that an import made the account and that nothing
// has changed it since the last import. Then its version is the version that
// the import recorded.
func importedAndUntouched(ctx context.Context, tx *txn, user store.User) (bool, error) {
	q := store.EventQuery{Tenant: tenant, SubjectID: user.ID, Kind: eventUserCreated, Limit: 1}
	made, err := tx.ListEvents(ctx, q)
	if err != nil || len(made) == 0 {
		return false, err
	}
	var data struct {
		Imported bool  `json:"imported"`
		Version  int64 `json:"version"`
	}
	if err := json.Unmarshal(made[0].Data, &data); err != nil || !data.Imported {
		return false, nil //nolint:nilerr // without this fact the account was made in another way
	}
	last := int64(1)
	q.Kind, q.Limit = eventUserImported, 100
	for {
		page, err := tx.ListEvents(ctx, q)
		if err != nil {
			return false, err
		}
		for _, e := range page {
			if json.Unmarshal(e.Data, &data) == nil {
				last = data.Version
			}
			q.After = e.ID
		}
		if len(page) < q.Limit {
			return last == user.Version, nil
		}
	}
}
