package sqlstore

import (
	"cmp"
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const sessionColumns = "tenant, id, user_id, generation, secret_hash, confirmed, rotated_at, auth_time, amr, organization_id, " +
	"user_agent, ip_address, created_at, last_activity_at, expires_at, absolute_expires_at, ended_at, end_reason, answers, used, used_before"

// sessionFields returns the variables that sessionColumns are read into.
func sessionFields(n *store.Session) []any {
	return []any{
		&n.Tenant, &n.ID, &n.UserID, &n.Generation, &n.SecretHash, &n.Confirmed, (*moment)(&n.RotatedAt), (*moment)(&n.AuthTime),
		&n.AMR, &n.OrganizationID, &n.UserAgent, &n.IPAddress, (*moment)(&n.CreatedAt), (*moment)(&n.LastActivityAt),
		(*moment)(&n.ExpiresAt), (*moment)(&n.AbsoluteExpiresAt), (*moment)(&n.EndedAt), &n.EndReason,
		&n.Answers, &n.Used, &n.UsedBefore,
	}
}

type sessionStatements struct {
	create, withUser, rotate, rotateUser, confirm, answer, prove, enter, touch, list, count *query

	end, endAll, endOldest, makeRoom, endBefore *query
}

func newSessionStatements(c *catalogue) sessionStatements {
	// live is the condition that a session of the account $2 lives at the time $3.
	const live = `tenant = $1 AND user_id = $2 AND ended_at = 0 AND expires_at > $3 AND absolute_expires_at > $3`
	byUser := c.by("admit_sessions_user")
	rotate := `
			UPDATE admit_sessions SET generation = generation + 1, confirmed = generation, answers = 0, used_before = used, used = -1, secret_hash = $5, rotated_at = $6,
				last_activity_at = $6, expires_at = CASE WHEN absolute_expires_at < $7 THEN absolute_expires_at ELSE $7 END
			WHERE tenant = $1 AND id = $2 AND generation = $3 AND secret_hash = $4
				AND ` + unset("ended_at") + ` AND expires_at > $6 AND absolute_expires_at > $6
				AND EXISTS (SELECT 1 FROM admit_users u WHERE u.tenant = admit_sessions.tenant AND u.id = admit_sessions.user_id
					AND u.deleted_at = 0 AND (u.banned_at = 0 OR (u.ban_expires_at <> 0 AND u.ban_expires_at <= $6)))`
	both := qualified("s", sessionColumns) + ", " + sessionRole + ", " + qualified("u", userColumns)
	var rotateUser *query
	if c.dialect == Postgres {
		rotateUser = c.write("rotate session and read user", `WITH rotated AS (`+rotate+` RETURNING *) SELECT `+c.pack(both, "s.secret_hash")+`
			FROM rotated s JOIN admit_users u ON u.tenant = s.tenant AND u.id = s.user_id`)
		rotateUser.packed = true
	}
	// makeRoom is used on PostgreSQL alone.
	var makeRoom *query
	if c.dialect == Postgres {
		const left = `(user_agent = $7 AND ip_address = $8)`
		makeRoom = c.write("make room for session", `
			UPDATE admit_sessions SET ended_at = $3, end_reason = CASE WHEN `+left+` THEN CAST($9 AS TEXT) ELSE CAST($5 AS TEXT) END
			WHERE `+live+` AND id <> $4 AND (`+left+` OR id <= (
				SELECT id FROM admit_sessions WHERE `+live+` AND NOT `+left+` ORDER BY id DESC LIMIT 1 OFFSET $6))
			RETURNING id, `+left+` AS alike`)
	}
	return sessionStatements{
		makeRoom:   makeRoom,
		rotateUser: rotateUser,
		create:     c.write("create session", `INSERT INTO admit_sessions (`+sessionColumns+`) VALUES (`+values(21)+`) ON CONFLICT DO NOTHING`),
		withUser: c.packed("read session and user", both, "s.secret_hash", `
			FROM admit_sessions s JOIN admit_users u ON u.tenant = s.tenant AND u.id = s.user_id
			WHERE s.tenant = $1 AND s.id = $2`),
		rotate: c.write("rotate session", rotate),
		confirm: c.write("confirm session", `
			UPDATE admit_sessions SET confirmed = $3, used = $4 WHERE tenant = $1 AND id = $2 AND generation = $3 AND confirmed < $3`),
		answer: c.write("answer session", `
			UPDATE admit_sessions SET answers = answers + 1 WHERE tenant = $1 AND id = $2 AND generation = $3 RETURNING answers`),
		prove: c.write("prove session", `
			UPDATE admit_sessions SET auth_time = $3, amr = $4 WHERE tenant = $1 AND id = $2
				AND `+unset("ended_at")+` AND expires_at > $3 AND absolute_expires_at > $3`),
		enter: c.write("enter organization", `
			UPDATE admit_sessions SET organization_id = $3 WHERE tenant = $1 AND id = $2 AND `+unset("ended_at")),
		// Sessions are locked in one order, so that two batches cannot wait for
		// each other.
		touch: c.write("touch sessions", c.pick(`
			UPDATE admit_sessions AS s SET last_activity_at = activity.at
			FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS at FROM json_each($1)) AS activity
			WHERE s.tenant = activity.tenant AND s.id = activity.id AND `+unset("s.ended_at")+` AND s.last_activity_at < activity.at`, `
			WITH activity AS (
				SELECT e ->> 0 AS tenant, e ->> 1 AS id, CAST(e ->> 2 AS BIGINT) AS at FROM jsonb_array_elements(CAST($1 AS JSONB)) AS e),
			due AS (
				SELECT s.tenant, s.id, activity.at FROM admit_sessions s JOIN activity ON s.tenant = activity.tenant AND s.id = activity.id
				WHERE `+unset("s.ended_at")+` AND s.last_activity_at < activity.at ORDER BY s.tenant, s.id FOR UPDATE OF s)
			UPDATE admit_sessions AS s SET last_activity_at = due.at FROM due
			WHERE s.tenant = due.tenant AND s.id = due.id AND `+unset("s.ended_at")+` AND s.last_activity_at < due.at`)),
		list:  c.read("list sessions", `SELECT `+sessionColumns+` FROM admit_sessions`+byUser+` WHERE `+live+` ORDER BY id LIMIT $4 OFFSET $5`),
		count: c.read("count sessions", `SELECT count(*) FROM admit_sessions`+byUser+` WHERE `+live),
		end: c.write("end session", `
			UPDATE admit_sessions SET ended_at = $4, end_reason = $5 WHERE tenant = $1 AND id = $2 AND user_id = $3
				AND `+unset("ended_at")+` AND expires_at > $4 AND absolute_expires_at > $4`),
		endAll: c.write("end sessions", `
			UPDATE admit_sessions`+byUser+` SET ended_at = $3, end_reason = $5
			WHERE tenant = $1 AND user_id = $2 AND id <> $4 AND ended_at = 0
			RETURNING expires_at > $3 AND absolute_expires_at > $3`),
		// Most accounts have fewer sessions than the limit, ended sessions left out.
		// The index alone shows this. The rows of the sessions are read only for the
		// other accounts.
		endOldest: c.write("end oldest sessions", `
			UPDATE admit_sessions`+byUser+` SET ended_at = $3, end_reason = $5
			WHERE EXISTS (SELECT 1 FROM admit_sessions`+byUser+` WHERE tenant = $1 AND user_id = $2 AND ended_at = 0
					ORDER BY id DESC LIMIT 1 OFFSET $6)
				AND `+live+` AND id <> $4 AND id <= (
					SELECT id FROM admit_sessions`+byUser+` WHERE `+live+` ORDER BY id DESC LIMIT 1 OFFSET $6)`),
		endBefore: c.write("end sessions before", c.held(`
			SELECT id FROM admit_sessions WHERE tenant = $1 AND created_at < $2 AND ended_at = 0 ORDER BY created_at LIMIT $5`)+`
			UPDATE admit_sessions SET ended_at = $3, end_reason = $4 WHERE tenant = $1 AND `+unset("ended_at")+` AND id IN (SELECT id FROM due)`),
	}
}

// CreateSession implements store.Sessions.
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	if err := text.Session(n); err != nil {
		return err
	}
	return s.create(ctx, s.q.sessions.create, sessionArguments(n)...)
}

func sessionArguments(n store.Session) []any {
	return []any{
		n.Tenant, n.ID, n.UserID, n.Generation, full(n.SecretHash), n.Confirmed,
		micros(n.RotatedAt), micros(n.AuthTime), n.AMR, n.OrganizationID, n.UserAgent, n.IPAddress, micros(n.CreatedAt),
		micros(n.LastActivityAt), micros(n.ExpiresAt), micros(n.AbsoluteExpiresAt), micros(n.EndedAt), n.EndReason,
		n.Answers, n.Used, n.UsedBefore,
	}
}

// SessionUser implements store.Sessions.
func (s *Store) SessionUser(ctx context.Context, tenant, id string) (store.Session, store.User, error) {
	if err := text.Key(tenant, id); err != nil {
		return store.Session{}, store.User{}, err
	}
	return s.sessionUser(ctx, s.q.sessions.withUser, tenant, id)
}

// sessionUser reads a session and its account.
func (s *Store) sessionUser(ctx context.Context, q *query, args ...any) (store.Session, store.User, error) {
	// The session and the account share one allocation, because every guarded
	// request reads them.
	var found struct {
		session store.Session
		user    store.User
	}
	fields := append(append(sessionFields(&found.session), &found.session.OrganizationRole), userFields(&found.user)...)
	if err := s.one(ctx, q, fields, args...); err != nil {
		return store.Session{}, store.User{}, err
	}
	return found.session, found.user, nil
}

// RotateSession implements store.Sessions.
func (s *Store) RotateSession(ctx context.Context, r store.Rotation) (bool, error) {
	if err := text.Key(r.Tenant, r.ID); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.sessions.rotate, rotationArguments(r)...)
}

func rotationArguments(r store.Rotation) []any {
	return []any{r.Tenant, r.ID, r.Generation, full(r.SecretHash), full(r.NextHash), micros(r.Now), micros(r.ExpiresAt)}
}

// RotateSessionUser implements store.Sessions. On SQLite a second statement
// reads the account, because there a statement needs no network exchange.
func (s *Store) RotateSessionUser(ctx context.Context, r store.Rotation) (n store.Session, u store.User, rotated bool, err error) {
	if err := text.Key(r.Tenant, r.ID); err != nil {
		return n, u, false, err
	}
	if s.dialect == Postgres {
		n, u, err = s.sessionUser(ctx, s.q.sessions.rotateUser, rotationArguments(r)...)
		return n, u, err == nil, ignoreNotFound(err)
	}
	err = s.atomically(ctx, func(ctx context.Context, t *Store) error {
		if rotated, err = t.done(ctx, t.q.sessions.rotate, rotationArguments(r)...); err != nil || !rotated {
			return err
		}
		n, u, err = t.sessionUser(ctx, t.q.sessions.withUser, r.Tenant, r.ID)
		return err
	})
	return n, u, rotated && err == nil, err
}

// ConfirmSession implements store.Sessions.
func (s *Store) ConfirmSession(ctx context.Context, tenant, id string, generation, answer int64) error {
	if err := text.Key(tenant, id); err != nil {
		return err
	}
	_, err := s.exec(ctx, s.q.sessions.confirm, tenant, id, generation, answer)
	return err
}

// AnswerSession implements store.Sessions.
func (s *Store) AnswerSession(ctx context.Context, tenant, id string, generation int64) (int64, error) {
	if err := text.Key(tenant, id); err != nil {
		return 0, err
	}
	var answers int64
	err := s.one(ctx, s.q.sessions.answer, []any{&answers}, tenant, id, generation)
	return answers, err
}

// ProveSession implements store.Sessions.
func (s *Store) ProveSession(ctx context.Context, tenant, id, amr string, at time.Time) error {
	if err := cmp.Or(text.Key(tenant, id), text.Plain(amr)); err != nil {
		return err
	}
	_, err := s.exec(ctx, s.q.sessions.prove, tenant, id, micros(at), amr)
	return err
}

// EnterOrganization implements store.Sessions.
func (s *Store) EnterOrganization(ctx context.Context, tenant, id, organizationID string) error {
	if err := text.Key(tenant, id, organizationID); err != nil {
		return err
	}
	_, err := s.exec(ctx, s.q.sessions.enter, tenant, id, organizationID)
	return err
}

// TouchSessions implements store.Sessions.
func (s *Store) TouchSessions(ctx context.Context, activity []store.Activity) error {
	latest := make(map[[2]string]int64, len(activity))
	for _, a := range activity {
		if err := text.Key(a.Tenant, a.ID); err != nil {
			return err
		}
		key := [2]string{a.Tenant, a.ID}
		latest[key] = max(latest[key], micros(a.At))
	}
	batch := make([][3]any, 0, len(latest))
	for key, at := range latest {
		batch = append(batch, [3]any{key[0], key[1], at})
	}
	argument, err := jsonText(batch)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, s.q.sessions.touch, argument)
	return err
}

// ListSessions implements store.Sessions.
func (s *Store) ListSessions(ctx context.Context, tenant, userID string, now time.Time, page store.Page) ([]store.Session, int, error) {
	if err := text.Key(tenant, userID); err != nil {
		return nil, 0, err
	}
	return paged(ctx, s, s.q.sessions.count, s.q.sessions.list, sessionFields, page, tenant, userID, micros(now))
}
