package text

import (
	"cmp"
	"slices"

	"github.com/admit-go/admit/store"
)

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// User checks every text of an account.
func User(u store.User) error {
	return first(Key(u.Tenant, u.ID, u.EmailKey),
		Plain(u.Email, u.Name, u.Nickname, u.Image, u.Locale, u.Role, u.Onboarding, u.BanReason))
}

// UserQuery checks every text of a selection of accounts.
func UserQuery(q store.UserQuery) error {
	return first(Key(q.Tenant, q.After), Plain(q.Search, q.Role))
}

// UserSearch checks every text of a search for accounts.
func UserSearch(q store.UserSearch) error {
	return first(Key(q.Tenant, q.RecordKind, q.RecordRef), Plain(q.Search, q.In, q.SortBy))
}

// EmailClaim checks every text of a move to another address.
func EmailClaim(c store.EmailClaim) error {
	return first(Key(c.Tenant, c.UserID, c.FromKey, c.EmailKey), Plain(c.Email))
}

// UserPurge checks every text of a purge.
func UserPurge(p store.UserPurge) error {
	return first(Key(p.Tenant, p.UserID), Key(p.Blank...), Key(p.Mails...))
}

// Password checks every text of a password.
func Password(p store.Password) error {
	return first(Key(p.Tenant, p.UserID), Plain(p.Hash))
}

// Session checks every text of a session.
func Session(s store.Session) error {
	return first(Key(s.Tenant, s.ID, s.UserID, s.OrganizationID),
		Plain(s.AMR, s.UserAgent, s.IPAddress, s.EndReason, s.OrganizationRole))
}

// SessionEnd checks every text of a selection of sessions that end.
func SessionEnd(e store.SessionEnd) error {
	return first(Key(e.Tenant, e.UserID, e.Except), Plain(e.Reason))
}

// Token checks every text of a one-time token.
func Token(t store.Token) error {
	return Key(t.Tenant, t.Kind, t.UserID, t.EmailKey)
}

// TokenFilter checks every text of a selection of tokens.
func TokenFilter(f store.TokenFilter) error {
	return first(Key(f.Tenant, f.UserID, f.EmailKey), Key(f.Kinds...))
}

// Batch checks every text of a batch.
func Batch(b store.Batch) error {
	err := first(Key(b.CounterTenant), Key(b.Clear...), Key(b.Unhit...))
	for _, f := range b.Kill {
		err = first(err, TokenFilter(f))
	}
	for _, r := range b.Rooms {
		err = first(err, Key(r.Tenant, r.UserID), Plain(r.UserAgent, r.IPAddress, r.Left, r.Reason))
	}
	for _, p := range b.Passwords {
		err = first(err, Password(p))
	}
	for _, s := range b.Sessions {
		err = first(err, Session(s))
	}
	for _, t := range b.Tokens {
		err = first(err, Token(t))
	}
	for _, e := range b.Events {
		err = first(err, Event(e))
	}
	for _, m := range b.Mails {
		err = first(err, Mail(m))
	}
	return err
}

// APIKey checks every text of an API key.
func APIKey(k store.APIKey) error {
	return first(Key(k.Tenant, k.ID, k.OwnerKind, k.OwnerID),
		Plain(k.Type, k.Prefix, k.Suffix, k.Name, k.Environment), Plain(k.Scopes...))
}

// SigningKey checks every text of a signing key.
func SigningKey(k store.Key) error {
	return first(Key(k.Tenant, k.ID, k.Purpose), Plain(k.Algorithm))
}

// Organization checks every text of an organisation.
func Organization(o store.Organization) error {
	return first(Key(o.Tenant, o.ID, o.Slug), Plain(o.Name))
}

// Member checks every text of a member.
func Member(m store.Member) error {
	return Key(m.Tenant, m.OrganizationID, m.UserID, m.Role)
}

// MemberQuery checks every text of a selection of members.
func MemberQuery(q store.MemberQuery) error {
	return Key(q.Tenant, q.OrganizationID, q.Role)
}

// Event checks every text of an event.
func Event(e store.Event) error {
	return first(Key(e.Tenant, e.ID, e.Kind, e.ActorID, e.SubjectID),
		Plain(e.IPAddress, e.UserAgent, e.RequestID, e.Seal, e.ClientSalt, e.DataSalt))
}

// EventLinks checks every text of links of events.
func EventLinks(tenant string, links []store.EventLink) error {
	err := Key(tenant)
	for _, l := range links {
		err = first(err, Key(l.ID), Plain(l.Seal, l.ClientSalt, l.DataSalt))
	}
	return err
}

// EventQuery checks every text of a selection of events.
func EventQuery(q store.EventQuery) error {
	return Key(q.Tenant, q.ActorID, q.SubjectID, q.Kind, q.After, q.Before)
}

// Counters checks the keys of counters.
func Counters(counters ...store.Counter) error {
	for _, c := range counters {
		if err := Key(c.Tenant, c.Key); err != nil {
			return err
		}
	}
	return nil
}

// Mail checks every text of a queued message.
func Mail(m store.Mail) error {
	return first(Key(m.Tenant, m.ID, m.Queue, m.Kind, m.Holder), Plain(m.LastError))
}

// Record checks every text of a record.
func Record(r store.Record) error {
	return first(Key(r.Tenant, r.Kind, r.ID), Key(r.Keys...), Key(r.Refs...))
}

// Set returns the texts as a record keeps them: sorted, each once, without the
// empty one, in memory of their own; nil when there is none.
func Set(texts []string) []string {
	set := slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return t == "" })
	slices.Sort(set)
	if set = slices.Compact(set); len(set) == 0 {
		return nil
	}
	return set
}

// Queue is the queue that a name means.
func Queue(name string) string { return cmp.Or(name, store.QueueMail) }

// RecordsOf checks every text of a selection of records.
func RecordsOf(tenant, ref string, kinds []string) error {
	return first(Key(tenant, ref), Key(kinds...))
}
