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

// Imports brings in accounts from another system.
type Imports struct {
	*kernel
}

func (m *Imports) feature() feature {
	return feature{name: "import", events: []string{eventUserImported}}
}

// ImportUserParams is an account that comes from another system.
type ImportUserParams struct {
	// Email is required.
	Email string
	// Name is what the account is called. An account without a name is called
	// what stands before the @.
	Name string
	// ID keeps a UUIDv7 that the account already has; "" makes one.
	ID string
	// PasswordHash is as the other system stored it; "" imports none. It is
	// replaced by our own at the next sign-in. See docs/import.md for formats.
	PasswordHash string
	// EmailVerified says that the other system had proven the address.
	EmailVerified bool
	// Role defaults to RoleUser.
	Role string
	// Locale is the language of the account, such as "de" or "pt-BR".
	Locale string
	// Banned imports an account that the other system had disabled, banned for
	// good with BanReason.
	Banned    bool
	BanReason string
	// CreatedAt defaults to now.
	CreatedAt time.Time
}

// ImportOutcome says what an import did to an account.
type ImportOutcome string

// What an import does to an account.
const (
	// ImportCreated is a new account.
	ImportCreated ImportOutcome = "created"
	// ImportClaimed is an account that existed, with an address that nobody had
	// verified, where the other system had verified it. Whatever the account had
	// is gone, and it has the imported password and name.
	ImportClaimed ImportOutcome = "claimed"
	// ImportUpdated is an account of an earlier import that nobody has changed
	// since and that now has what the record says.
	ImportUpdated ImportOutcome = "updated"
	// ImportUnchanged is an account that stays as it is.
	ImportUnchanged ImportOutcome = "unchanged"
)

// ImportedUser is an account after its import.
type ImportedUser struct {
	User    User
	Outcome ImportOutcome
}

// User brings in one account. Importing it again does no harm: an account
// that nobody has changed since its import takes what the record now says, and
// any other account stays as it is. It answers ErrInvalidEmail, ErrInvalidName,
// ErrInvalidRole, ErrInvalidRequest for a hash or id that cannot be used, or
// ErrUnavailable.
func (m *Imports) User(ctx context.Context, in ImportUserParams) (ImportedUser, error) {
	users, err := m.Users(ctx, []ImportUserParams{in})
	if err != nil {
		return ImportedUser{}, err
	}
	return users[0], nil
}

// Users is User for many accounts in one transaction: all or none.
// An error says which record it is about in Details["record"], counted from 0.
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

// importing is a record that was checked: the account as it would be new.
type importing struct {
	user store.User
	hash string
	// name, role say that the record names one.
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

// importOne makes the account, or decides what the record means to the one that
// has its address. ErrUserNotFound says that neither can be.
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

// importAgain is for an address that has an account.
func (m *Imports) importAgain(ctx context.Context, tx *txn, in importing) (ImportedUser, error) {
	user, err := existing(tx.UserByEmail(ctx, tenant, in.user.EmailKey))
	if err == nil {
		user, err = existing(tx.lock(ctx, user.ID)) // and forget its cached sessions after the commit
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
		// Whoever made the account never proved the mailbox, and the owner did,
		// in the other system: TestS12_… holds it.
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

// importClaim gives an account whose address nobody has verified to its owner.
// What is banned here stays banned.
func (m *Imports) importClaim(ctx context.Context, tx *txn, user store.User, in importing) (ImportedUser, error) {
	if err := tx.claim(ctx, &user); err != nil {
		return ImportedUser{}, err
	}
	user, err := existing(tx.lock(ctx, user.ID)) // claim has moved the version
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

// importOver writes an account and remembers that an import did.
func (m *Imports) importOver(ctx context.Context, tx *txn, user store.User, outcome ImportOutcome) (ImportedUser, error) {
	user.UpdatedAt = m.now()
	if err := tx.UpdateUser(ctx, user); err != nil {
		return ImportedUser{}, err
	}
	user.Version++
	told := event{kind: eventUserImported, subject: user.ID, data: eventData{"outcome": string(outcome), "version": user.Version}}
	return ImportedUser{userOf(&user), outcome}, tx.record(ctx, told)
}

// changed is the account as the record now says it: what the record leaves out
// stays.
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

// importedHash is the hash to store over the one that an account has: "" where
// the record has none, or the account has that one or one of our own, which its
// owner has made by signing in.
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
	case has.Hash == hash || strings.HasPrefix(has.Hash, "$argon2id$"):
		return "", nil
	}
	return hash, nil
}

// importedAndUntouched says that an import made the account, and that nothing
// has changed it since the last import: its version is the one that the import
// left.
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
		return false, nil //nolint:nilerr // an event without that fact is of another way in
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
