package storetest

import (
	"context"
	"reflect"
	"slices"

	"github.com/admit-go/admit/store"
)

// verb is one method of store.Store, called in the one way that has an effect
// on a cast.
type verb struct {
	name string
	// writes is false for a verb that changes nothing anyway.
	writes bool
	call   func(ctx context.Context, s store.Store, c cast) error
}

// cast is one record of each sort, and one more of each that is yet to be
// added, so that every verb has something to act upon.
type cast struct {
	*scene
	// gone is deleted.
	user, gone store.User
	session    store.Session
	// token is usable, stale has expired.
	token, stale store.Token
	apiKey       store.APIKey
	key          store.Key
	record       store.Record
	// organization has the account as its owner.
	organization store.Organization
	// event waits to be delivered; an older one was.
	event store.Event
	// due may be claimed, held is claimed by "holder", dead was given up.
	due, held, dead store.Mail
	password        store.Password
	// next holds the records to be added.
	next struct {
		user         store.User
		session      store.Session
		token        store.Token
		apiKey       store.APIKey
		key          store.Key
		record       store.Record
		organization store.Organization
		member       store.Member
		event        store.Event
		mail         store.Mail
	}

	// spoilt names the text that is replaced by bad; asked collects the names
	// of all that could be.
	spoilt, bad string
	asked       *[]string
}

// newCast adds a record of each sort.
func newCast(s *scene) cast {
	c := cast{scene: s, asked: new([]string)}
	c.user, c.gone = s.user(), s.user()
	s.yes(s.store.DeleteUser(s.ctx, s.tenant, c.gone.ID, now, after(5)))
	c.password, c.session, c.token = s.password(c.user), s.newSession(c.user), s.token(c.user)
	c.session.Generation = 2
	s.must(s.store.CreateSession(s.ctx, c.session))
	delivered := s.newEvent()
	delivered.Delivered, delivered.Seq = true, 1
	s.must(s.store.AppendEvent(s.ctx, delivered))
	c.apiKey, c.key, c.record, c.event = s.apiKey(c.user), s.key(1), s.record(c.user), s.event()
	c.dead = s.claimed("holder")
	s.yes(s.store.BuryMail(s.ctx, s.tenant, c.dead.ID, "holder", now, "550"))
	c.held, c.due = s.claimed("holder"), s.mail()
	s.hit(now, ok, s.counter("counter", 1))
	s.yes(s.store.AcquireLease(s.ctx, s.tenant, "taken", "holder", now, after(5)))
	c.stale = s.newToken(c.user)
	c.stale.Kind, c.stale.ExpiresAt = "stale", after(-1)
	s.must(s.store.CreateToken(s.ctx, c.stale))
	c.next.user, c.next.session, c.next.token = s.newUser(), s.newSession(c.user), s.newToken(c.user)
	c.next.apiKey, c.next.key, c.next.event, c.next.mail = s.newAPIKey(c.user), s.newKey(2), s.newEvent(), s.newMail()
	c.next.record = s.newRecord(c.user)
	c.organization, c.next.organization = s.organization(c.user), s.newOrganization()
	c.next.member = s.newMember(c.organization, s.user(), "member")
	return c
}

// text is a text that a verb is given by itself; a name that starts with a
// small letter tells that it is no key.
func (c cast) text(name, value string) string {
	*c.asked = append(*c.asked, name)
	if c.spoilt == name {
		return c.bad
	}
	return value
}

// scope is the tenant.
func (c cast) scope() string { return c.text("Tenant", c.tenant) }

// texts is a record whose every text can be spoilt.
func texts[T any](c cast, record T) T {
	v := reflect.ValueOf(&record).Elem()
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		switch {
		case f.Kind() == reflect.String:
			if !slices.Contains(keyFields, name) {
				name = "field " + name
			}
			f.SetString(c.text(name, f.String()))
		case f.Type() == reflect.TypeFor[[]string]():
			if !slices.Contains(keyFields, name) {
				name = "list " + name
			}
			f.Set(reflect.ValueOf(append([]string{c.text(name, "one")}, "two")))
		}
	}
	return record
}

// keyFields are the fields that hold keys, in any record.
var keyFields = []string{
	"Tenant", "ID", "UserID", "OwnerID", "ActorID", "SubjectID", "OrganizationID", "Slug", "Except", "After", "Before",
	"EmailKey", "FromKey", "Kind", "Kinds", "Purpose", "Key", "Keys", "Refs", "Queue", "Holder",
}

// failed drops the answer of a verb and keeps its error.
func failed[T any](_ T, err error) error { return err }

// failed2 does so for a verb with two answers.
func failed2[T, U any](_ T, _ U, err error) error { return err }

// page holds all that a check ever adds.
var page = store.Page{Number: 1, Limit: 100}

// otherVerbs are all verbs but organizationVerbs and deletionVerbs.
var otherVerbs = []verb{
	{"CreateUser", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.CreateUser(ctx, texts(c, c.next.user))
	}},
	{"User", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.User(ctx, c.scope(), c.text("ID", c.user.ID)))
	}},
	{"LockUser", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.LockUser(ctx, c.scope(), c.text("ID", c.user.ID)))
	}},
	{"UserByEmail", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.UserByEmail(ctx, c.scope(), c.text("EmailKey", c.user.EmailKey)))
	}},
	{"LockUserByEmail", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.LockUserByEmail(ctx, c.scope(), c.text("EmailKey", c.user.EmailKey)))
	}},
	{"UpdateUser", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.UpdateUser(ctx, texts(c, c.user))
	}},
	{"VerifyEmail", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.VerifyEmail(ctx, c.scope(), c.text("ID", c.user.ID), c.text("EmailKey", c.user.EmailKey), now))
	}},
	{"ClaimEmail", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.ClaimEmail(ctx, texts(c, c.claim(c.user)))
	}},
	{"DeleteUser", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.DeleteUser(ctx, c.scope(), c.text("ID", c.user.ID), now, after(5)))
	}},

	{"Password", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.Password(ctx, c.scope(), c.text("UserID", c.user.ID)))
	}},
	{"UserPassword", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.UserPassword(ctx, c.scope(), c.text("EmailKey", c.user.EmailKey)))
	}},
	{"LockUserPassword", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.LockUserPassword(ctx, c.scope(), c.text("ID", c.user.ID)))
	}},
	{"PutPassword", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.PutPassword(ctx, texts(c, c.newPassword(c.user)))
	}},
	{"SwapPassword", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.SwapPassword(ctx, c.text("old hash", c.password.Hash), texts(c, c.newPassword(c.user))))
	}},
	{"DeletePassword", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.DeletePassword(ctx, c.scope(), c.text("UserID", c.user.ID))
	}},

	{"CreateSession", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.CreateSession(ctx, texts(c, c.next.session))
	}},
	{"SessionUser", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.SessionUser(ctx, c.scope(), c.text("ID", c.session.ID)))
	}},
	{"RotateSession", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.RotateSession(ctx, texts(c, c.rotation(c.session))))
	}},
	{"RotateSessionUser", true, func(ctx context.Context, s store.Store, c cast) error {
		_, _, _, err := s.RotateSessionUser(ctx, texts(c, c.rotation(c.session)))
		return err
	}},
	{"ConfirmSession", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.ConfirmSession(ctx, c.scope(), c.text("ID", c.session.ID), c.session.Generation, 0)
	}},
	{"AnswerSession", true, func(ctx context.Context, s store.Store, c cast) error {
		_, err := s.AnswerSession(ctx, c.scope(), c.text("ID", c.session.ID), c.session.Generation)
		return err
	}},
	{"ProveSession", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.ProveSession(ctx, c.scope(), c.text("ID", c.session.ID), c.text("amr", "pwd"), now)
	}},
	{"TouchSessions", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.TouchSessions(ctx, []store.Activity{
			{Tenant: c.tenant, ID: c.session.ID, At: now},
			texts(c, store.Activity{Tenant: c.tenant, ID: c.session.ID, At: after(1)}),
		})
	}},
	{"ListSessions", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.ListSessions(ctx, c.scope(), c.text("UserID", c.user.ID), now, page))
	}},
	{"EndSession", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.EndSession(ctx, c.scope(), c.text("UserID", c.user.ID), c.text("ID", c.session.ID), now, c.text("reason", "revoked")))
	}},
	{"EndSessions", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.EndSessions(ctx, texts(c, c.ending())))
	}},
	{"EndOldestSessions", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.EndOldestSessions(ctx, texts(c, c.ending()), 0))
	}},
	{"EndSessionsBefore", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.EndSessionsBefore(ctx, c.scope(), now, now, c.text("reason", "restored"), 10))
	}},

	{"CreateToken", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.CreateToken(ctx, texts(c, c.next.token))
	}},
	{"Token", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.Token(ctx, c.scope(), c.text("Kind", c.token.Kind), c.token.Hash))
	}},
	{"TokenUser", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.TokenUser(ctx, c.scope(), c.text("Kind", c.token.Kind), c.token.Hash))
	}},
	{"SpendToken", true, func(ctx context.Context, s store.Store, c cast) error {
		_, _, _, err := s.SpendToken(ctx, c.scope(), c.text("Kind", c.token.Kind), c.token.Hash, now)
		return err
	}},
	{"ConsumeToken", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.ConsumeToken(ctx, c.scope(), c.text("Kind", c.token.Kind), c.token.Hash, now))
	}},
	{"TryToken", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.TryToken(ctx, c.scope(), c.text("Kind", c.token.Kind), c.token.Hash, now))
	}},
	{"DeleteTokens", true, func(ctx context.Context, s store.Store, c cast) error {
		filter := texts(c, store.TokenFilter{Tenant: c.tenant, UserID: c.user.ID, EmailKey: c.user.EmailKey})
		filter.Kinds = append(filter.Kinds, c.token.Kind)
		return failed(s.DeleteTokens(ctx, filter))
	}},
	{"DeleteTokensBefore", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.DeleteTokensBefore(ctx, c.scope(), now, 10))
	}},
	{"APIKey", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.APIKey(ctx, c.scope(), c.text("ID", c.apiKey.ID)))
	}},
	{"CreateAPIKey", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.CreateAPIKey(ctx, texts(c, c.next.apiKey))
	}},
	{"APIKeyOwner", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.APIKeyOwner(ctx, c.scope(), c.apiKey.Hash))
	}},
	{"ListAPIKeys", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.ListAPIKeys(ctx, c.scope(), store.KeyOwner{Kind: c.text("Kind", c.apiKey.OwnerKind), ID: c.text("OwnerID", c.user.ID)}, page))
	}},
	{"RevokeAPIKey", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.RevokeAPIKey(ctx, c.scope(), c.text("ID", c.apiKey.ID), now))
	}},
	{"RevokeAPIKeysOf", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.RevokeAPIKeysOf(ctx, c.scope(), c.text("OwnerID", c.user.ID), now))
	}},
	{"TouchAPIKey", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.TouchAPIKey(ctx, c.scope(), c.text("ID", c.apiKey.ID), now)
	}},

	{"CreateKey", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.CreateKey(ctx, texts(c, c.next.key))
	}},
	{"ListKeys", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ListKeys(ctx, c.scope()))
	}},
	{"ResealKey", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ResealKey(ctx, c.scope(), c.text("ID", c.key.ID), c.key.Sealed, []byte("sealed anew")))
	}},
	{"CreateRecord", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.CreateRecord(ctx, texts(c, c.next.record))
	}},
	{"Record", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.Record(ctx, c.scope(), c.text("Kind", c.record.Kind), c.text("ID", c.record.ID)))
	}},
	{"RecordByKey", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.RecordByKey(ctx, c.scope(), c.text("Kind", c.record.Kind), c.text("Key", c.record.Keys[0])))
	}},
	{"ListRecords", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.ListRecords(ctx, c.scope(), c.text("Kind", c.record.Kind), c.text("Ref", c.record.Refs[0]), page))
	}},
	{"SwapRecord", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.SwapRecord(ctx, texts(c, c.record)))
	}},
	{"DeleteRecord", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.DeleteRecord(ctx, c.scope(), c.text("Kind", c.record.Kind), c.text("ID", c.record.ID)))
	}},
	{"DeleteRecordsOf", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.DeleteRecordsOf(ctx, c.scope(), c.text("Ref", c.record.Refs[0]), c.record.Kind, c.text("Kind", "other")))
	}},

	{"AppendEvent", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.AppendEvent(ctx, texts(c, c.next.event))
	}},
	{"ListUsers", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ListUsers(ctx, texts(c, store.UserQuery{Tenant: c.tenant, Limit: 10})))
	}},
	{"FindUsers", false, func(ctx context.Context, s store.Store, c cast) error {
		_, _, err := s.FindUsers(ctx, texts(c, store.UserSearch{Tenant: c.tenant, Limit: 10}))
		return err
	}},
	{"ListEvents", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ListEvents(ctx, texts(c, store.EventQuery{Tenant: c.tenant, Limit: 10})))
	}},
	{"PendingEvents", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.PendingEvents(ctx, c.scope(), 10))
	}},
	{"UnchainedEvents", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.UnchainedEvents(ctx, c.scope(), 10))
	}},
	{"ChainEvents", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ChainEvents(ctx, c.scope(), []store.EventLink{{
			ID: c.text("ID", c.event.ID), Seq: 2, Seal: c.text("seal", "seal"), ClientSalt: c.text("salt", "salt"), DataSalt: c.text("salt", "salt"),
		}}))
	}},
	{"ChainedEvents", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ChainedEvents(ctx, c.scope(), 0, 10))
	}},
	{"DeleteChainedEvents", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.DeleteChainedEvents(ctx, c.scope(), 1, 1))
	}},
	{"DeliverEvents", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.DeliverEvents(ctx, c.scope(), []string{c.event.ID, c.text("ID", c.event.ID)})
	}},

	{"Hit", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.Hit(ctx, now, c.counter("fresh", 1), texts(c, c.counter("counter", 2))))
	}},
	{"Unhit", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.Unhit(ctx, c.scope(), "fresh", c.text("Key", "counter"))
	}},
	{"ClearCounters", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.ClearCounters(ctx, c.scope(), "fresh", c.text("Key", "counter"))
	}},

	{"AddMail", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.AddMail(ctx, texts(c, c.next.mail))
	}},
	{"ClaimMail", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ClaimMail(ctx, c.scope(), c.text("Queue", store.QueueMail), c.text("Holder", "other"), now, after(5), 10))
	}},
	{"RemoveMail", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.RemoveMail(ctx, c.scope(), c.text("ID", c.held.ID), c.text("Holder", "holder")))
	}},
	{"DeferMail", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.DeferMail(ctx, c.scope(), c.text("ID", c.held.ID), c.text("Holder", "holder"), after(9), c.text("reason", "busy")))
	}},
	{"BuryMail", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.BuryMail(ctx, c.scope(), c.text("ID", c.held.ID), c.text("Holder", "holder"), now, c.text("reason", "550")))
	}},
	{"NextMail", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.NextMail(ctx, c.scope(), c.text("Queue", store.QueueMail)))
	}},
	{"ListMail", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.ListMail(ctx, c.scope(), c.text("Queue", store.QueueMail), true, page))
	}},
	{"DeleteMail", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.DeleteMail(ctx, c.scope(), c.text("ID", c.dead.ID)))
	}},
	{"ReviveMail", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ReviveMail(ctx, c.scope(), c.text("ID", c.dead.ID), now))
	}},
	{"ResealMail", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ResealMail(ctx, c.scope(), c.text("ID", c.due.ID), c.due.Sealed, []byte("sealed anew")))
	}},

	{"AcquireLease", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.AcquireLease(ctx, c.scope(), c.text("Name", "free"), c.text("Holder", "holder"), now, after(5)))
	}},

	{"Write", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.Write(ctx, store.Batch{
			Kill: []store.TokenFilter{texts(c, store.TokenFilter{Tenant: c.tenant, UserID: c.user.ID})},
			Rooms: []store.Room{{
				Tenant: c.scope(), UserID: c.text("UserID", c.user.ID), At: now, Keep: 1,
				UserAgent: c.text("agent", "a"), IPAddress: c.text("address", "b"), Left: c.text("left", "left"), Reason: c.text("reason", "limit"),
			}},
			Passwords: []store.Password{texts(c, c.newPassword(c.user))},
			Sessions:  []store.Session{texts(c, c.next.session)}, Tokens: []store.Token{texts(c, c.next.token)},
			Events: []store.Event{texts(c, c.next.event)}, Mails: []store.Mail{texts(c, c.next.mail)},
			CounterTenant: c.scope(), Clear: []string{c.text("Key", "counter")}, Unhit: []string{c.text("Key", "fresh")},
		}))
	}},

	{"Tx", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.Tx(ctx, func(ctx context.Context, tx store.Store) error { return tx.CreateUser(ctx, c.next.user) })
	}},
	{"Sweep", true, func(ctx context.Context, s store.Store, _ cast) error {
		return failed(s.Sweep(ctx, now, 100))
	}},
	{"Ping", false, func(ctx context.Context, s store.Store, _ cast) error { return s.Ping(ctx) }},
}

// ending is the end of every session of the account.
func (c cast) ending() store.SessionEnd {
	return store.SessionEnd{Tenant: c.tenant, UserID: c.user.ID, At: now, Reason: "revoked"}
}
