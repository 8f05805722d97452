package admit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file has the sessions in which an administrator acts as a user. They have
// no refresh token. They live only as long as the session and the role of the
// administrator. access.go, recheck.go and impersonation.go use it.

// recordActing are the records of these sessions. Each has the id of its session.
const recordActing = "impersonation"

// actingLife is the longest life of these sessions.
const actingLife = time.Hour

// actingData is what the record of such a session holds.
type actingData struct {
	ActorID      string `json:"actorId"`
	ActorSession string `json:"actorSession"`
}

// actorOf returns the administrator who acts in a session; nil if it is a session of
// the user. It always asks the store. It returns ErrSessionExpired if the session of
// the administrator has ended, if the administrator has lost the role or is banned or
// deleted, and if the user has become an administrator.
func actorOf(ctx context.Context, s store.Store, session *store.Session, user *store.User, now time.Time) (*acting, error) {
	if !isActing(session) {
		return nil, nil //nolint:nilnil // most sessions have no actor
	}
	var data actingData
	found, err := s.Record(ctx, tenant, recordActing, session.ID)
	if err == nil {
		if err = json.Unmarshal(found.Data, &data); err != nil {
			return nil, ErrInternal.because(err)
		}
	}
	var by acting
	if err == nil {
		by.session, by.user, err = s.SessionUser(ctx, tenant, data.ActorSession)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrSessionExpired
	case err != nil:
		return nil, fault(err)
	case mayGoOn(&by.session, &by.user, data.ActorID, now) != nil, by.user.Role != RoleAdmin, user.Role == RoleAdmin:
		return nil, ErrSessionExpired
	}
	return &by, nil
}

// whileActingKey is the context key of whileActing.
type whileActingKey struct{}

// whileActing returns a context whose transactions an administrator may run who acts
// as the user. Every other transaction is refused: what changes credentials, factors,
// keys or roles, what deletes, and every rule that nobody has thought about.
func whileActing(ctx context.Context) context.Context {
	return context.WithValue(ctx, whileActingKey{}, true)
}

// recheckActor refuses, inside a transaction, an administrator who may not act as the
// user any longer, or not in this transaction.
func recheckActor(ctx context.Context, t *txn, c *caller, session *store.Session, user *store.User) error {
	if c.actor == nil {
		return nil
	}
	if allowed, _ := ctx.Value(whileActingKey{}).(bool); !allowed {
		return ErrImpersonating
	}
	_, err := actorOf(ctx, t, session, user, t.now())
	return err
}

// openActing makes a session in which the caller, an administrator, acts as a user.
// The user is locked. The session shows no device and no address: they would be those
// of the administrator.
func openActing(ctx context.Context, t *txn, user *store.User, by *caller) (store.Session, error) {
	now := t.now()
	until := now.Add(actingLife)
	if by.session.AbsoluteExpiresAt.Before(until) {
		until = by.session.AbsoluteExpiresAt
	}
	var secret [32]byte // nobody is given it
	if _, err := rand.Read(secret[:]); err != nil {
		return store.Session{}, ErrInternal.because(err)
	}
	hash := sha256.Sum256(secret[:])
	session := store.Session{
		Tenant: tenant, ID: t.newID(), UserID: user.ID, Generation: 1, Confirmed: 1, UsedBefore: store.NoAnswer, SecretHash: hash[:], RotatedAt: now,
		AMR: methodActing, CreatedAt: now, LastActivityAt: now, ExpiresAt: until, AbsoluteExpiresAt: until,
	}
	data, err := json.Marshal(actingData{by.user.ID, by.session.ID})
	if err != nil {
		return store.Session{}, ErrInternal.because(err)
	}
	err = t.CreateRecord(ctx, store.Record{
		Tenant: tenant, Kind: recordActing, ID: session.ID, Refs: []string{userRef(user.ID), userRef(by.user.ID)}, Data: data,
		CreatedAt: now, UpdatedAt: now, ExpiresAt: until,
	})
	t.batch.Sessions = append(t.batch.Sessions, session)
	return session, err
}
