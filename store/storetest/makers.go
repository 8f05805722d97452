package storetest

import (
	"github.com/admit-go/admit/store"
)

// The makers of records fill every field, each with a value that no other
// field has, so that a store which mixes up two is found.

// newUser makes an account that may be added.
func (s *scene) newUser() store.User {
	id := s.id()
	return store.User{
		Tenant: s.tenant, ID: id, Email: "Ann-" + id + "@Example.com", EmailKey: "ann-" + id + "@example.com",
		Name: "Ann Ångström", Nickname: "ann", Image: "https://img.example/ann.png", Locale: "sv-SE",
		Role: "user", Onboarding: "pending", MuteAlerts: true, MFAEnabled: true, BanReason: "",
		CreatedAt: after(-60), UpdatedAt: after(-59), Version: 1,
	}
}

// user adds an account.
func (s *scene) user() store.User {
	s.Helper()
	u := s.newUser()
	s.must(s.store.CreateUser(s.ctx, u))
	return u
}

// kept returns an account as it is kept.
func (s *scene) kept(u store.User) store.User {
	s.Helper()
	got, err := s.store.User(s.ctx, u.Tenant, u.ID)
	s.must(err)
	return got
}

func (s *scene) newSession(u store.User) store.Session {
	return store.Session{
		Tenant: u.Tenant, ID: s.id(), UserID: u.ID, Generation: 1, SecretHash: s.hash(), Confirmed: 1, Answers: 2, Used: 3, UsedBefore: 1,
		RotatedAt: after(-31), AuthTime: after(-32), AMR: "pwd otp", OrganizationID: "organization",
		UserAgent: "Browser/1.0 (ünïcode)", IPAddress: "2001:db8::1",
		CreatedAt: after(-30), LastActivityAt: after(-29), ExpiresAt: after(60), AbsoluteExpiresAt: after(600),
	}
}

// session adds a session of an account that is live at now.
func (s *scene) session(u store.User) store.Session {
	s.Helper()
	x := s.newSession(u)
	s.must(s.store.CreateSession(s.ctx, x))
	return x
}

// keptSession returns a session as it is kept.
func (s *scene) keptSession(x store.Session) store.Session {
	s.Helper()
	got, _, err := s.store.SessionUser(s.ctx, x.Tenant, x.ID)
	s.must(err)
	return got
}

// rotation presents the current token of a session at now.
func (s *scene) rotation(x store.Session) store.Rotation {
	return store.Rotation{
		Tenant: x.Tenant, ID: x.ID, Generation: x.Generation, SecretHash: x.SecretHash,
		NextHash: s.hash(), Now: now, ExpiresAt: after(90),
	}
}

func (s *scene) newToken(u store.User) store.Token {
	return store.Token{
		Tenant: u.Tenant, Kind: "reset", Hash: s.hash(), UserID: u.ID, EmailKey: u.EmailKey,
		CodeHash: s.hash(), Tries: 0, MaxTries: 3, Data: []byte("\x00\xff data"),
		CreatedAt: after(-10), ExpiresAt: after(10),
	}
}

// token adds a token of an account that can be used at now.
func (s *scene) token(u store.User) store.Token {
	s.Helper()
	t := s.newToken(u)
	s.must(s.store.CreateToken(s.ctx, t))
	return t
}

// keptToken returns a token as it is kept.
func (s *scene) keptToken(t store.Token) store.Token {
	s.Helper()
	got, err := s.store.Token(s.ctx, t.Tenant, t.Kind, t.Hash)
	s.must(err)
	return got
}

func (s *scene) newPassword(u store.User) store.Password {
	return store.Password{Tenant: u.Tenant, UserID: u.ID, Hash: "$argon2id$" + s.id(), ChangedAt: after(-5)}
}

// password gives an account a password.
func (s *scene) password(u store.User) store.Password {
	s.Helper()
	p := s.newPassword(u)
	s.must(s.store.PutPassword(s.ctx, p))
	return p
}

func (s *scene) newAPIKey(u store.User) store.APIKey {
	return store.APIKey{
		Tenant: s.tenant, ID: s.id(), Hash: s.hash(), Type: "secret", Prefix: "sk_live", Suffix: "9a8b",
		Name: "deploy", Environment: "prod", Scopes: []string{"read", "write:all"}, OwnerKind: "user", OwnerID: u.ID,
		CreatedAt: after(-20), ExpiresAt: after(20), LastUsedAt: after(-19),
	}
}

// apiKey adds an API key that an account made.
func (s *scene) apiKey(u store.User) store.APIKey {
	s.Helper()
	k := s.newAPIKey(u)
	s.must(s.store.CreateAPIKey(s.ctx, k))
	return k
}

// keptAPIKey returns an API key as it is kept.
func (s *scene) keptAPIKey(k store.APIKey) store.APIKey {
	s.Helper()
	got, _, err := s.store.APIKeyOwner(s.ctx, k.Tenant, k.Hash)
	s.must(err)
	return got
}

func (s *scene) newKey(sequence int64) store.Key {
	return store.Key{
		Tenant: s.tenant, ID: s.id(), Purpose: "access", Sequence: sequence, Algorithm: "ES256",
		Sealed: s.hash(), CreatedAt: after(-3), ActiveAt: after(-2), ExpiresAt: after(1000),
	}
}

// key adds a signing key.
func (s *scene) key(sequence int64) store.Key {
	s.Helper()
	k := s.newKey(sequence)
	s.must(s.store.CreateKey(s.ctx, k))
	return k
}

func (s *scene) newEvent() store.Event {
	return store.Event{
		Tenant: s.tenant, ID: s.id(), Kind: "session.created", ActorID: "actor", SubjectID: "subject",
		IPAddress: "192.0.2.7", UserAgent: "Agent/2", RequestID: "request-1",
		Data: []byte(`{ "b":1,  "a":"\u0000" }`), At: after(-1), Seal: "seal",
	}
}

// event adds an event that was not delivered.
func (s *scene) event() store.Event {
	s.Helper()
	e := s.newEvent()
	s.must(s.store.AppendEvent(s.ctx, e))
	return e
}

func (s *scene) newMail() store.Mail {
	return store.Mail{
		Tenant: s.tenant, ID: s.id(), Queue: store.QueueMail, Kind: "signup_confirmation", Sealed: s.hash(),
		CreatedAt: after(-4), NextAt: after(-3),
	}
}

// mail adds a message that is due at now.
func (s *scene) mail() store.Mail {
	s.Helper()
	m := s.newMail()
	s.must(s.store.AddMail(s.ctx, m))
	return m
}

// claimed adds a message and lets holder claim it, alone, until five minutes
// after now.
func (s *scene) claimed(holder string) store.Mail {
	s.Helper()
	m := s.mail()
	claimed, err := s.store.ClaimMail(s.ctx, s.tenant, store.QueueMail, holder, now, after(5), 1)
	s.must(err)
	if len(claimed) != 1 || claimed[0].ID != m.ID {
		s.Fatalf("claimed %+v, should be message %s alone", claimed, m.ID)
	}
	return claimed[0]
}

// keptMail returns a message as it is kept, and whether it is.
func (s *scene) keptMail(id string) (store.Mail, bool) {
	s.Helper()
	for _, dead := range []bool{false, true} {
		list, _, err := s.store.ListMail(s.ctx, s.tenant, store.QueueMail, dead, store.Page{Number: 1, Limit: 1000})
		s.must(err)
		for _, m := range list {
			if m.ID == id {
				return m, true
			}
		}
	}
	return store.Mail{}, false
}
