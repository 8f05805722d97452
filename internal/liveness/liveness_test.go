package liveness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

var start = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// counted is a store that counts its SessionUser, and lets answers wait.
type counted struct {
	*memory.Store

	calls int
	// answering is called with each result before it is returned. Nil does
	// nothing.
	answering func() error
}

func (c *counted) SessionUser(ctx context.Context, tenant, id string) (store.Session, store.User, error) {
	c.calls++
	session, user, err := c.Store.SessionUser(ctx, tenant, id)
	if c.answering != nil {
		if err := c.answering(); err != nil {
			return store.Session{}, store.User{}, err
		}
	}
	return session, user, err
}

func id(i int) string { return fmt.Sprintf("0194f000-0000-7000-8000-%012x", i) }

// signedIn returns a store with a user and a session for each of n.
func signedIn(t testing.TB, n int) *counted {
	t.Helper()
	s := &counted{Store: memory.New()}
	for i := range n {
		address := fmt.Sprintf("user%d@example.test", i)
		err := errors.Join(
			s.CreateUser(t.Context(), store.User{ID: id(i), Email: address, EmailKey: address, Role: "user", CreatedAt: start, UpdatedAt: start}),
			s.CreateSession(t.Context(), store.Session{
				ID: id(1000 + i), UserID: id(i), Generation: 1, SecretHash: make([]byte, 32), CreatedAt: start,
				ExpiresAt: start.Add(time.Hour), AbsoluteExpiresAt: start.Add(time.Hour),
			}),
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// find looks for the session of a user, and returns whether it lives and how
// often the store was asked.
func (c *Cache) find(t testing.TB, s *counted, i int, now time.Time, fresh bool) (live bool, calls int) {
	t.Helper()
	s.calls = 0
	var session store.Session
	var user store.User
	if err := c.Find(t.Context(), s, id(1000+i), now, fresh, &session, &user); err != nil {
		t.Fatal(err)
	}
	if session.ID != id(1000+i) || user.ID != id(i) {
		t.Fatalf("found %s of %s", session.ID, user.ID)
	}
	return session.Live(now), s.calls
}

func signOut(t testing.TB, s *counted, i int) {
	t.Helper()
	if ended, err := s.EndSession(t.Context(), "", id(i), id(1000+i), start, "signed-out"); err != nil || !ended {
		t.Fatal(ended, err)
	}
}

func TestASessionIsAnsweredFromMemoryWithinItsStaleness(t *testing.T) {
	s := signedIn(t, 1)
	c := New(Options{Staleness: 10 * time.Second})
	for _, step := range []struct {
		after time.Duration
		fresh bool
		want  int
	}{
		{0, false, 1}, {10*time.Second - 1, false, 0}, {10 * time.Second, false, 1}, {11 * time.Second, true, 1}, {12 * time.Second, false, 0},
	} {
		if _, calls := c.find(t, s, 0, start.Add(step.after), step.fresh); calls != step.want {
			t.Errorf("after %v, fresh %v: asked %d times, want %d", step.after, step.fresh, calls, step.want)
		}
	}
	c = New(Options{})
	for range 2 {
		if _, calls := c.find(t, s, 0, start, false); calls != 1 {
			t.Errorf("without staleness: asked %d times", calls)
		}
	}
}

func TestAChangeIsSeenAtOnce(t *testing.T) {
	s := signedIn(t, 2)
	c := New(Options{Staleness: time.Minute})
	c.find(t, s, 0, start, false)
	c.find(t, s, 1, start, false)
	signOut(t, s, 0)
	if live, calls := c.find(t, s, 0, start, false); !live || calls != 0 {
		t.Fatal("the session was not remembered") // or the rest shows nothing
	}
	c.Forget(id(0))
	if live, _ := c.find(t, s, 0, start, false); live {
		t.Error("a session that has ended is said to live")
	}
	if _, calls := c.find(t, s, 1, start, false); calls != 0 {
		t.Error("another user was forgotten too")
	}
	signOut(t, s, 1)
	c.ForgetAll()
	if live, _ := c.find(t, s, 1, start, false); live {
		t.Error("a session that has ended is said to live")
	}
}

// If a sign-out happens during a read, the result of the read is not
// remembered.
func TestASignOutThatOvertakesAReadIsSeen(t *testing.T) {
	for name, forget := range map[string]func(*Cache){
		"Forget":    func(c *Cache) { c.Forget(id(0)) },
		"ForgetAll": (*Cache).ForgetAll,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := signedIn(t, 1)
			c := New(Options{Staleness: time.Minute})
			proceed := make(chan struct{})
			s.answering = func() error { <-proceed; return nil }
			var reader sync.WaitGroup
			reader.Go(func() { c.find(t, s, 0, start, false) })
			synctest.Wait() // the reader holds a session that lives
			signOut(t, s, 0)
			forget(c)
			close(proceed)
			reader.Wait()
			if live, calls := c.find(t, s, 0, start, false); live || calls != 1 {
				t.Errorf("%s: live %v after the sign-out, asked %d times", name, live, calls)
			}
		})
	}
}

// After a clock was set back, earlier reads are not used.
func TestS20_AReadOfATimeToComeIsNotBelieved(t *testing.T) {
	s := signedIn(t, 1)
	c := New(Options{Staleness: 5 * time.Minute})
	c.find(t, s, 0, start.Add(8*24*time.Hour), false)
	if _, calls := c.find(t, s, 0, start, false); calls != 1 {
		t.Error("the store was not asked")
	}
}

func TestAnAbsentSessionAndAStoreThatIsDownAreToldApart(t *testing.T) {
	s := signedIn(t, 1)
	down := errors.New("the store is down")
	c := New(Options{Staleness: time.Minute})
	var session store.Session
	var user store.User
	if err := c.Find(t.Context(), s, id(9), start, false, &session, &user); !errors.Is(err, ErrEnded) {
		t.Errorf("an absent session: got %v", err)
	}
	other := New(Options{Staleness: time.Minute, Tenant: "other"})
	if err := other.Find(t.Context(), s, id(1000), start, false, &session, &user); !errors.Is(err, ErrEnded) {
		t.Errorf("a session of another tenant: got %v", err)
	}
	s.answering = func() error { return down }
	if err := c.Find(t.Context(), s, id(1000), start, false, &session, &user); !errors.Is(err, down) || errors.Is(err, ErrEnded) {
		t.Errorf("a store that is down: got %v", err)
	}
	s.answering = nil
	if _, calls := c.find(t, s, 0, start, false); calls != 1 {
		t.Error("a failed read was remembered")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := signedIn(t, 10)
	c := New(Options{Staleness: time.Minute, Size: 4})
	for i := range 10 {
		c.find(t, s, i, start, false)
		if len(c.entries) > 4 || len(c.byUser) > 4 {
			t.Fatalf("%d sessions of %d users are remembered", len(c.entries), len(c.byUser))
		}
	}
	c = New(Options{Staleness: time.Minute, Size: 4})
	for i := range 4 {
		c.find(t, s, i, start, false)
	}
	c.find(t, s, 0, start, true) // known already: it needs no room
	if len(c.entries) != 4 {
		t.Errorf("%d sessions are remembered, want 4", len(c.entries))
	}
}

func TestConcurrentUse(t *testing.T) {
	s := signedIn(t, 8)
	c := New(Options{Staleness: time.Minute, Size: 4})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				var session store.Session
				var user store.User
				if err := c.Find(t.Context(), s.Store, id(1000+i), start, false, &session, &user); err != nil || user.ID != id(i) {
					t.Errorf("found %s, %v", user.ID, err)
				}
				c.Forget(id(i))
			}
		})
	}
	all.Wait()
}
