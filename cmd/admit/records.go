package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// records is the store as an operator's commands use it. Each verb of the library
// is called in one method here.
type records struct {
	database

	app   *app
	place place
	db    *sql.DB
	auth  *admit.Auth
}

// find returns the user that an address, however it is spelled, or an id names.
func (r records) find(ctx context.Context, name string) (admit.User, error) {
	if strings.Contains(name, "@") {
		return r.auth.Users.GetByEmail(ctx, name)
	}
	return r.auth.Users.Get(ctx, name)
}

func (r records) setRole(ctx context.Context, user admit.User, role string) error {
	return r.auth.Users.SetRole(ctx, admit.SetRoleParams{UserID: user.ID, Role: role})
}

// knownRole refuses a role that nobody has, unless it is said to be new.
func (r records) knownRole(ctx context.Context, role string, isNew bool) error {
	known := []string{admit.RoleUser, admit.RoleAdmin, "guest"}
	if isNew || slices.Contains(known, role) || strings.Trim(role, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return nil // the library says what is wrong with one that nobody can have
	}
	rows, err := r.db.QueryContext(ctx, `SELECT DISTINCT role FROM admit_users WHERE tenant = '' AND deleted_at = 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		known = append(known, name)
	}
	if err := rows.Err(); err != nil || slices.Contains(known, role) {
		return err
	}
	slices.Sort(known)
	return fmt.Errorf("nobody has the role %.50q; there are %s. If it is no slip of the hand, give --new-role",
		role, strings.Join(slices.Compact(known), ", "))
}

// madeBefore counts live sessions, whose they are, and unused one-time tokens.
func (r records) madeBefore(ctx context.Context, t time.Time) (sessions, people, tokens int, err error) {
	at := t.UnixMicro()
	err = r.db.QueryRowContext(ctx, `SELECT count(*), count(DISTINCT user_id) FROM admit_sessions WHERE tenant = '' AND ended_at = 0 AND created_at < $1`, at).
		Scan(&sessions, &people)
	if err == nil {
		err = r.db.QueryRowContext(ctx, `SELECT count(*) FROM admit_tokens WHERE tenant = '' AND used_at = 0 AND created_at < $1`, at).Scan(&tokens)
	}
	return sessions, people, tokens, err
}

// userFilter selects users.
type userFilter struct {
	search, role, after string
	unverified, banned  bool
	limit               int
}

// users returns the selected users, the oldest first.
func (r records) users(ctx context.Context, f userFilter) ([]admit.User, error) {
	where, args := `tenant = '' AND deleted_at = 0 AND id > $1`, []any{f.after}
	add := func(condition string, arg any) {
		args = append(args, arg)
		where += fmt.Sprintf(" AND "+condition, len(args))
	}
	if f.search != "" {
		text := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(f.search)) + "%"
		add(`(email_key LIKE $%[1]d ESCAPE '\' OR lower(name) LIKE $%[1]d ESCAPE '\')`, text)
	}
	if f.role != "" {
		add(`role = $%d`, f.role)
	}
	if f.unverified {
		where += ` AND email_verified_at = 0`
	}
	if f.banned {
		add(`banned_at > 0 AND (ban_expires_at = 0 OR ban_expires_at > $%d)`, r.app.now().UnixMicro())
	}
	args = append(args, f.limit)
	rows, err := r.db.QueryContext(ctx, fmt.Sprintf(`SELECT id FROM admit_users WHERE %s ORDER BY id LIMIT $%d`, where, len(args)), args...)
	if err != nil {
		return nil, err
	}
	ids, err := texts(rows)
	if err != nil {
		return nil, err
	}
	users := make([]admit.User, 0, len(ids))
	for _, id := range ids {
		user, err := r.auth.Users.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		users = append(users, user)
	}
	return users, nil
}

// texts reads rows of one text each.
func texts(rows *sql.Rows) ([]string, error) {
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

// verify vouches for the address of a user.
func (r records) verify(ctx context.Context, user admit.User) error {
	return r.change(ctx, user.ID, "email.verified", map[string]any{"operator": true}, func(ctx context.Context, tx store.Store, now store.User) error {
		_, err := tx.VerifyEmail(ctx, now.Tenant, now.ID, now.EmailKey, r.app.now())
		return err
	})
}

// rename gives a user another name.
func (r records) rename(ctx context.Context, user admit.User, name string) error {
	return r.change(ctx, user.ID, "user.renamed", nil, func(ctx context.Context, tx store.Store, now store.User) error {
		now.Name, now.UpdatedAt = name, r.app.now()
		return tx.UpdateUser(ctx, now)
	})
}

// remove deletes a user and ends all that belongs to it, as the owner's own
// deletion does. No mail is sent.
func (r records) remove(ctx context.Context, user admit.User) error {
	at := r.app.now()
	return r.change(ctx, user.ID, "user.deleted", map[string]any{"reason": "operator"}, func(ctx context.Context, tx store.Store, now store.User) error {
		if err := tx.DeletePassword(ctx, now.Tenant, now.ID); err != nil {
			return err
		}
		if _, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: now.Tenant, UserID: now.ID, At: at, Reason: "deleted"}); err != nil {
			return err
		}
		if _, err := tx.RevokeAPIKeysOf(ctx, now.Tenant, now.ID, at); err != nil {
			return err
		}
		if _, err := tx.DeleteTokens(ctx, store.TokenFilter{Tenant: now.Tenant, UserID: now.ID, EmailKey: now.EmailKey}); err != nil {
			return err
		}
		if _, err := tx.DeleteRecordsOf(ctx, now.Tenant, "user/"+now.ID); err != nil {
			return err
		}
		_, err := tx.DeleteUser(ctx, now.Tenant, now.ID, at, time.Time{})
		return err
	})
}

// change runs a change of a user with the account locked, and records it.
func (r records) change(ctx context.Context, id, kind string, data map[string]any, work func(context.Context, store.Store, store.User) error) error {
	var ids uuid.Source
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if data == nil {
		text = nil
	}
	return newGuest(r.database, true).Tx(ctx, func(ctx context.Context, tx store.Store) error {
		user, err := tx.LockUser(ctx, "", id)
		if err != nil {
			return err
		}
		if user.Deleted() {
			return admit.ErrUserNotFound
		}
		if err := work(ctx, tx, user); err != nil {
			return err
		}
		at := r.app.now()
		return tx.AppendEvent(ctx, store.Event{ID: ids.New(at), Kind: kind, SubjectID: id, Data: text, At: at})
	})
}
