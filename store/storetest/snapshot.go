package storetest

import (
	"fmt"
	"strings"

	"github.com/admit-go/admit/store"
)

// snapshot is all that verbs on the cast could change, as text.
func snapshot(c cast) string {
	c.Helper()
	var b strings.Builder
	note := func(read ...any) { fmt.Fprintf(&b, "%+v\n", read) }
	for _, u := range []store.User{c.user, c.gone, c.next.user} {
		note(pair(c.store.User(c.ctx, c.tenant, u.ID)))
		note(pair(c.store.UserByEmail(c.ctx, c.tenant, u.EmailKey)))
		note(pair(c.store.Password(c.ctx, c.tenant, u.ID)))
	}
	for _, x := range []store.Session{c.session, c.next.session} {
		got, _, err := c.store.SessionUser(c.ctx, c.tenant, x.ID)
		note(got, err)
	}
	for _, t := range []store.Token{c.token, c.next.token, c.stale} {
		note(pair(c.store.Token(c.ctx, c.tenant, t.Kind, t.Hash)))
	}
	apiKeys, total, err := c.store.ListAPIKeys(c.ctx, c.tenant, store.KeyOwner{}, page)
	note(apiKeys, total, err)
	note(pair(c.store.ListKeys(c.ctx, c.tenant)))
	for _, r := range []store.Record{c.record, c.next.record} {
		for _, key := range append(r.Keys, "one", "two") {
			note(pair(c.store.RecordByKey(c.ctx, c.tenant, r.Kind, key)))
		}
		for _, ref := range append(r.Refs, "one", "two", "") {
			records, total, err := c.store.ListRecords(c.ctx, c.tenant, r.Kind, ref, page)
			note(records, total, err)
		}
	}
	for _, o := range []store.Organization{c.organization, c.next.organization} {
		note(pair(c.store.Organization(c.ctx, c.tenant, o.ID)))
		members, total, err := c.store.ListMembers(c.ctx, store.MemberQuery{Tenant: c.tenant, OrganizationID: o.ID}, page)
		note(members, total, err)
	}
	note(pair(c.store.ListUsers(c.ctx, store.UserQuery{Tenant: c.tenant, Limit: 100})))
	note(pair(c.store.ListEvents(c.ctx, store.EventQuery{Tenant: c.tenant, Limit: 100})))
	note(pair(c.store.PendingEvents(c.ctx, c.tenant, 100)))
	note(pair(c.store.NextMail(c.ctx, c.tenant, store.QueueMail)))
	for _, dead := range []bool{false, true} {
		mail, total, err := c.store.ListMail(c.ctx, c.tenant, store.QueueMail, dead, page)
		note(mail, total, err)
	}
	// Counters and leases can be read only by using them, which is undone.
	c.is(c.tx(func(in *scene) error {
		for _, key := range []string{"counter", "fresh"} {
			for range 3 {
				note(pair(in.store.Hit(in.ctx, now, in.counter(key, 2))))
			}
		}
		for _, name := range []string{"free", "taken"} {
			note(pair(in.store.AcquireLease(in.ctx, in.tenant, name, "reader", now, after(5))))
		}
		return errOwn
	}), errOwn)
	return b.String()
}

// pair makes one value of an answer and its error.
func pair[T any](answer T, err error) any { return []any{answer, err} }
