package storetest

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
)

func (w wrapped) CreateUser(ctx context.Context, u store.User) error {
	return w.via(ctx, w.inner, "CreateUser", func(ctx context.Context, to store.Store) error { return to.CreateUser(ctx, u) })
}

func (w wrapped) User(ctx context.Context, tenant, id string) (store.User, error) {
	return answer(ctx, w, "User", func(ctx context.Context, to store.Store) (store.User, error) {
		return to.User(ctx, tenant, id)
	})
}

func (w wrapped) LockUser(ctx context.Context, tenant, id string) (store.User, error) {
	return answer(ctx, w, "LockUser", func(ctx context.Context, to store.Store) (store.User, error) {
		return to.LockUser(ctx, tenant, id)
	})
}

func (w wrapped) UserByEmail(ctx context.Context, tenant, emailKey string) (store.User, error) {
	return answer(ctx, w, "UserByEmail", func(ctx context.Context, to store.Store) (store.User, error) {
		return to.UserByEmail(ctx, tenant, emailKey)
	})
}

func (w wrapped) UpdateUser(ctx context.Context, u store.User) error {
	return w.via(ctx, w.inner, "UpdateUser", func(ctx context.Context, to store.Store) error { return to.UpdateUser(ctx, u) })
}

func (w wrapped) VerifyEmail(ctx context.Context, tenant, id, emailKey string, at time.Time) (bool, error) {
	return answer(ctx, w, "VerifyEmail", func(ctx context.Context, to store.Store) (bool, error) {
		return to.VerifyEmail(ctx, tenant, id, emailKey, at)
	})
}

func (w wrapped) ClaimEmail(ctx context.Context, c store.EmailClaim) error {
	return w.via(ctx, w.inner, "ClaimEmail", func(ctx context.Context, to store.Store) error { return to.ClaimEmail(ctx, c) })
}

func (w wrapped) DeleteUser(ctx context.Context, tenant, id string, at, reserveUntil time.Time) (bool, error) {
	return answer(ctx, w, "DeleteUser", func(ctx context.Context, to store.Store) (bool, error) {
		return to.DeleteUser(ctx, tenant, id, at, reserveUntil)
	})
}

func (w wrapped) Password(ctx context.Context, tenant, userID string) (store.Password, error) {
	return answer(ctx, w, "Password", func(ctx context.Context, to store.Store) (store.Password, error) {
		return to.Password(ctx, tenant, userID)
	})
}

func (w wrapped) PutPassword(ctx context.Context, p store.Password) error {
	return w.via(ctx, w.inner, "PutPassword", func(ctx context.Context, to store.Store) error { return to.PutPassword(ctx, p) })
}

func (w wrapped) UserPassword(ctx context.Context, tenant, emailKey string) (store.User, store.Password, error) {
	return answers(ctx, w, "UserPassword", func(ctx context.Context, to store.Store) (store.User, store.Password, error) {
		return to.UserPassword(ctx, tenant, emailKey)
	})
}

func (w wrapped) LockUserPassword(ctx context.Context, tenant, id string) (store.User, store.Password, error) {
	return answers(ctx, w, "LockUserPassword", func(ctx context.Context, to store.Store) (store.User, store.Password, error) {
		return to.LockUserPassword(ctx, tenant, id)
	})
}

func (w wrapped) LockUserByEmail(ctx context.Context, tenant, emailKey string) (store.User, error) {
	return answer(ctx, w, "LockUserByEmail", func(ctx context.Context, to store.Store) (store.User, error) {
		return to.LockUserByEmail(ctx, tenant, emailKey)
	})
}

func (w wrapped) TokenUser(ctx context.Context, tenant, kind string, hash []byte) (store.Token, store.User, error) {
	return answers(ctx, w, "TokenUser", func(ctx context.Context, to store.Store) (store.Token, store.User, error) {
		return to.TokenUser(ctx, tenant, kind, hash)
	})
}

func (w wrapped) SpendToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, store.User, bool, error) {
	type spent struct {
		token store.Token
		user  store.User
		done  bool
	}
	got, err := answer(ctx, w, "SpendToken", func(ctx context.Context, to store.Store) (spent, error) {
		token, user, done, err := to.SpendToken(ctx, tenant, kind, hash, now)
		return spent{token, user, done}, err
	})
	return got.token, got.user, got.done, err
}

func (w wrapped) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	return answer(ctx, w, "Write", func(ctx context.Context, to store.Store) (store.Written, error) { return to.Write(ctx, b) })
}

func (w wrapped) SwapPassword(ctx context.Context, oldHash string, p store.Password) (bool, error) {
	return answer(ctx, w, "SwapPassword", func(ctx context.Context, to store.Store) (bool, error) {
		return to.SwapPassword(ctx, oldHash, p)
	})
}

func (w wrapped) DeletePassword(ctx context.Context, tenant, userID string) error {
	return w.via(ctx, w.inner, "DeletePassword", func(ctx context.Context, to store.Store) error { return to.DeletePassword(ctx, tenant, userID) })
}

func (w wrapped) CreateSession(ctx context.Context, s store.Session) error {
	return w.via(ctx, w.inner, "CreateSession", func(ctx context.Context, to store.Store) error { return to.CreateSession(ctx, s) })
}

func (w wrapped) SessionUser(ctx context.Context, tenant, id string) (store.Session, store.User, error) {
	return answers(ctx, w, "SessionUser", func(ctx context.Context, to store.Store) (store.Session, store.User, error) {
		return to.SessionUser(ctx, tenant, id)
	})
}

func (w wrapped) RotateSession(ctx context.Context, r store.Rotation) (bool, error) {
	return answer(ctx, w, "RotateSession", func(ctx context.Context, to store.Store) (bool, error) {
		return to.RotateSession(ctx, r)
	})
}

func (w wrapped) RotateSessionUser(ctx context.Context, r store.Rotation) (store.Session, store.User, bool, error) {
	type rotated struct {
		session store.Session
		user    store.User
		done    bool
	}
	got, err := answer(ctx, w, "RotateSessionUser", func(ctx context.Context, to store.Store) (rotated, error) {
		session, user, done, err := to.RotateSessionUser(ctx, r)
		return rotated{session, user, done}, err
	})
	return got.session, got.user, got.done, err
}

func (w wrapped) ConfirmSession(ctx context.Context, tenant, id string, generation, answer int64) error {
	return w.via(ctx, w.inner, "ConfirmSession", func(ctx context.Context, to store.Store) error {
		return to.ConfirmSession(ctx, tenant, id, generation, answer)
	})
}

func (w wrapped) AnswerSession(ctx context.Context, tenant, id string, generation int64) (int64, error) {
	return answer(ctx, w, "AnswerSession", func(ctx context.Context, to store.Store) (int64, error) {
		return to.AnswerSession(ctx, tenant, id, generation)
	})
}

func (w wrapped) ProveSession(ctx context.Context, tenant, id, amr string, at time.Time) error {
	return w.via(ctx, w.inner, "ProveSession", func(ctx context.Context, to store.Store) error {
		return to.ProveSession(ctx, tenant, id, amr, at)
	})
}

func (w wrapped) TouchSessions(ctx context.Context, activity []store.Activity) error {
	return w.via(ctx, w.inner, "TouchSessions", func(ctx context.Context, to store.Store) error { return to.TouchSessions(ctx, activity) })
}

func (w wrapped) ListSessions(ctx context.Context, tenant, userID string, now time.Time, page store.Page) ([]store.Session, int, error) {
	return answers(ctx, w, "ListSessions", func(ctx context.Context, to store.Store) ([]store.Session, int, error) {
		return to.ListSessions(ctx, tenant, userID, now, page)
	})
}

func (w wrapped) EndSession(ctx context.Context, tenant, userID, id string, at time.Time, reason string) (bool, error) {
	return answer(ctx, w, "EndSession", func(ctx context.Context, to store.Store) (bool, error) {
		return to.EndSession(ctx, tenant, userID, id, at, reason)
	})
}

func (w wrapped) EndSessions(ctx context.Context, e store.SessionEnd) (int, error) {
	return answer(ctx, w, "EndSessions", func(ctx context.Context, to store.Store) (int, error) {
		return to.EndSessions(ctx, e)
	})
}

func (w wrapped) EndOldestSessions(ctx context.Context, e store.SessionEnd, keep int) (int, error) {
	return answer(ctx, w, "EndOldestSessions", func(ctx context.Context, to store.Store) (int, error) {
		return to.EndOldestSessions(ctx, e, keep)
	})
}

func (w wrapped) EndSessionsBefore(ctx context.Context, tenant string, t, at time.Time, reason string, limit int) (int, error) {
	return answer(ctx, w, "EndSessionsBefore", func(ctx context.Context, to store.Store) (int, error) {
		return to.EndSessionsBefore(ctx, tenant, t, at, reason, limit)
	})
}

func (w wrapped) CreateToken(ctx context.Context, t store.Token) error {
	return w.via(ctx, w.inner, "CreateToken", func(ctx context.Context, to store.Store) error { return to.CreateToken(ctx, t) })
}

func (w wrapped) Token(ctx context.Context, tenant, kind string, hash []byte) (store.Token, error) {
	return answer(ctx, w, "Token", func(ctx context.Context, to store.Store) (store.Token, error) {
		return to.Token(ctx, tenant, kind, hash)
	})
}

func (w wrapped) ConsumeToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	return answers(ctx, w, "ConsumeToken", func(ctx context.Context, to store.Store) (store.Token, bool, error) {
		return to.ConsumeToken(ctx, tenant, kind, hash, now)
	})
}

func (w wrapped) TryToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	return answers(ctx, w, "TryToken", func(ctx context.Context, to store.Store) (store.Token, bool, error) {
		return to.TryToken(ctx, tenant, kind, hash, now)
	})
}

func (w wrapped) DeleteTokens(ctx context.Context, f store.TokenFilter) (int, error) {
	return answer(ctx, w, "DeleteTokens", func(ctx context.Context, to store.Store) (int, error) {
		return to.DeleteTokens(ctx, f)
	})
}

func (w wrapped) DeleteTokensBefore(ctx context.Context, tenant string, t time.Time, limit int) (int, error) {
	return answer(ctx, w, "DeleteTokensBefore", func(ctx context.Context, to store.Store) (int, error) {
		return to.DeleteTokensBefore(ctx, tenant, t, limit)
	})
}

func (w wrapped) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	return w.via(ctx, w.inner, "CreateAPIKey", func(ctx context.Context, to store.Store) error { return to.CreateAPIKey(ctx, k) })
}

func (w wrapped) APIKeyOwner(ctx context.Context, tenant string, hash []byte) (store.APIKey, store.User, error) {
	return answers(ctx, w, "APIKeyOwner", func(ctx context.Context, to store.Store) (store.APIKey, store.User, error) {
		return to.APIKeyOwner(ctx, tenant, hash)
	})
}

func (w wrapped) APIKey(ctx context.Context, tenant, id string) (store.APIKey, error) {
	return answer(ctx, w, "APIKey", func(ctx context.Context, to store.Store) (store.APIKey, error) {
		return to.APIKey(ctx, tenant, id)
	})
}

func (w wrapped) ListAPIKeys(ctx context.Context, tenant string, owner store.KeyOwner, page store.Page) ([]store.APIKey, int, error) {
	return answers(ctx, w, "ListAPIKeys", func(ctx context.Context, to store.Store) ([]store.APIKey, int, error) {
		return to.ListAPIKeys(ctx, tenant, owner, page)
	})
}

func (w wrapped) RevokeAPIKey(ctx context.Context, tenant, id string, at time.Time) (bool, error) {
	return answer(ctx, w, "RevokeAPIKey", func(ctx context.Context, to store.Store) (bool, error) {
		return to.RevokeAPIKey(ctx, tenant, id, at)
	})
}

func (w wrapped) RevokeAPIKeysOf(ctx context.Context, tenant, ownerID string, at time.Time) (int, error) {
	return answer(ctx, w, "RevokeAPIKeysOf", func(ctx context.Context, to store.Store) (int, error) {
		return to.RevokeAPIKeysOf(ctx, tenant, ownerID, at)
	})
}

func (w wrapped) TouchAPIKey(ctx context.Context, tenant, id string, at time.Time) error {
	return w.via(ctx, w.inner, "TouchAPIKey", func(ctx context.Context, to store.Store) error { return to.TouchAPIKey(ctx, tenant, id, at) })
}

func (w wrapped) CreateKey(ctx context.Context, k store.Key) error {
	return w.via(ctx, w.inner, "CreateKey", func(ctx context.Context, to store.Store) error { return to.CreateKey(ctx, k) })
}

func (w wrapped) ListKeys(ctx context.Context, tenant string) ([]store.Key, error) {
	return answer(ctx, w, "ListKeys", func(ctx context.Context, to store.Store) ([]store.Key, error) {
		return to.ListKeys(ctx, tenant)
	})
}

func (w wrapped) ResealKey(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error) {
	return answer(ctx, w, "ResealKey", func(ctx context.Context, to store.Store) (bool, error) {
		return to.ResealKey(ctx, tenant, id, old, sealed)
	})
}

func (w wrapped) CreateRecord(ctx context.Context, r store.Record) error {
	return w.via(ctx, w.inner, "CreateRecord", func(ctx context.Context, to store.Store) error { return to.CreateRecord(ctx, r) })
}

func (w wrapped) Record(ctx context.Context, tenant, kind, id string) (store.Record, error) {
	return answer(ctx, w, "Record", func(ctx context.Context, to store.Store) (store.Record, error) {
		return to.Record(ctx, tenant, kind, id)
	})
}

func (w wrapped) RecordByKey(ctx context.Context, tenant, kind, key string) (store.Record, error) {
	return answer(ctx, w, "RecordByKey", func(ctx context.Context, to store.Store) (store.Record, error) {
		return to.RecordByKey(ctx, tenant, kind, key)
	})
}

func (w wrapped) ListRecords(ctx context.Context, tenant, kind, ref string, page store.Page) ([]store.Record, int, error) {
	return answers(ctx, w, "ListRecords", func(ctx context.Context, to store.Store) ([]store.Record, int, error) {
		return to.ListRecords(ctx, tenant, kind, ref, page)
	})
}

func (w wrapped) SwapRecord(ctx context.Context, r store.Record) (bool, error) {
	return answer(ctx, w, "SwapRecord", func(ctx context.Context, to store.Store) (bool, error) {
		return to.SwapRecord(ctx, r)
	})
}

func (w wrapped) DeleteRecord(ctx context.Context, tenant, kind, id string) (bool, error) {
	return answer(ctx, w, "DeleteRecord", func(ctx context.Context, to store.Store) (bool, error) {
		return to.DeleteRecord(ctx, tenant, kind, id)
	})
}

func (w wrapped) DeleteRecordsOf(ctx context.Context, tenant, ref string, kinds ...string) (int, error) {
	return answer(ctx, w, "DeleteRecordsOf", func(ctx context.Context, to store.Store) (int, error) {
		return to.DeleteRecordsOf(ctx, tenant, ref, kinds...)
	})
}

func (w wrapped) ListUsers(ctx context.Context, q store.UserQuery) ([]store.User, error) {
	return answer(ctx, w, "ListUsers", func(ctx context.Context, to store.Store) ([]store.User, error) { return to.ListUsers(ctx, q) })
}

func (w wrapped) FindUsers(ctx context.Context, q store.UserSearch) (page []store.User, count int, err error) {
	err = w.via(ctx, w.inner, "FindUsers", func(ctx context.Context, to store.Store) error {
		page, count, err = to.FindUsers(ctx, q)
		return err
	})
	return page, count, err
}

func (w wrapped) Hit(ctx context.Context, now time.Time, counters ...store.Counter) (store.Counted, error) {
	return answer(ctx, w, "Hit", func(ctx context.Context, to store.Store) (store.Counted, error) {
		return to.Hit(ctx, now, counters...)
	})
}

func (w wrapped) Unhit(ctx context.Context, tenant string, keys ...string) error {
	return w.via(ctx, w.inner, "Unhit", func(ctx context.Context, to store.Store) error { return to.Unhit(ctx, tenant, keys...) })
}

func (w wrapped) ClearCounters(ctx context.Context, tenant string, keys ...string) error {
	return w.via(ctx, w.inner, "ClearCounters", func(ctx context.Context, to store.Store) error { return to.ClearCounters(ctx, tenant, keys...) })
}

func (w wrapped) AddMail(ctx context.Context, m store.Mail) error {
	return w.via(ctx, w.inner, "AddMail", func(ctx context.Context, to store.Store) error { return to.AddMail(ctx, m) })
}

func (w wrapped) ClaimMail(ctx context.Context, tenant, queue, holder string, now, until time.Time, limit int) ([]store.Mail, error) {
	return answer(ctx, w, "ClaimMail", func(ctx context.Context, to store.Store) ([]store.Mail, error) {
		return to.ClaimMail(ctx, tenant, queue, holder, now, until, limit)
	})
}

func (w wrapped) RemoveMail(ctx context.Context, tenant, id, holder string) (bool, error) {
	return answer(ctx, w, "RemoveMail", func(ctx context.Context, to store.Store) (bool, error) {
		return to.RemoveMail(ctx, tenant, id, holder)
	})
}

func (w wrapped) DeferMail(ctx context.Context, tenant, id, holder string, next time.Time, reason string) (bool, error) {
	return answer(ctx, w, "DeferMail", func(ctx context.Context, to store.Store) (bool, error) {
		return to.DeferMail(ctx, tenant, id, holder, next, reason)
	})
}

func (w wrapped) BuryMail(ctx context.Context, tenant, id, holder string, at time.Time, reason string) (bool, error) {
	return answer(ctx, w, "BuryMail", func(ctx context.Context, to store.Store) (bool, error) {
		return to.BuryMail(ctx, tenant, id, holder, at, reason)
	})
}

func (w wrapped) NextMail(ctx context.Context, tenant, queue string) (time.Time, error) {
	return answer(ctx, w, "NextMail", func(ctx context.Context, to store.Store) (time.Time, error) {
		return to.NextMail(ctx, tenant, queue)
	})
}

func (w wrapped) ListMail(ctx context.Context, tenant, queue string, dead bool, page store.Page) ([]store.Mail, int, error) {
	return answers(ctx, w, "ListMail", func(ctx context.Context, to store.Store) ([]store.Mail, int, error) {
		return to.ListMail(ctx, tenant, queue, dead, page)
	})
}

func (w wrapped) DeleteMail(ctx context.Context, tenant, id string) (bool, error) {
	return answer(ctx, w, "DeleteMail", func(ctx context.Context, to store.Store) (bool, error) {
		return to.DeleteMail(ctx, tenant, id)
	})
}

func (w wrapped) ReviveMail(ctx context.Context, tenant, id string, now time.Time) (bool, error) {
	return answer(ctx, w, "ReviveMail", func(ctx context.Context, to store.Store) (bool, error) {
		return to.ReviveMail(ctx, tenant, id, now)
	})
}

func (w wrapped) ResealMail(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error) {
	return answer(ctx, w, "ResealMail", func(ctx context.Context, to store.Store) (bool, error) {
		return to.ResealMail(ctx, tenant, id, old, sealed)
	})
}

func (w wrapped) AcquireLease(ctx context.Context, tenant, name, holder string, now, until time.Time) (bool, error) {
	return answer(ctx, w, "AcquireLease", func(ctx context.Context, to store.Store) (bool, error) {
		return to.AcquireLease(ctx, tenant, name, holder, now, until)
	})
}

func (w wrapped) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return answer(ctx, w, "Sweep", func(ctx context.Context, to store.Store) (int, error) {
		return to.Sweep(ctx, now, limit)
	})
}

func (w wrapped) Ping(ctx context.Context) error {
	return w.via(ctx, w.inner, "Ping", func(ctx context.Context, to store.Store) error { return to.Ping(ctx) })
}
