package storetest

import (
	"fmt"
	"time"

	"github.com/admit-go/admit/store"
)

// userChecks prove store.Users: who has an account, and who holds an address.
var userChecks = []check{
	{"CreateUser keeps every field", func(s *scene) {
		u := s.newUser()
		u.EmailVerifiedAt, u.BannedAt, u.BanExpiresAt, u.BanReason = after(-3), after(-2), after(2), "spam"
		u.Version = 77
		s.must(s.store.CreateUser(s.ctx, u))
		u.Version = 1
		equal(s, s.kept(u), u)
		byEmail, err := s.store.UserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.must(err)
		equal(s, byEmail, u)
		locked, err := s.store.LockUser(s.ctx, s.tenant, u.ID)
		s.must(err)
		equal(s, locked, u)
	}},
	{"what does not exist is not found", func(s *scene) {
		_, err := s.store.User(s.ctx, s.tenant, "nobody")
		s.is(err, store.ErrNotFound)
		_, err = s.store.LockUser(s.ctx, s.tenant, "nobody")
		s.is(err, store.ErrNotFound)
		_, err = s.store.UserByEmail(s.ctx, s.tenant, "nobody@example.com")
		s.is(err, store.ErrNotFound)
		s.is(s.store.UpdateUser(s.ctx, s.newUser()), store.ErrNotFound)
		s.is(s.store.ClaimEmail(s.ctx, store.EmailClaim{Tenant: s.tenant, UserID: "nobody", FromKey: "a", EmailKey: "b", Now: now}), store.ErrNotFound)
		s.no(s.store.VerifyEmail(s.ctx, s.tenant, "nobody", "a", now))
		s.no(s.store.DeleteUser(s.ctx, s.tenant, "nobody", now, time.Time{}))
	}},
	{"CreateUser refuses an id or an address that is taken", func(s *scene) {
		u := s.user()
		sameID, sameKey := s.newUser(), s.newUser()
		sameID.ID, sameKey.EmailKey = u.ID, u.EmailKey
		s.is(s.store.CreateUser(s.ctx, sameID), store.ErrConflict)
		s.is(s.store.CreateUser(s.ctx, sameKey), store.ErrConflict)
		equal(s, s.kept(u), u)
		_, err := s.store.User(s.ctx, s.tenant, sameKey.ID)
		s.is(err, store.ErrNotFound)
		_, err = s.store.UserByEmail(s.ctx, s.tenant, sameID.EmailKey)
		s.is(err, store.ErrNotFound)
	}},
	{"tenants do not meet", func(s *scene) {
		u := s.user()
		twin := u
		twin.Tenant, twin.Name = s.elsewhere().tenant, "Twin"
		_, err := s.store.User(s.ctx, twin.Tenant, u.ID)
		s.is(err, store.ErrNotFound)
		_, err = s.store.UserByEmail(s.ctx, twin.Tenant, u.EmailKey)
		s.is(err, store.ErrNotFound)
		s.is(s.store.UpdateUser(s.ctx, twin), store.ErrNotFound)
		s.no(s.store.VerifyEmail(s.ctx, twin.Tenant, u.ID, u.EmailKey, now))
		s.no(s.store.DeleteUser(s.ctx, twin.Tenant, u.ID, now, time.Time{}))
		s.must(s.store.CreateUser(s.ctx, twin))
		s.yes(s.store.DeleteUser(s.ctx, twin.Tenant, u.ID, now, after(5)))
		equal(s, s.kept(u), u)
	}},
	{"UpdateUser writes what it may and grows the version", func(s *scene) {
		u := s.user()
		changed := store.User{
			Tenant: u.Tenant, ID: u.ID, Email: "other@example.com", EmailKey: "other@example.com",
			EmailVerifiedAt: after(-1), Name: "Other", Nickname: "o", Image: "i", Locale: "de", Role: "admin",
			Onboarding: "completed", MuteAlerts: false, MFAEnabled: false, BannedAt: after(-2), BanExpiresAt: after(2), BanReason: "because",
			DeletedAt: after(1), CreatedAt: after(9), UpdatedAt: now, Version: 1,
		}
		s.must(s.store.UpdateUser(s.ctx, changed))
		want := changed
		want.Email, want.EmailKey, want.CreatedAt, want.DeletedAt, want.Version = u.Email, u.EmailKey, u.CreatedAt, time.Time{}, 2
		equal(s, s.kept(u), want)
		_, err := s.store.UserByEmail(s.ctx, s.tenant, "other@example.com")
		s.is(err, store.ErrNotFound)
	}},
	{"UpdateUser refuses another version", func(s *scene) {
		u := s.user()
		for _, version := range []int64{0, 2, -1} {
			changed := u
			changed.Name, changed.Version = "Changed", version
			s.is(s.store.UpdateUser(s.ctx, changed), store.ErrConflict)
		}
		equal(s, s.kept(u), u)
	}},
	{"a change that UpdateUser has not seen is not undone", func(s *scene) {
		for _, change := range []func(store.User){
			func(u store.User) { s.yes(s.store.VerifyEmail(s.ctx, u.Tenant, u.ID, u.EmailKey, now)) },
			func(u store.User) { s.must(s.store.ClaimEmail(s.ctx, s.claim(u))) },
		} {
			u := s.user()
			change(u)
			u.Name = "Stale"
			s.is(s.store.UpdateUser(s.ctx, u), store.ErrConflict)
			// Otherwise an address could be proven, moved away from and still
			// be called proven by a caller that read the account before.
			if got := s.kept(u); got.EmailVerifiedAt.IsZero() || got.Version != 2 || !got.UpdatedAt.Equal(now) {
				s.Errorf("a stale update left %+v", got)
			}
		}
	}},
	{"VerifyEmail does it once, for the address that was proven", func(s *scene) {
		u := s.user()
		s.no(s.store.VerifyEmail(s.ctx, u.Tenant, u.ID, "other@example.com", now))
		s.yes(s.store.VerifyEmail(s.ctx, u.Tenant, u.ID, u.EmailKey, after(1)))
		s.no(s.store.VerifyEmail(s.ctx, u.Tenant, u.ID, u.EmailKey, after(2)))
		want := u
		want.EmailVerifiedAt, want.UpdatedAt, want.Version = after(1), after(1), 2
		equal(s, s.kept(u), want)
	}},
	{"ClaimEmail moves an account and frees its address", func(s *scene) {
		u := s.user()
		c := s.claim(u)
		c.ReserveUntil = time.Time{}
		s.must(s.store.ClaimEmail(s.ctx, c))
		want := u
		want.Email, want.EmailKey, want.EmailVerifiedAt, want.UpdatedAt, want.Version = c.Email, c.EmailKey, c.VerifiedAt, now, 2
		equal(s, s.kept(u), want)
		next := s.newUser()
		next.EmailKey = u.EmailKey
		s.must(s.store.CreateUser(s.ctx, next))
		s.is(s.store.ClaimEmail(s.ctx, c), store.ErrNotFound)
	}},
	{"ClaimEmail keeps the old address for the account alone until the time given", func(s *scene) {
		u := s.user()
		c := s.claim(u) // reserves until after(10)
		s.must(s.store.ClaimEmail(s.ctx, c))
		_, err := s.store.UserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.is(err, store.ErrNotFound)

		stranger := s.newUser()
		stranger.EmailKey, stranger.CreatedAt = u.EmailKey, after(10).Add(-time.Microsecond)
		s.is(s.store.CreateUser(s.ctx, stranger), store.ErrConflict)
		other := s.user()
		taking := store.EmailClaim{Tenant: s.tenant, UserID: other.ID, FromKey: other.EmailKey, EmailKey: u.EmailKey, Now: after(9)}
		s.is(s.store.ClaimEmail(s.ctx, taking), store.ErrConflict)

		back := store.EmailClaim{Tenant: s.tenant, UserID: u.ID, FromKey: c.EmailKey, Email: u.Email, EmailKey: u.EmailKey, VerifiedAt: after(3), ReserveUntil: after(20), Now: after(3)}
		s.must(s.store.ClaimEmail(s.ctx, back))
		byEmail, err := s.store.UserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.must(err)
		if byEmail.ID != u.ID {
			s.Errorf("the address went to %s", byEmail.ID)
		}
		taking.Now = after(15)
		s.is(s.store.ClaimEmail(s.ctx, taking), store.ErrConflict)
		taking.EmailKey = c.EmailKey
		s.is(s.store.ClaimEmail(s.ctx, taking), store.ErrConflict)
		taking.Now = after(20)
		s.must(s.store.ClaimEmail(s.ctx, taking))
	}},
	{"a reservation that has run out frees the address for CreateUser", func(s *scene) {
		u := s.user()
		s.must(s.store.ClaimEmail(s.ctx, s.claim(u)))
		next := s.newUser()
		next.EmailKey, next.CreatedAt = u.EmailKey, after(10)
		s.must(s.store.CreateUser(s.ctx, next))
		byEmail, err := s.store.UserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.must(err)
		equal(s, byEmail, next)
	}},
	{"ClaimEmail refuses an address that another account has", func(s *scene) {
		u, other := s.user(), s.user()
		c := s.claim(u)
		c.EmailKey = other.EmailKey
		s.is(s.store.ClaimEmail(s.ctx, c), store.ErrConflict)
		equal(s, s.kept(u), u)
		equal(s, s.kept(other), other)
	}},
	{"ClaimEmail may keep the key and change its spelling", func(s *scene) {
		u := s.user()
		c := s.claim(u)
		c.EmailKey, c.Email = u.EmailKey, "ANN@example.com"
		s.must(s.store.ClaimEmail(s.ctx, c))
		byEmail, err := s.store.UserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.must(err)
		if byEmail.Email != "ANN@example.com" || !byEmail.EmailVerifiedAt.Equal(c.VerifiedAt) {
			s.Errorf("the account became %+v", byEmail)
		}
	}},
	{"ListUsers selects by text, role, proof, ban and place", func(s *scene) {
		var all []store.User
		for i := range 6 {
			u := s.newUser()
			u.EmailKey, u.Name, u.Role = fmt.Sprintf("user%d.%s@example.com", i, s.id()), []string{"Ann O'Hara", "Bob 100% _"}[i%2], []string{"user", "editor"}[i/3]
			u.EmailVerifiedAt, u.BannedAt, u.BanExpiresAt = time.Time{}, time.Time{}, time.Time{}
			all = append(all, u)
		}
		all[1].EmailVerifiedAt, all[4].EmailVerifiedAt = now, now
		all[2].BannedAt, all[3].BannedAt, all[3].BanExpiresAt = now, now, after(10)
		for i, u := range all {
			s.must(s.store.CreateUser(s.ctx, u))
			all[i] = s.kept(u)
		}
		gone := s.user()
		s.yes(s.store.DeleteUser(s.ctx, gone.Tenant, gone.ID, now, time.Time{}))
		for _, c := range []struct {
			query store.UserQuery
			want  []store.User
		}{
			{store.UserQuery{Limit: 100}, all},
			{store.UserQuery{Limit: 2}, all[:2]},
			{store.UserQuery{After: all[1].ID, Limit: 2}, all[2:4]},
			{store.UserQuery{After: all[5].ID, Limit: 2}, nil},
			{store.UserQuery{After: all[2].ID + "!", Limit: 1}, all[3:4]},
			{store.UserQuery{Role: "editor", Limit: 9}, all[3:]},
			{store.UserQuery{Role: "edit", Limit: 9}, nil},
			{store.UserQuery{Unverified: true, Limit: 9}, []store.User{all[0], all[2], all[3], all[5]}},
			{store.UserQuery{BannedAt: after(5), Limit: 9}, all[2:4]},
			{store.UserQuery{BannedAt: after(10), Limit: 9}, all[2:3]},
			{store.UserQuery{Search: "USER3.", Limit: 9}, all[3:4]},
			{store.UserQuery{Search: "bob", Limit: 9}, []store.User{all[1], all[3], all[5]}},
			{store.UserQuery{Search: "o'h", Role: "user", Limit: 9}, []store.User{all[0], all[2]}},
			{store.UserQuery{Search: "0% _", Limit: 1}, all[1:2]}, // no pattern
			{store.UserQuery{Search: "1%_", Limit: 9}, nil},
			{store.UserQuery{Search: "u%r", Limit: 9}, nil},
		} {
			c.query.Tenant = s.tenant
			got, err := s.store.ListUsers(s.ctx, c.query)
			s.must(err)
			equalAll(s, got, c.want)
		}
		got, err := s.store.ListUsers(s.ctx, store.UserQuery{Tenant: s.elsewhere().tenant, Limit: 9})
		s.must(err)
		equalAll(s, got, nil)
	}},
	{"FindUsers searches, sorts, pages and counts", func(s *scene) {
		var all []store.User
		for i, name := range []string{"bob 100% _", "Ann O'Hara", "ann \\", "Zoë", "Bob"} {
			u := s.newUser()
			u.EmailKey, u.Name = fmt.Sprintf("user%d.%s@example.com", 9-i, s.id()), name
			s.must(s.store.CreateUser(s.ctx, u))
			all = append(all, s.kept(u))
		}
		gone := s.user()
		s.yes(s.store.DeleteUser(s.ctx, gone.Tenant, gone.ID, now, time.Time{}))
		pick := func(at ...int) (picked []store.User) {
			for _, i := range at {
				picked = append(picked, all[i])
			}
			return picked
		}
		for _, c := range []struct {
			query store.UserSearch
			want  []store.User
			count int
		}{
			{store.UserSearch{Limit: 9, Count: 9}, all, 5},
			{store.UserSearch{Limit: 9, Count: 3}, all, 3},
			{store.UserSearch{Limit: 9}, all, 0},
			{store.UserSearch{Limit: 2, Offset: 3, Count: 9, Descending: true}, pick(1, 0), 5},
			{store.UserSearch{Limit: 2, Offset: 7, Count: 9}, nil, 5},
			{store.UserSearch{SortBy: store.SortName, Limit: 9, Count: 9}, pick(2, 1, 4, 0, 3), 5},
			{store.UserSearch{SortBy: store.SortName, Descending: true, Limit: 2, Offset: 1, Count: 9}, pick(0, 4), 5},
			{store.UserSearch{SortBy: store.SortEmail, Limit: 9, Count: 9}, pick(4, 3, 2, 1, 0), 5},
			{store.UserSearch{SortBy: store.SortEmail, Descending: true, Limit: 1, Count: 9}, pick(0), 5},
			{store.UserSearch{Search: "BOB", SortBy: store.SortName, Limit: 9, Count: 9}, pick(4, 0), 2},
			{store.UserSearch{Search: "BOB", SortBy: store.SortName, Descending: true, Limit: 9, Count: 1}, pick(0, 4), 1},
			{store.UserSearch{Search: "bob", Limit: 1, Count: 9}, pick(0), 2},
			{store.UserSearch{Search: "bob", Limit: 9, Offset: 3000, Count: 9}, nil, 2},
			{store.UserSearch{Search: "bob", In: "email", Limit: 9, Count: 9}, nil, 0},
			{store.UserSearch{Search: "USER8.", In: "email", Limit: 9, Count: 9}, pick(1), 1},
			{store.UserSearch{Search: "user8.", In: "name", Limit: 9, Count: 9}, nil, 0},
			{store.UserSearch{Search: "0% _", Limit: 9, Count: 9}, pick(0), 1}, // no pattern
			{store.UserSearch{Search: "b_b", Limit: 9, Count: 9}, nil, 0},
			{store.UserSearch{Search: "u%r", Limit: 9, Count: 9}, nil, 0},
			{store.UserSearch{Search: "o'h", Limit: 9, Count: 9}, pick(1), 1},
			{store.UserSearch{Search: "\\", Limit: 9, Count: 9}, pick(2), 1},
			{store.UserSearch{Search: `"`, Limit: 9, Count: 9}, nil, 0},
			{store.UserSearch{Search: "zo\u00eb", Limit: 9, Count: 9}, pick(3), 1},
		} {
			c.query.Tenant = s.tenant
			got, count, err := s.store.FindUsers(s.ctx, c.query)
			s.must(err)
			equalAll(s, got, c.want)
			if count != c.count {
				s.Errorf("%+v counts %d, want %d", c.query, count, c.count)
			}
		}
		got, count, err := s.store.FindUsers(s.ctx, store.UserSearch{Tenant: s.elsewhere().tenant, Limit: 9, Count: 9})
		s.must(err)
		equalAll(s, got, nil)
		if count != 0 {
			s.Errorf("another tenant counts %d", count)
		}
	}},
	{"FindUsers finds accounts with a record", func(s *scene) {
		var all []store.User
		for i, name := range []string{"bob 100% _", "Ann O'Hara", "ann \\", "Zoë", "Bob", "bob private", "bob of another kind", "bob without"} {
			u := s.newUser()
			u.EmailKey, u.Name = fmt.Sprintf("user%d.%s@example.com", 9-i, s.id()), name
			if i == 3 {
				u.BannedAt, u.BanExpiresAt = now, after(5)
			}
			s.must(s.store.CreateUser(s.ctx, u))
			all = append(all, s.kept(u))
			r := store.Record{Tenant: s.tenant, Kind: "page", ID: u.ID, Refs: []string{"listed", "user/" + u.ID}, Data: []byte("{}"), CreatedAt: now, UpdatedAt: now}
			switch i {
			case 5:
				r.Refs = r.Refs[1:]
			case 6:
				r.Kind = "shop"
			case 7:
				continue
			}
			s.must(s.store.CreateRecord(s.ctx, r))
		}
		gone := s.user()
		s.must(s.store.CreateRecord(s.ctx, store.Record{Tenant: s.tenant, Kind: "page", ID: gone.ID, Refs: []string{"listed"}, Data: []byte("{}"), CreatedAt: now, UpdatedAt: now}))
		s.yes(s.store.DeleteUser(s.ctx, gone.Tenant, gone.ID, now, time.Time{}))
		pick := func(at ...int) (picked []store.User) {
			for _, i := range at {
				picked = append(picked, all[i])
			}
			return picked
		}
		for _, c := range []struct {
			query store.UserSearch
			want  []store.User
			count int
		}{
			{store.UserSearch{Limit: 9, Count: 9}, pick(0, 1, 2, 4), 4},
			{store.UserSearch{Limit: 9, Count: 9, UnbannedAt: after(5)}, pick(0, 1, 2, 3, 4), 5}, // the ban has ended
			{store.UserSearch{Limit: 2, Offset: 1, Count: 3, Descending: true}, pick(2, 1), 3},
			{store.UserSearch{Limit: 9}, pick(0, 1, 2, 4), 0},
			{store.UserSearch{Limit: 2, Offset: 7, Count: 9}, nil, 4},
			{store.UserSearch{SortBy: store.SortName, Limit: 9, Count: 9}, pick(2, 1, 4, 0), 4},
			{store.UserSearch{SortBy: store.SortName, Limit: 2, Offset: 1, Count: 9}, pick(1, 4), 4},
			{store.UserSearch{SortBy: store.SortName, Descending: true, Limit: 2, Offset: 1, Count: 9}, pick(4, 1), 4},
			{store.UserSearch{SortBy: store.SortName, Limit: 2, Offset: 3000, Count: 9}, nil, 4},
			{store.UserSearch{Search: "BOB", Limit: 9, Count: 9}, pick(0, 4), 2},
			{store.UserSearch{Search: "bob", SortBy: store.SortName, Descending: true, Limit: 1, Count: 1}, pick(0), 1},
			{store.UserSearch{Search: "user8.", Limit: 9, Count: 9}, nil, 0}, // not by address
			{store.UserSearch{Search: "0% _", Limit: 9, Count: 9}, pick(0), 1},
			{store.UserSearch{Search: "b_b", Limit: 9, Count: 9}, nil, 0},
			{store.UserSearch{Search: "o'h", Limit: 9, Count: 9}, pick(1), 1},
			{store.UserSearch{Search: "\\", SortBy: store.SortName, Limit: 9, Count: 9}, pick(2), 1},
		} {
			c.query.Tenant, c.query.In, c.query.RecordKind, c.query.RecordRef = s.tenant, "name", "page", "listed"
			if c.query.UnbannedAt.IsZero() {
				c.query.UnbannedAt = after(4)
			}
			got, count, err := s.store.FindUsers(s.ctx, c.query)
			s.must(err)
			equalAll(s, got, c.want)
			if count != c.count {
				s.Errorf("%+v counts %d, want %d", c.query, count, c.count)
			}
		}
		got, _, err := s.store.FindUsers(s.ctx, store.UserSearch{Tenant: s.elsewhere().tenant, In: "name", RecordKind: "page", RecordRef: "listed", UnbannedAt: now, Limit: 9})
		s.must(err)
		equalAll(s, got, nil)
	}},
	{"DeleteUser does it once and keeps the account", func(s *scene) {
		u := s.user()
		s.yes(s.store.DeleteUser(s.ctx, u.Tenant, u.ID, now, time.Time{}))
		s.no(s.store.DeleteUser(s.ctx, u.Tenant, u.ID, after(1), after(9)))
		want := u
		want.DeletedAt, want.UpdatedAt, want.Version = now, now, 2
		equal(s, s.kept(u), want)
		_, err := s.store.UserByEmail(s.ctx, u.Tenant, u.EmailKey)
		s.is(err, store.ErrNotFound)
		s.is(s.store.UpdateUser(s.ctx, want), store.ErrNotFound)
		s.no(s.store.VerifyEmail(s.ctx, u.Tenant, u.ID, u.EmailKey, after(1)))
		s.is(s.store.ClaimEmail(s.ctx, s.claim(u)), store.ErrNotFound)
		again := s.newUser()
		again.EmailKey = u.EmailKey
		s.must(s.store.CreateUser(s.ctx, again))
	}},
	{"DeleteUser keeps the address from everybody until the time given", func(s *scene) {
		u := s.user()
		s.yes(s.store.DeleteUser(s.ctx, u.Tenant, u.ID, now, after(10)))
		again := s.newUser()
		again.EmailKey, again.CreatedAt = u.EmailKey, after(9)
		s.is(s.store.CreateUser(s.ctx, again), store.ErrConflict)
		again.CreatedAt = after(10)
		s.must(s.store.CreateUser(s.ctx, again))
	}},
	{"the default tenant is a tenant like others", func(s *scene) {
		plain := newScene(s.reporter, s.store, "")
		u := plain.user()
		equal(s, plain.kept(u), u)
		_, err := s.store.User(s.ctx, s.tenant, u.ID)
		s.is(err, store.ErrNotFound)
	}},
}

// claim moves an account to a new address at now, and keeps its old one until
// after(10).
func (s *scene) claim(u store.User) store.EmailClaim {
	key := "moved-" + s.id() + "@example.com"
	return store.EmailClaim{
		Tenant: u.Tenant, UserID: u.ID, FromKey: u.EmailKey, Email: "Moved@Example.com", EmailKey: key,
		VerifiedAt: now, ReserveUntil: after(10), Now: now,
	}
}
