package sqlstore

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// This file lists, restores and purges accounts that are deleted.

type purgeStatements struct {
	list, restore, remove *query
	// rest remove what belongs to an account. Each takes the tenant and the id.
	rest []*query
	// addresses also takes the address that stays reserved at a time.
	addresses *query
	// about and caused clear events. about also takes the kinds that lose Data.
	about, caused *query
	mails         *query
}

func newPurgeStatements(c *catalogue) purgeStatements {
	// The order makes PostgreSQL use the index of the column without statistics:
	// see newTokenStatements.
	of := func(table, index, key, column, condition string) string {
		return c.pick(`DELETE FROM admit_`+table+c.by(index)+` WHERE tenant = $1 AND `+column+` = $2 AND `+condition,
			c.held(`SELECT `+key+` FROM admit_`+table+` WHERE tenant = $1 AND `+column+` >= $2 AND `+column+` <= $2 AND `+condition+` ORDER BY `+column)+`
			DELETE FROM admit_`+table+` WHERE (`+key+`) IN (SELECT `+key+` FROM due)`)
	}
	const tokenKey = "tenant, kind, hash"
	return purgeStatements{
		list: c.read("list deleted users", `
			SELECT `+userColumns+` FROM admit_users`+c.by("admit_users_deleted")+`
			WHERE tenant = $1 AND id > $2 AND deleted_at > 0 AND (CAST($3 AS BIGINT) = 0 OR deleted_at < $3) ORDER BY id LIMIT $4`),
		restore: c.write("restore user", `
			UPDATE admit_users SET deleted_at = 0, updated_at = $3, version = version + 1
			WHERE tenant = $1 AND id = $2 AND deleted_at <> 0 RETURNING email_key`),
		remove: c.write("purge user", `DELETE FROM admit_users WHERE tenant = $1 AND id = $2 AND deleted_at <> 0 RETURNING email_key`),
		rest: []*query{
			c.write("purge sessions", of("sessions", "admit_sessions_user", "tenant, id", "user_id", "ended_at = 0")),
			c.write("purge ended sessions", of("sessions", "admit_sessions_ended", "tenant, id", "user_id", "ended_at > 0")),
			c.write("purge tokens", of("tokens", "admit_tokens_user", tokenKey, "user_id", "used_at = 0 AND user_id <> ''")),
			c.write("purge used tokens", of("tokens", "admit_tokens_spent", tokenKey, "user_id", "used_at > 0 AND user_id <> ''")),
			c.write("purge API keys", of("api_keys", "admit_api_keys_owner", "tenant, id", "owner_id", "owner_id <> ''")),
		},
		addresses: c.write("purge addresses", of("addresses", "admit_addresses_kept", "tenant, email_key", "user_id",
			"reserved_until > 0 AND (email_key <> $3 OR reserved_until <= $4)")),
		about: c.write("clear events of subject", `
			UPDATE admit_events`+c.by("admit_events_subject")+` SET
				ip_address = CASE WHEN actor_id IN ('', subject_id) THEN '' ELSE ip_address END,
				user_agent = CASE WHEN actor_id IN ('', subject_id) THEN '' ELSE user_agent END,
				request_id = CASE WHEN actor_id IN ('', subject_id) THEN '' ELSE request_id END,
				client_salt = CASE WHEN actor_id IN ('', subject_id) THEN '' ELSE client_salt END,
				data_salt = CASE WHEN `+c.among("kind", "$3")+` THEN '' ELSE data_salt END,
				data = CASE WHEN `+c.among("kind", "$3")+` THEN NULL ELSE data END
			WHERE tenant = $1 AND subject_id = $2 AND subject_id <> ''`),
		mails: c.write("purge mail", `DELETE FROM admit_outbox WHERE tenant = $1 AND `+c.among("id", "$2")),
		caused: c.write("clear events of actor", `
			UPDATE admit_events`+c.by("admit_events_actor")+` SET ip_address = '', user_agent = '', request_id = '', client_salt = ''
			WHERE tenant = $1 AND actor_id = $2 AND actor_id <> '' AND actor_id <> subject_id`),
	}
}

// ListDeletedUsers implements store.Users.
func (s *Store) ListDeletedUsers(ctx context.Context, q store.DeletedQuery) ([]store.User, error) {
	if err := text.Key(q.Tenant, q.After); err != nil {
		return nil, err
	}
	return all(ctx, s, s.q.purge.list, userFields, q.Tenant, q.After, micros(q.Before), int64(q.Limit))
}

// RestoreUser implements store.Users. The row of the account is locked first, as
// in ClaimEmail.
func (s *Store) RestoreUser(ctx context.Context, tenant, id string, at time.Time) error {
	if err := text.Key(tenant, id); err != nil {
		return err
	}
	return s.atomically(ctx, func(ctx context.Context, t *Store) error {
		var emailKey string
		if err := t.one(ctx, t.q.purge.restore, []any{&emailKey}, tenant, id, micros(at)); err != nil {
			return err
		}
		return t.claimAddress(ctx, tenant, emailKey, id, at)
	})
}

// PurgeUser implements store.Users.
func (s *Store) PurgeUser(ctx context.Context, p store.UserPurge) (purged bool, err error) {
	if err := text.UserPurge(p); err != nil {
		return false, err
	}
	blank, err := jsonText(append([]string{}, p.Blank...))
	if err != nil {
		return false, err
	}
	mails, err := jsonText(append([]string{}, p.Mails...))
	if err != nil {
		return false, err
	}
	err = s.atomically(ctx, func(ctx context.Context, t *Store) error {
		var emailKey string
		err := t.one(ctx, t.q.purge.remove, []any{&emailKey}, p.Tenant, p.UserID)
		if purged = err == nil; !purged {
			return ignoreNotFound(err)
		}
		run := func(q *query, args ...any) {
			if err == nil {
				_, err = t.exec(ctx, q, append([]any{p.Tenant, p.UserID}, args...)...)
			}
		}
		run(t.q.password.remove)
		for _, q := range t.q.purge.rest {
			run(q)
		}
		run(t.q.purge.addresses, emailKey, micros(p.Now))
		run(t.q.purge.about, blank)
		run(t.q.purge.caused)
		if err == nil && len(p.Mails) > 0 {
			_, err = t.exec(ctx, t.q.purge.mails, p.Tenant, mails)
		}
		return err
	})
	return purged && err == nil, err
}
