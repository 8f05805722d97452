package main

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
)

// The verbs that the commands need are passed on to the application's store.

// User implements store.Users.
func (g guest) User(ctx context.Context, tenant, id string) (store.User, error) {
	return g.app.User(ctx, tenant, id)
}

// LockUser implements store.Users.
func (g guest) LockUser(ctx context.Context, tenant, id string) (store.User, error) {
	return g.app.LockUser(ctx, tenant, id)
}

// UserByEmail implements store.Users.
func (g guest) UserByEmail(ctx context.Context, tenant, emailKey string) (store.User, error) {
	return g.app.UserByEmail(ctx, tenant, emailKey)
}

// LockUserByEmail implements store.Users.
func (g guest) LockUserByEmail(ctx context.Context, tenant, emailKey string) (store.User, error) {
	return g.app.LockUserByEmail(ctx, tenant, emailKey)
}

// CreateUser implements store.Users.
func (g guest) CreateUser(ctx context.Context, u store.User) error {
	return g.app.CreateUser(ctx, u)
}

// UpdateUser implements store.Users.
func (g guest) UpdateUser(ctx context.Context, u store.User) error {
	return g.app.UpdateUser(ctx, u)
}

// PutPassword implements store.Credentials.
func (g guest) PutPassword(ctx context.Context, p store.Password) error {
	return g.app.PutPassword(ctx, p)
}

// ListSessions implements store.Sessions.
func (g guest) ListSessions(ctx context.Context, tenant, userID string, now time.Time, page store.Page) ([]store.Session, int, error) {
	return g.app.ListSessions(ctx, tenant, userID, now, page)
}

// EndSessions implements store.Sessions.
func (g guest) EndSessions(ctx context.Context, e store.SessionEnd) (int, error) {
	return g.app.EndSessions(ctx, e)
}

// EndSessionsBefore implements store.Sessions.
func (g guest) EndSessionsBefore(ctx context.Context, tenant string, t, at time.Time, reason string, limit int) (int, error) {
	return g.app.EndSessionsBefore(ctx, tenant, t, at, reason, limit)
}

// Token implements store.Tokens.
func (g guest) Token(ctx context.Context, tenant, kind string, hash []byte) (store.Token, error) {
	return g.app.Token(ctx, tenant, kind, hash)
}

// DeleteTokens implements store.Tokens.
func (g guest) DeleteTokens(ctx context.Context, f store.TokenFilter) (int, error) {
	return g.app.DeleteTokens(ctx, f)
}

// DeleteTokensBefore implements store.Tokens.
func (g guest) DeleteTokensBefore(ctx context.Context, tenant string, t time.Time, limit int) (int, error) {
	return g.app.DeleteTokensBefore(ctx, tenant, t, limit)
}

// CreateAPIKey implements store.APIKeys.
func (g guest) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	return g.app.CreateAPIKey(ctx, k)
}

// APIKey implements store.APIKeys.
func (g guest) APIKey(ctx context.Context, tenant, id string) (store.APIKey, error) {
	return g.app.APIKey(ctx, tenant, id)
}

// ListAPIKeys implements store.APIKeys.
func (g guest) ListAPIKeys(ctx context.Context, tenant string, owner store.KeyOwner, page store.Page) ([]store.APIKey, int, error) {
	return g.app.ListAPIKeys(ctx, tenant, owner, page)
}

// RevokeAPIKey implements store.APIKeys.
func (g guest) RevokeAPIKey(ctx context.Context, tenant, id string, at time.Time) (bool, error) {
	return g.app.RevokeAPIKey(ctx, tenant, id, at)
}

// RevokeAPIKeysOf implements store.APIKeys.
func (g guest) RevokeAPIKeysOf(ctx context.Context, tenant, ownerID string, at time.Time) (int, error) {
	return g.app.RevokeAPIKeysOf(ctx, tenant, ownerID, at)
}

// ListKeys implements store.Keys.
func (g guest) ListKeys(ctx context.Context, tenant string) ([]store.Key, error) {
	return g.app.ListKeys(ctx, tenant)
}

// ResealKey implements store.Keys.
func (g guest) ResealKey(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error) {
	return g.app.ResealKey(ctx, tenant, id, old, sealed)
}

// ListMail implements store.Outbox.
func (g guest) ListMail(ctx context.Context, tenant, queue string, dead bool, page store.Page) ([]store.Mail, int, error) {
	return g.app.ListMail(ctx, tenant, queue, dead, page)
}

// ReviveMail implements store.Outbox.
func (g guest) ReviveMail(ctx context.Context, tenant, id string, now time.Time) (bool, error) {
	return g.app.ReviveMail(ctx, tenant, id, now)
}

// ResealMail implements store.Outbox.
func (g guest) ResealMail(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error) {
	return g.app.ResealMail(ctx, tenant, id, old, sealed)
}

// Ping implements store.Store.
func (g guest) Ping(ctx context.Context) error {
	return g.app.Ping(ctx)
}

// VerifyEmail implements store.Users.
func (g guest) VerifyEmail(ctx context.Context, tenant, id, emailKey string, at time.Time) (bool, error) {
	return g.app.VerifyEmail(ctx, tenant, id, emailKey, at)
}

// DeleteUser implements store.Users.
func (g guest) DeleteUser(ctx context.Context, tenant, id string, at, reserveUntil time.Time) (bool, error) {
	return g.app.DeleteUser(ctx, tenant, id, at, reserveUntil)
}

// ListDeletedUsers implements store.Users.
func (g guest) ListDeletedUsers(ctx context.Context, q store.DeletedQuery) ([]store.User, error) {
	return g.app.ListDeletedUsers(ctx, q)
}

// RestoreUser implements store.Users.
func (g guest) RestoreUser(ctx context.Context, tenant, id string, at time.Time) error {
	return g.app.RestoreUser(ctx, tenant, id, at)
}

// PurgeUser implements store.Users.
func (g guest) PurgeUser(ctx context.Context, p store.UserPurge) (bool, error) {
	return g.app.PurgeUser(ctx, p)
}

// Password implements store.Credentials.
func (g guest) Password(ctx context.Context, tenant, userID string) (store.Password, error) {
	return g.app.Password(ctx, tenant, userID)
}

// DeletePassword implements store.Credentials.
func (g guest) DeletePassword(ctx context.Context, tenant, userID string) error {
	return g.app.DeletePassword(ctx, tenant, userID)
}

// EndSession implements store.Sessions.
func (g guest) EndSession(ctx context.Context, tenant, userID, id string, at time.Time, reason string) (bool, error) {
	return g.app.EndSession(ctx, tenant, userID, id, at, reason)
}

// ListEvents implements store.Events.
func (g guest) ListEvents(ctx context.Context, q store.EventQuery) ([]store.Event, error) {
	return g.app.ListEvents(ctx, q)
}

// UnchainedEvents implements store.Events.
func (g guest) UnchainedEvents(ctx context.Context, tenant string, limit int) ([]store.Event, error) {
	return g.app.UnchainedEvents(ctx, tenant, limit)
}

// ChainedEvents implements store.Events.
func (g guest) ChainedEvents(ctx context.Context, tenant string, after int64, limit int) ([]store.Event, error) {
	return g.app.ChainedEvents(ctx, tenant, after, limit)
}

// ListUsers implements store.Users.
func (g guest) ListUsers(ctx context.Context, q store.UserQuery) ([]store.User, error) {
	return g.app.ListUsers(ctx, q)
}

// Record implements store.Records.
func (g guest) Record(ctx context.Context, tenant, kind, id string) (store.Record, error) {
	return g.app.Record(ctx, tenant, kind, id)
}

// RecordByKey implements store.Records.
func (g guest) RecordByKey(ctx context.Context, tenant, kind, key string) (store.Record, error) {
	return g.app.RecordByKey(ctx, tenant, kind, key)
}

// ListRecords implements store.Records.
func (g guest) ListRecords(ctx context.Context, tenant, kind, ref string, page store.Page) ([]store.Record, int, error) {
	return g.app.ListRecords(ctx, tenant, kind, ref, page)
}

// SwapRecord implements store.Records. Data that is sealed again is sealed
// under the application's own secret.
func (g guest) SwapRecord(ctx context.Context, r store.Record) (bool, error) {
	return g.app.SwapRecord(ctx, r)
}

// DeleteRecordsOf implements store.Records.
func (g guest) DeleteRecordsOf(ctx context.Context, tenant, ref string, kinds ...string) (int, error) {
	return g.app.DeleteRecordsOf(ctx, tenant, ref, kinds...)
}

// ListOrganizationsOf implements store.Organizations.
func (g guest) ListOrganizationsOf(ctx context.Context, tenant, userID string, page store.Page) ([]store.Membership, int, error) {
	return g.app.ListOrganizationsOf(ctx, tenant, userID, page)
}

// Organization implements store.Organizations.
func (g guest) Organization(ctx context.Context, tenant, id string) (store.Organization, error) {
	return g.app.Organization(ctx, tenant, id)
}

// LockOrganization implements store.Organizations.
func (g guest) LockOrganization(ctx context.Context, tenant, id string) (store.Organization, error) {
	return g.app.LockOrganization(ctx, tenant, id)
}

// ListMembers implements store.Members.
func (g guest) ListMembers(ctx context.Context, q store.MemberQuery, page store.Page) ([]store.MemberUser, int, error) {
	return g.app.ListMembers(ctx, q, page)
}

// RemoveMembershipsOf implements store.Members.
func (g guest) RemoveMembershipsOf(ctx context.Context, tenant, userID string) (int, error) {
	return g.app.RemoveMembershipsOf(ctx, tenant, userID)
}
