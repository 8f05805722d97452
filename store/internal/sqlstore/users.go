package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const userColumns = "tenant, id, email, email_key, email_verified_at, name, nickname, image, locale, role, " +
	"onboarding, mute_alerts, banned_at, ban_expires_at, ban_reason, deleted_at, created_at, updated_at, version, mfa_enabled"

// userFields returns the variables that userColumns are read into.
func userFields(u *store.User) []any {
	return []any{
		&u.Tenant, &u.ID, &u.Email, &u.EmailKey, (*moment)(&u.EmailVerifiedAt), &u.Name, &u.Nickname, &u.Image, &u.Locale, &u.Role,
		&u.Onboarding, (*flag)(&u.MuteAlerts), (*moment)(&u.BannedAt), (*moment)(&u.BanExpiresAt), &u.BanReason,
		(*moment)(&u.DeletedAt), (*moment)(&u.CreatedAt), (*moment)(&u.UpdatedAt), &u.Version, (*flag)(&u.MFAEnabled),
	}
}

type userStatements struct {
	create, createOnce, get, lock, byEmail, lockByEmail, update, list, verifyEmail, setEmail, remove, exists *query

	claimAddress, reserveAddress, freeAddress *query

	listRole *query
	find     findStatements
}

func newUserStatements(c *catalogue) userStatements {
	const byID = `FROM admit_users WHERE tenant = $1 AND id = $2`
	const byEmail = `
			FROM admit_addresses a
			JOIN admit_users u ON u.tenant = a.tenant AND u.id = a.user_id
			WHERE a.tenant = $1 AND a.email_key = $2 AND a.reserved_until = 0`
	// An account gets an address if no account has it, if the account itself has
	// it, or if a reservation of it has expired.
	const taken = ` ON CONFLICT (tenant, email_key) DO UPDATE SET user_id = excluded.user_id, reserved_until = 0
			WHERE a.user_id = excluded.user_id OR (a.reserved_until > 0 AND a.reserved_until <= `
	var createOnce *query
	if c.dialect == Postgres {
		createOnce = c.write("create user with address", `WITH claimed AS (
			INSERT INTO admit_addresses AS a (tenant, email_key, user_id, reserved_until)
			SELECT CAST($1 AS TEXT), CAST($4 AS TEXT), CAST($2 AS TEXT), 0 WHERE NOT EXISTS (SELECT 1 FROM admit_users WHERE tenant = $1 AND id = $2)`+
			taken+`CAST($17 AS BIGINT)) RETURNING 1)
			INSERT INTO admit_users (`+userColumns+`) SELECT `+userValues()+` FROM claimed`)
	}
	const listed = `
				AND (CAST($5 AS BIGINT) = 0 OR email_verified_at = 0)
				AND (CAST($6 AS BIGINT) = 0 OR (banned_at > 0 AND (ban_expires_at = 0 OR ban_expires_at > $6)))
				AND (CAST($7 AS TEXT) = '' OR `
	contained := c.contains("email_key", "$7") + ` OR ` + c.contains("name", "$7") + `)
			ORDER BY id LIMIT $3`
	return userStatements{
		find: newFindStatements(c),
		listRole: c.read("list users of role", `
			SELECT `+userColumns+` FROM admit_users`+c.by("admit_users_role")+` WHERE tenant = $1 AND id > $2 AND role = $4 AND deleted_at = 0`+listed+contained),
		createOnce:  createOnce,
		create:      c.write("create user", `INSERT INTO admit_users (`+userColumns+`) VALUES (`+values(20)+`) ON CONFLICT DO NOTHING`),
		get:         c.packed("read user", userColumns, "", byID),
		lock:        c.packed("lock user", userColumns, "", byID+c.pick("", " FOR UPDATE")),
		byEmail:     c.packed("read user by e-mail", qualified("u", userColumns), "", byEmail),
		lockByEmail: c.packed("lock user by e-mail", qualified("u", userColumns), "", byEmail+c.pick("", " FOR UPDATE OF u")),
		list: c.read("list users", `
			SELECT `+userColumns+` FROM admit_users WHERE tenant = $1 AND id > $2 AND (CAST($4 AS TEXT) = '' OR role = $4) AND deleted_at = 0`+listed+contained),
		update: c.write("update user", `
			UPDATE admit_users SET email_verified_at = $4, name = $5, nickname = $6, image = $7, locale = $8, role = $9,
				onboarding = $10, mute_alerts = $11, banned_at = $12, ban_expires_at = $13, ban_reason = $14,
				updated_at = $15, mfa_enabled = $16, version = version + 1
			WHERE tenant = $1 AND id = $2 AND version = $3 AND deleted_at = 0`),
		exists: c.read("look for user", `SELECT version FROM admit_users WHERE tenant = $1 AND id = $2 AND deleted_at = 0`),
		verifyEmail: c.write("verify e-mail", `
			UPDATE admit_users SET email_verified_at = $4, updated_at = $4, version = version + 1
			WHERE tenant = $1 AND id = $2 AND email_key = $3 AND email_verified_at = 0 AND deleted_at = 0`),
		setEmail: c.write("change e-mail", `
			UPDATE admit_users SET email = $4, email_key = $5, email_verified_at = $6, updated_at = $7, version = version + 1
			WHERE tenant = $1 AND id = $2 AND email_key = $3 AND deleted_at = 0`),
		remove: c.write("delete user", `
			UPDATE admit_users SET deleted_at = $3, updated_at = $3, version = version + 1
			WHERE tenant = $1 AND id = $2 AND deleted_at = 0 RETURNING email_key`),

		claimAddress: c.write("claim address", `
			INSERT INTO admit_addresses AS a (tenant, email_key, user_id, reserved_until) VALUES ($1, $2, $3, 0)`+taken+`$4)`),
		reserveAddress: c.write("reserve address", `
			UPDATE admit_addresses SET reserved_until = $4 WHERE tenant = $1 AND email_key = $2 AND user_id = $3`),
		freeAddress: c.write("free address", `
			DELETE FROM admit_addresses WHERE tenant = $1 AND email_key = $2 AND user_id = $3`),
	}
}

// userValues are the placeholders of userColumns in statements in which no
// column gives their types.
func userValues() string {
	columns := strings.Split(userColumns, ", ")
	var u store.User
	fields := userFields(&u)
	for i := range columns {
		kind := "TEXT"
		if _, ok := fields[i].(*string); !ok {
			kind = "BIGINT"
		}
		columns[i] = "CAST($" + strconv.Itoa(i+1) + " AS " + kind + ")"
	}
	return strings.Join(columns, ", ")
}

// CreateUser implements store.Users.
func (s *Store) CreateUser(ctx context.Context, u store.User) error {
	if err := text.User(u); err != nil {
		return err
	}
	args := []any{
		u.Tenant, u.ID, u.Email, u.EmailKey, micros(u.EmailVerifiedAt), u.Name,
		u.Nickname, u.Image, u.Locale, u.Role, u.Onboarding, bit(u.MuteAlerts), micros(u.BannedAt), micros(u.BanExpiresAt),
		u.BanReason, micros(u.DeletedAt), micros(u.CreatedAt), micros(u.UpdatedAt), int64(1), bit(u.MFAEnabled),
	}
	if s.dialect == Postgres {
		return s.createUserOnce(ctx, args)
	}
	return s.atomically(ctx, func(ctx context.Context, t *Store) error {
		if err := t.create(ctx, t.q.users.create, args...); err != nil {
			return err
		}
		return t.claimAddress(ctx, u.Tenant, u.EmailKey, u.ID, u.CreatedAt)
	})
}

// createUserOnce adds an account by one statement, which fails only if another
// transaction adds an account with the same id meanwhile.
func (s *Store) createUserOnce(ctx context.Context, args []any) error {
	return s.unlessOvertaken(ctx, func(ctx context.Context, t *Store) error { return t.create(ctx, t.q.users.createOnce, args...) })
}

func (s *Store) claimAddress(ctx context.Context, tenant, emailKey, userID string, now time.Time) error {
	return s.create(ctx, s.q.users.claimAddress, tenant, emailKey, userID, micros(now))
}

// leaveAddress frees an address, or keeps it for the account until a time.
func (s *Store) leaveAddress(ctx context.Context, tenant, emailKey, userID string, reserveUntil time.Time) error {
	var err error
	if reserveUntil.IsZero() {
		_, err = s.exec(ctx, s.q.users.freeAddress, tenant, emailKey, userID)
	} else {
		_, err = s.exec(ctx, s.q.users.reserveAddress, tenant, emailKey, userID, micros(reserveUntil))
	}
	return err
}

// User implements store.Users.
func (s *Store) User(ctx context.Context, tenant, id string) (store.User, error) {
	return s.user(ctx, s.q.users.get, tenant, id)
}

// LockUser implements store.Users.
func (s *Store) LockUser(ctx context.Context, tenant, id string) (store.User, error) {
	if err := s.lockWrites(ctx); err != nil {
		return store.User{}, err
	}
	return s.user(ctx, s.q.users.lock, tenant, id)
}

// UserByEmail implements store.Users.
func (s *Store) UserByEmail(ctx context.Context, tenant, emailKey string) (store.User, error) {
	return s.user(ctx, s.q.users.byEmail, tenant, emailKey)
}

// LockUserByEmail implements store.Users.
func (s *Store) LockUserByEmail(ctx context.Context, tenant, emailKey string) (store.User, error) {
	if err := s.lockWrites(ctx); err != nil {
		return store.User{}, err
	}
	return s.user(ctx, s.q.users.lockByEmail, tenant, emailKey)
}

// lockWrites takes the write lock of SQLite. Every transaction of the engine
// has the lock from its start, but a host's transaction may not have it.
func (s *Store) lockWrites(ctx context.Context) error {
	if s.dialect != SQLite || s.scope == nil || !s.scope.host {
		return nil
	}
	_, err := s.exec(ctx, s.q.lock)
	return err
}

// ListUsers implements store.Users. Both databases fold the letters a to z, and
// PostgreSQL those of its collation too.
func (s *Store) ListUsers(ctx context.Context, q store.UserQuery) ([]store.User, error) {
	if err := text.UserQuery(q); err != nil {
		return nil, err
	}
	list := s.q.users.list
	if q.Role != "" {
		list = s.q.users.listRole
	}
	return all(ctx, s, list, userFields, q.Tenant, q.After, int64(q.Limit), q.Role, bit(q.Unverified), micros(q.BannedAt), q.Search)
}

func (s *Store) user(ctx context.Context, q *query, tenant, key string) (store.User, error) {
	if err := text.Key(tenant, key); err != nil {
		return store.User{}, err
	}
	var u store.User
	if err := s.one(ctx, q, userFields(&u), tenant, key); err != nil {
		return store.User{}, err
	}
	return u, nil
}

// UpdateUser implements store.Users.
func (s *Store) UpdateUser(ctx context.Context, u store.User) error {
	if err := text.User(u); err != nil {
		return err
	}
	updated, err := s.done(ctx, s.q.users.update, u.Tenant, u.ID, u.Version, micros(u.EmailVerifiedAt), u.Name, u.Nickname, u.Image,
		u.Locale, u.Role, u.Onboarding, bit(u.MuteAlerts), micros(u.BannedAt), micros(u.BanExpiresAt), u.BanReason, micros(u.UpdatedAt),
		bit(u.MFAEnabled))
	if err != nil || updated {
		return err
	}
	var version int64
	if err := s.one(ctx, s.q.users.exists, []any{&version}, u.Tenant, u.ID); err != nil {
		return err
	}
	return store.ErrConflict
}

// VerifyEmail implements store.Users.
func (s *Store) VerifyEmail(ctx context.Context, tenant, id, emailKey string, at time.Time) (bool, error) {
	if err := text.Key(tenant, id, emailKey); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.users.verifyEmail, tenant, id, emailKey, micros(at))
}

// ClaimEmail implements store.Users. The row of the account is locked first, so
// that two claims of one account wait for each other there.
func (s *Store) ClaimEmail(ctx context.Context, c store.EmailClaim) error {
	if err := text.EmailClaim(c); err != nil {
		return err
	}
	return s.atomically(ctx, func(ctx context.Context, t *Store) error {
		moved, err := t.done(ctx, t.q.users.setEmail, c.Tenant, c.UserID, c.FromKey, c.Email, c.EmailKey, micros(c.VerifiedAt), micros(c.Now))
		if err != nil {
			return err
		}
		if !moved {
			return store.ErrNotFound
		}
		if c.EmailKey == c.FromKey {
			return nil
		}
		if err := t.claimAddress(ctx, c.Tenant, c.EmailKey, c.UserID, c.Now); err != nil {
			return err
		}
		return t.leaveAddress(ctx, c.Tenant, c.FromKey, c.UserID, c.ReserveUntil)
	})
}

// DeleteUser implements store.Users.
func (s *Store) DeleteUser(ctx context.Context, tenant, id string, at, reserveUntil time.Time) (bool, error) {
	if err := text.Key(tenant, id); err != nil {
		return false, err
	}
	var deleted bool
	err := s.atomically(ctx, func(ctx context.Context, t *Store) error {
		var emailKey string
		err := t.one(ctx, t.q.users.remove, []any{&emailKey}, tenant, id, micros(at))
		if deleted = err == nil; !deleted {
			return ignoreNotFound(err)
		}
		return t.leaveAddress(ctx, tenant, emailKey, id, reserveUntil)
	})
	return deleted && err == nil, err
}
