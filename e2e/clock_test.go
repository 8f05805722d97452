package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/storetest"
)

// RL-04, RL-08: requests take their time when they begin, and get to the keys in
// another order; processes have clocks that are a little apart. The first
// requests of all are served all the same, with one key.
func TestRL08_AFirstBurstOfRequestsIsServedWithOneKey(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		loads := storetest.Failing(s.Store, storetest.Plan{Verb: "ListKeys"}) // none fails, all are counted
		jitter := func(c *admit.Config) {
			now := c.Now
			c.Store = loads
			c.Now = func() time.Time { return now().Add(-rand.N(time.Second)) }
		}
		processes := []*harness.Server{s.Process(jitter), s.Process(jitter)}
		for _, a := range harness.Parallel(40, func(i int) *harness.Answer {
			return processes[i%2].Do("POST", "/v1/auth/email/signup", harness.J{
				"email": fmt.Sprintf("a%d@x.test", i), "password": harness.Password, "name": "Ada",
			})
		}) {
			a.Want(http.StatusCreated)
		}
		keys, err := s.Store.ListKeys(context.Background(), "")
		keys = slices.DeleteFunc(keys, func(k store.Key) bool { return k.Purpose != "access-token" })
		if err != nil || len(keys) != 1 {
			t.Errorf("%d keys were made, %v", len(keys), err)
		}
		before := loads.Calls()
		for i := range 40 {
			processes[i%2].SignIn(fmt.Sprintf("a%d@x.test", i), harness.Password).Want(http.StatusOK)
		}
		// The chain of the audit log reads the key of its own once in each process.
		if n := loads.Calls() - before; n > len(processes) {
			t.Errorf("the keys were loaded %d times more within a second", n)
		}
	}, unlimited)
}

// AC-209, RL-08: a clock that jumps eight days ahead ends sessions, and one that
// jumps back makes nothing live longer than it was given: what was issued in
// between is refused or keeps its own end. The sweep of the wrong time takes
// nothing that lives in the right one.
func TestAC209_AClockThatJumpsAheadAndBackPromisesNothing(t *testing.T) {
	const jump = 8 * 24 * time.Hour
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ctx := context.Background()
		before := s.SignUp("before@x.test")
		ended := s.SignUp("ended@x.test")

		s.Clock.Advance(jump)
		s.Dead(before.Tokens)
		s.SignIn(ended.Email, harness.Password).Want(http.StatusOK)
		if _, err := s.Auth.Sessions.EndOthers(ctx, admit.EndOtherSessionsParams{UserID: ended.ID, Except: ""}); err != nil {
			t.Fatal(err)
		}
		between := s.SignUp("between@x.test")
		if _, err := s.Store.Sweep(ctx, s.Clock.Now(), 1000); err != nil {
			t.Fatal(err)
		}

		s.Clock.Advance(-jump)
		// Another process has nothing from before the jump in memory.
		for _, s := range []*harness.Server{s, s.Process()} {
			s.Me(before.Access).Want(http.StatusOK)
			// A token of the time to come is worth nothing until then.
			s.Me(between.Access).Want(http.StatusUnauthorized)
			s.Dead(ended.Tokens)
			s.SignIn(before.Email, harness.Password).Want(http.StatusOK)
			s.Me(s.SignIn(between.Email, harness.Password).Want(http.StatusOK).Tokens().Access).Want(http.StatusOK)
		}
		if _, err := s.Store.Sweep(ctx, s.Clock.Now(), 1000); err != nil {
			t.Fatal(err)
		}
		tokens := s.Alive(before.Tokens)
		answer := s.Refresh(tokens.Refresh).Want(http.StatusOK)
		if seconds, ok := answer.Get("expiresIn").(float64); !ok || seconds <= 0 || seconds > time.Hour.Seconds() {
			t.Errorf("a token is said to live for %v s", answer.Get("expiresIn"))
		}

		// It still ends when it was to end.
		s.Clock.Advance(time.Hour)
		s.Me(before.Access).Want(http.StatusUnauthorized)
		s.Clock.Advance(jump)
		s.Dead(answer.Tokens())
	}, unlimited)
}

// AC-211, RL-06, TK-07: while everything is swept all the time, what lives is
// redeemed once, and theft is noticed until the end of the session's days.
func TestAC211_SweepingForgetsNoTheft(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ctx := context.Background()
		stolen := s.SignUp("stolen@x.test")
		latest := stolen.Tokens
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := s.Store.Sweep(ctx, s.Clock.Now(), 1); err != nil {
					t.Error(err)
				}
			}
		}()
		for day := range 4 {
			for i := range 2 {
				email := fmt.Sprintf("a%d-%d@x.test", day, i)
				s.SignUp(email)
				token := tokenIn(letterTo(s, mailer.SignupConfirmation, email))
				won := harness.Count(harness.Parallel(4, func(int) *harness.Answer { return confirm(s, email, token) }))
				if won[http.StatusOK] < 1 || won[http.StatusInternalServerError] > 0 {
					t.Errorf("a link that is swept around was answered %v", won)
				}
			}
			s.Clock.Advance(6 * 24 * time.Hour)
			latest = s.Refresh(latest.Refresh).Want(http.StatusOK).Tokens()
		}
		close(stop)
		<-stopped
		// 24 days later the first token is still known for what it is.
		s.Refresh(stolen.Refresh).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
		s.Dead(latest)
		if n := len(s.Events(stolen.ID, "refresh.reused")); n != 1 {
			t.Errorf("%d alarms", n)
		}
	}, unlimited)
}
