package storetest

import (
	"context"
	"slices"
	"strings"

	"github.com/admit-go/admit/store"
)

// refused is text that no verb takes, wherever it stands.
var refused = []string{"\x00", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80"}

// textChecks prove that every verb refuses what cannot be stored, and that
// nothing else is done to text.
func textChecks() []check {
	checks := slices.Clone(plainTextChecks)
	for _, v := range verbs {
		checks = append(checks, check{v.name + " refuses text that cannot be stored", v.refusesText})
	}
	return checks
}

// refusesText spoils each text of the verb in turn.
func (v verb) refusesText(s *scene) {
	c := newCast(s)
	before := snapshot(c)
	for _, name := range v.textsOf(c) {
		bad := refused
		if isKey(name) {
			bad = append(slices.Clone(refused), strings.Repeat("k", store.MaxKeyBytes+1), strings.Repeat("ö", store.MaxKeyBytes/2+1))
		}
		for _, c.bad = range bad {
			c.spoilt = name
			s.is(v.call(s.ctx, s.store, c), store.ErrInvalidText)
		}
	}
	if got := snapshot(c); got != before {
		s.Errorf("text that was refused had an effect:\n%s\nbefore:\n%s", got, before)
	}
}

// textsOf returns the names of all texts that the verb is given, found by
// calling it with a context in which it does nothing.
func (v verb) textsOf(c cast) []string {
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	c.asked = new([]string)
	c.is(v.call(ctx, c.store, c), context.Canceled)
	return *c.asked
}

// isKey answers whether a text with this name is a key.
func isKey(name string) bool { return strings.ToUpper(name[:1]) == name[:1] }

// odd are texts that a store may be tempted to read, to fold or to trim.
var odd = []string{
	" ", " a", "a ", "a", "A", "á", "a\u0301", "ß", "ss", "SS", "İ", "i", "%", "_", "a%", "a_", `\`, `\\`, `\%`, "'", `"`, "`", "''",
	"--", "; DROP TABLE", "$1", "?", ":a", "@a", "{}", "{a,b}", "[]", "NULL", "null", "0", "00", "1e1", "true",
	"\n", "\r\n", "\t", "\x01", "\x7f", "\u200b", "\ufeff", "\ufffd", "🦊", "\U0010ffff", "你好", "שלום",
}

// plainTextChecks are those that are not about one verb.
var plainTextChecks = []check{
	{"text of 10,000 characters comes back", func(s *scene) {
		long := strings.Repeat("äöü🦊 ", 2000)
		u := s.newUser()
		u.Name, u.Nickname, u.Image, u.Locale, u.BanReason, u.Email = long, long, long, long, long, long
		s.must(s.store.CreateUser(s.ctx, u))
		equal(s, s.kept(u), u)
		x := s.newSession(u)
		x.UserAgent, x.EndReason, x.AMR, x.IPAddress = long, long, long, long
		s.must(s.store.CreateSession(s.ctx, x))
		equal(s, s.keptSession(x), x)
		k := s.newAPIKey(u)
		k.Name, k.Scopes = long, []string{long, "b"}
		s.must(s.store.CreateAPIKey(s.ctx, k))
		equal(s, s.keptAPIKey(k), k)
		m := s.newMail()
		m.LastError, m.Sealed = long, []byte(long)
		s.must(s.store.AddMail(s.ctx, m))
		got, _ := s.keptMail(m.ID)
		equal(s, got, m)
	}},
	{"keys of MaxKeyBytes bytes are keys like others", func(s *scene) {
		for _, letter := range []string{"k", "ö", "🦊"} {
			longest := strings.Repeat(letter, store.MaxKeyBytes/len(letter))
			far := *s
			far.tenant = longest
			u := far.newUser()
			u.ID, u.EmailKey = longest, longest
			s.must(s.store.CreateUser(s.ctx, u))
			equal(s, far.kept(u), u)
			s.is(s.store.CreateUser(s.ctx, u), store.ErrConflict)
			t := far.newToken(u)
			t.Kind = longest
			s.must(s.store.CreateToken(s.ctx, t))
			s.is(s.store.CreateToken(s.ctx, t), store.ErrConflict)
			s.count(1)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: longest, EmailKey: longest, Kinds: []string{longest}}))
			r := far.newRecord(u)
			r.Kind, r.ID, r.Keys, r.Refs = longest, longest, []string{longest}, []string{longest}
			s.must(s.store.CreateRecord(s.ctx, r))
			far.hasKeys(r)
			far.listsRecords(longest, longest, r)
			c := far.counter(longest, 1)
			s.hit(now, ok, c)
			s.hit(now, store.Counted{ResetAt: after(10)}, c)
			s.yes(s.store.AcquireLease(s.ctx, longest, longest, longest, now, after(5)))
			s.no(s.store.AcquireLease(s.ctx, longest, longest, longest[4:], now, after(5)))
		}
	}},
	{"keys are neither folded, nor trimmed, nor read", func(s *scene) {
		for _, key := range odd {
			u := s.newUser()
			u.ID, u.EmailKey, u.Name = key, key, key
			if err := s.store.CreateUser(s.ctx, u); err != nil {
				s.Errorf("%q: %v", key, err)
				continue
			}
			t := s.newToken(u)
			t.Kind, t.Hash = key, []byte("same")
			s.must(s.store.CreateToken(s.ctx, t))
			r := s.newRecord(u)
			r.ID, r.Keys, r.Refs = key, []string{key}, []string{key}
			s.must(s.store.CreateRecord(s.ctx, r))
			s.hit(now, ok, s.counter(key, 1))
			s.yes(s.store.AcquireLease(s.ctx, s.tenant, key, key, now, after(5)))
		}
		for _, key := range odd {
			got, err := s.store.UserByEmail(s.ctx, s.tenant, key)
			if err != nil || got.ID != key || got.Name != key {
				s.Errorf("%q found %+v, %v", key, got, err)
			}
			s.count(1)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant, UserID: key, Kinds: []string{key}}))
			r, err := s.store.RecordByKey(s.ctx, s.tenant, "identity", key)
			if err != nil || r.ID != key || len(r.Refs) != 1 || r.Refs[0] != key {
				s.Errorf("%q found %+v, %v", key, r, err)
			}
			s.count(1)(s.store.DeleteRecordsOf(s.ctx, s.tenant, key, "identity"))
		}
	}},
	{"tenants are neither folded, nor trimmed, nor read", func(s *scene) {
		for _, tenant := range odd {
			far := *s
			far.tenant = s.tenant + tenant
			u := far.newUser()
			u.EmailKey = "same@example.com"
			s.must(s.store.CreateUser(s.ctx, u))
			got, err := s.store.UserByEmail(s.ctx, far.tenant, u.EmailKey)
			s.must(err)
			equal(s, got, u)
		}
	}},
	{"hashes and sealed bytes may be any bytes", func(s *scene) {
		var every []byte
		for b := range 256 {
			every = append(every, byte(b))
		}
		u := s.user()
		t := s.newToken(u)
		t.Hash, t.CodeHash, t.Data = every, every, every
		s.must(s.store.CreateToken(s.ctx, t))
		equal(s, s.keptToken(t), t)
		prefix := t
		prefix.Hash = every[:1]
		_, err := s.store.Token(s.ctx, s.tenant, t.Kind, prefix.Hash)
		s.is(err, store.ErrNotFound)
		x := s.newSession(u)
		x.SecretHash = every
		s.must(s.store.CreateSession(s.ctx, x))
		s.yes(s.store.RotateSession(s.ctx, s.rotation(x)))
		r := s.newRecord(u)
		r.Data = every
		s.must(s.store.CreateRecord(s.ctx, r))
		equal(s, s.keptRecord(r), r)
	}},
	{"bytes that are handed in or out belong to the caller", func(s *scene) {
		u := s.user()
		spoil := func(bs ...[]byte) {
			for _, b := range bs {
				for i := range b {
					b[i] ^= 0xff
				}
			}
		}
		x, t, k, r := s.newSession(u), s.newToken(u), s.newAPIKey(u), s.newRecord(u)
		wantX, wantT, wantK, wantR := x, t, k, r
		wantR.Keys, wantR.Refs, wantR.Data = slices.Clone(r.Keys), slices.Clone(r.Refs), slices.Clone(r.Data)
		wantX.SecretHash = slices.Clone(x.SecretHash)
		wantT.Hash, wantT.CodeHash, wantT.Data = slices.Clone(t.Hash), slices.Clone(t.CodeHash), slices.Clone(t.Data)
		wantK.Hash, wantK.Scopes = slices.Clone(k.Hash), slices.Clone(k.Scopes)
		s.must(s.store.CreateSession(s.ctx, x))
		s.must(s.store.CreateToken(s.ctx, t))
		s.must(s.store.CreateAPIKey(s.ctx, k))
		s.must(s.store.CreateRecord(s.ctx, r))
		for range 2 {
			spoil(x.SecretHash, t.Hash, t.CodeHash, t.Data, k.Hash, r.Data)
			k.Scopes[0], r.Keys[0], r.Refs[0] = "spoilt", "spoilt", "spoilt"
			x, t, k, r = s.keptSession(wantX), s.keptToken(wantT), s.keptAPIKey(wantK), s.keptRecord(wantR)
			equal(s, x, wantX)
			equal(s, t, wantT)
			equal(s, k, wantK)
			equal(s, r, wantR)
		}
	}},
}
