package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit"
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

// find returns the user with an id, or with an address in any spelling.
func (r records) find(ctx context.Context, name string) (admit.User, error) {
	get := r.auth.Users.Get
	if strings.Contains(name, "@") {
		get = r.auth.Users.GetByEmail
	}
	user, err := get(ctx, name)
	if err != nil {
		return admit.User{}, fmt.Errorf("%q: %w", name, err)
	}
	return user, nil
}

func (r records) setRole(ctx context.Context, user admit.User, role string) error {
	return r.auth.Users.SetRole(ctx, admit.SetRoleParams{UserID: user.ID, Role: role})
}

// knownRoles refuses roles that no user has, unless a flag says that they are new.
func (r records) knownRoles(ctx context.Context, roles []string, areNew bool) error {
	known := []string{admit.RoleUser, admit.RoleAdmin, "guest"}
	unknown := func(role string) bool {
		// The library returns the error of a role that is not valid.
		return !slices.Contains(known, role) && strings.Trim(role, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
	}
	if areNew || !slices.ContainsFunc(roles, unknown) {
		return nil
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
	if err := rows.Err(); err != nil {
		return err
	}
	var missing []string
	for _, role := range roles {
		if unknown(role) {
			missing = append(missing, fmt.Sprintf("%.50q", role))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(known)
	noun := "role"
	if len(missing) > 1 {
		noun = "roles"
	}
	return fmt.Errorf("nobody has the %s %s; there are %s. If it is no slip of the hand, give --new-role",
		noun, strings.Join(missing, ", "), strings.Join(slices.Compact(known), ", "))
}

// madeBefore counts live sessions, the users that they belong to, and unused
// one-time tokens.
func (r records) madeBefore(ctx context.Context, t time.Time) (sessions, people, tokens int, err error) {
	at := t.UnixMicro()
	err = r.db.QueryRowContext(ctx, `SELECT count(*), count(DISTINCT user_id) FROM admit_sessions WHERE tenant = '' AND ended_at = 0 AND created_at < $1`, at).
		Scan(&sessions, &people)
	if err == nil {
		err = r.db.QueryRowContext(ctx, `SELECT count(*) FROM admit_tokens WHERE tenant = '' AND used_at = 0 AND created_at < $1`, at).Scan(&tokens)
	}
	return sessions, people, tokens, err
}

// users returns at most limit of the selected users, the oldest first, and the
// id after which the next list starts, or "" at the end.
func (r records) users(ctx context.Context, in admit.ListUsersParams, limit int) ([]admit.User, string, error) {
	var users []admit.User
	for {
		in.Limit = min(limit-len(users), pageSize)
		part, err := r.auth.Users.List(ctx, in)
		if err != nil {
			return nil, "", err
		}
		users = append(users, part.Items...)
		if in.After = part.Next; in.After == "" || len(users) >= limit {
			return users, in.After, nil
		}
	}
}

// events is users for the audit log.
func (r records) events(ctx context.Context, in admit.ListEventsParams, limit int) ([]admit.Event, string, error) {
	var events []admit.Event
	for {
		in.Limit = min(limit-len(events), pageSize)
		part, err := r.auth.Events.List(ctx, in)
		if err != nil {
			return nil, "", err
		}
		events = append(events, part.Items...)
		if in.After = part.Next; in.After == "" || len(events) >= limit {
			return events, in.After, nil
		}
	}
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
