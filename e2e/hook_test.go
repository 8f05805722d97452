package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// AC-192, RL-04: a hook may refuse in its own words; one that fails, panics,
// blocks or calls back into the library harms the request that called it alone.
func TestAC192_AHookHarmsItsOwnRequestAlone(t *testing.T) {
	closedToday := &admit.Error{Code: "app/closed", Status: http.StatusForbidden, Message: "Closed today."}
	var auth *admit.Auth
	var hooked atomic.Bool
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		s.Log.ExpectErrors()
		hasty := s.Process(func(c *admit.Config) { c.RequestTimeout = 2 * time.Second })
		p := s.SignUp("good@x.test")
		for _, name := range []string{"veto", "fails", "panics", "blocks", "calls"} {
			s.SignUp(name + "@x.test")
		}
		hooked.Store(true)
		defer hooked.Store(false)
		for name, want := range map[string]error{
			"veto": closedToday, "fails": admit.ErrInternal, "panics": admit.ErrInternal, "blocks": admit.ErrInternal, "calls": admit.ErrUnavailable,
		} {
			at := s
			if name == "blocks" || name == "calls" {
				at = hasty // both last as long as a request may
			}
			auth = at.Auth
			signed, err := at.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: name + "@x.test", Password: harness.Password})
			if signed.Tokens.AccessToken != "" || !errors.Is(err, want) {
				t.Errorf("%s gave %v, %v", name, signed, err)
			}
			s.SignIn("good@x.test", harness.Password).Want(200)
		}
		s.Alive(p.Tokens)
	}, unlimited, func(c *admit.Config) {
		c.Hooks.BeforeSignIn = func(ctx context.Context, user admit.User) error {
			if !hooked.Load() {
				return nil
			}
			switch name, _, _ := strings.Cut(user.Email, "@"); name {
			case "veto":
				return closedToday
			case "fails":
				return errors.New("a secret of the host's")
			case "panics":
				panic("a panic of the host's")
			case "blocks":
				<-ctx.Done()
				return ctx.Err()
			case "calls":
				// The transaction that calls the hook holds the account.
				_, err := auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "good@x.test", Password: harness.Password})
				return errors.Join(errors.New("called"), err)
			}
			return nil
		}
	})
}

// A hook that makes an account is part of its transaction.
func TestWhatAHookRefusesWasNever(t *testing.T) {
	refuse := &admit.Error{Code: "app/no", Status: http.StatusConflict, Message: "No."}
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		_, err := s.Auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "a@x.test", Password: harness.Password, Name: "Ada"})
		if !errors.Is(err, refuse) {
			t.Errorf("the refusal came out as %v", err)
		}
		if _, err := s.Auth.Users.GetByEmail(t.Context(), "a@x.test"); !errors.Is(err, admit.ErrUserNotFound) {
			t.Errorf("the account that was refused: %v", err)
		}
		if n := len(s.Events("", "user.created")); n > 0 {
			t.Errorf("%d events tell of it", n)
		}
	}, func(c *admit.Config) {
		c.Hooks.UserCreated = func(context.Context, admit.Tx, admit.User) error { return refuse }
	})
}

// Events come in order and again until they are taken, whatever the host does.
func TestEventsComeInOrderUntilTheHostTakesThem(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		var calls atomic.Int64
		seen := make(chan admit.Event, 100)
		told := s.Process(func(c *admit.Config) {
			c.OnEvent = func(_ context.Context, e admit.Event) error {
				switch calls.Add(1) {
				case 1:
					return errors.New("not now")
				case 2:
					panic("nor now")
				}
				if e.Kind != "mail.requested" { // recorded beside the others
					seen <- e
				}
				return nil
			}
		})
		p := told.SignUp("a@x.test")
		told.SignOut(p.Access).Want(200)
		last := ""
		for _, kind := range []string{"user.created", "session.created", "session.ended"} {
			select {
			case e := <-seen:
				if e.Kind != kind || e.ID <= last || e.SubjectID != p.ID {
					t.Errorf("got %s %s after %s, want %s", e.Kind, e.ID, last, kind)
				}
				last = e.ID
			case <-time.After(harness.Patience):
				t.Fatalf("%s did not come", kind)
			}
		}
	})
}

// AC-219, LG-03: one request is one line of the log, whatever it holds.
func TestAC219_NobodyForgesALineOfTheLog(t *testing.T) {
	s := harness.New(t)
	before := strings.Count(s.Log.String(), "\n")
	const forged = "\r\n\x1b[31m{\"level\":\"ERROR\",\"msg\":\"forged\"}\u2028"
	const requests = 3
	for range requests {
		r := httptest.NewRequest("POST", "/v1/auth/email/signin", strings.NewReader(`{"email":"a@x.test\r\nforged","password":"forged\r\n"}`))
		r.Method = "FORGED\r\nforged"
		r.URL.Path, r.URL.RawQuery = "/v1/"+forged, forged
		r.Header["User-Agent"] = []string{forged}
		r.Header["Content-Type"] = []string{"application/json" + forged}
		r.Header["X-Request-Id"] = []string{forged}
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	lines := s.Log.String()
	if n := strings.Count(lines, "\n") - before; n != requests {
		t.Errorf("%d requests wrote %d lines", requests, n)
	}
	if strings.Contains(strings.ToLower(lines), "forged") || strings.ContainsAny(lines, "\r\x1b") {
		t.Errorf("what was sent is in the log: %s", lines)
	}
}

// TestFieldAHookWritesTheRowOfTheHostWithTheUser: a hook writes the host's own row
// in the transaction that makes the account, whichever door the user came by, and
// what a refusal undoes is undone with the account.
func TestFieldAHookWritesTheRowOfTheHostWithTheUser(t *testing.T) {
	refuse := &admit.Error{Code: "app/no", Status: http.StatusConflict, Message: "No."}
	var rows int // of the host, as the last hook has seen them
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ctx := t.Context()
		rows = 0
		made := func(door string, want int, err error) {
			t.Helper()
			if err != nil || rows != want {
				t.Errorf("%s: the host has %d rows, %v, want %d", door, rows, err, want)
			}
		}
		_, err := s.Auth.SignUps.Create(ctx, admit.SignUpParams{Email: "a@x.test", Password: harness.Password, Name: "Ada"})
		if rows < 0 { // a store in memory has no SQL, and says so
			if !strings.HasSuffix(t.Name(), "/memory") {
				t.Error("tx.SQL() runs nothing in the database")
			}
			return
		}
		made("a sign-up", 1, err)
		_, err = s.Auth.SignUps.Create(ctx, admit.SignUpParams{Email: "b@x.test", Password: harness.Password, Name: "No"})
		if !errors.Is(err, refuse) || rows != 2 {
			t.Errorf("a sign-up that the hook refuses: %v, with %d rows", err, rows)
		}
		_, err = s.Auth.Users.Create(ctx, admit.CreateUserParams{Email: "c@x.test", Name: "Cy"})
		made("an operator", 2, err) // the row of the refused account is gone
		token := mailed(s, mailer.MagicLink, "d@x.test", func() {
			if _, err := s.Auth.MagicLinks.Request(ctx, admit.MagicLinkParams{Email: "d@x.test", SignUp: true}); err != nil {
				t.Fatal(err)
			}
		})
		_, err = s.Auth.MagicLinks.Redeem(ctx, token)
		made("a link", 3, err)
	}, func(c *admit.Config) {
		c.Hooks.UserCreated = func(ctx context.Context, tx admit.Tx, user admit.User) error {
			db := tx.SQL()
			for _, statement := range []string{"CREATE TABLE IF NOT EXISTS host_rows (n INTEGER)", "INSERT INTO host_rows VALUES (1)"} {
				if _, err := db.ExecContext(ctx, statement); errors.Is(err, store.ErrNoSQL) {
					rows = -1
					return nil
				} else if err != nil {
					return err
				}
			}
			if err := db.QueryRowContext(ctx, "SELECT count(*) FROM host_rows").Scan(&rows); err != nil || user.Name != "No" {
				return err
			}
			return refuse
		}
	})
}
