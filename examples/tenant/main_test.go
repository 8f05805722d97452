package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

func start(t *testing.T) (*host, *mailer.Recorder) {
	t.Helper()
	return startWith(t, func(*admit.Config) {})
}

func startWith(t *testing.T, change func(*admit.Config)) (*host, *mailer.Recorder) {
	t.Helper()
	mail := &mailer.Recorder{}
	config := admit.Config{
		BaseURL: "http://127.0.0.1:8080",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Mailer:  mail,
		Logger:  slog.New(slog.DiscardHandler),
		// With the real hash the one writer of SQLite is held for longer than a
		// slow machine under the race detector lets the others wait.
		Passwords: admit.PasswordConfig{InsecureFastHash: true},
	}
	change(&config)
	h, err := open(t.Context(), filepath.Join(t.TempDir(), "tenant.db"), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(h.auth.Close(context.Background()), h.db.Close()); err != nil {
			t.Error(err)
		}
	})
	return h, mail
}

func person(name string) admit.SignUpParams {
	return admit.SignUpParams{Email: name + "@example.com", Password: "quiet harbour lamp", Name: name}
}

// rows counts the rows of a table of the host or the library.
func (h *host) rows(t *testing.T, table string) int {
	t.Helper()
	var n int
	if err := h.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCompanyAndItsFirstUserAreMadeTogether(t *testing.T) {
	h, mail := start(t)
	post := httptest.NewRequest(http.MethodPost, "/companies",
		strings.NewReader(`{"company":"Lamps Ltd","email":"ann@example.com","password":"quiet harbour lamp","name":"Ann"}`))
	answer := httptest.NewRecorder()
	h.routes().ServeHTTP(answer, post)
	if answer.Code != http.StatusCreated {
		t.Fatalf("signing up answered %d %s", answer.Code, answer.Body)
	}
	_, rest, _ := strings.Cut(answer.Body.String(), `"accessToken":"`)
	token, _, _ := strings.Cut(rest, `"`)
	get := httptest.NewRequest(http.MethodGet, "/company", nil)
	get.Header.Set("Authorization", "Bearer "+token)
	answer = httptest.NewRecorder()
	h.routes().ServeHTTP(answer, get)
	if got := strings.TrimSpace(answer.Body.String()); got != `{"company":"Lamps Ltd","owner":"Ann"}` {
		t.Errorf("the company is %d %s", answer.Code, got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := mail.Wait(ctx, func(m mailer.Message) bool { return m.Kind == mailer.SignupConfirmation }); err != nil {
		t.Errorf("no confirmation was mailed: %v", err)
	}
}

func TestCompanyThatCannotBeMadeLeavesNoUserAndNoMail(t *testing.T) {
	h, mail := start(t)
	if _, err := h.register(t.Context(), "Lamps Ltd", person("ann")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.register(t.Context(), "Lamps Ltd", person("bob")); !errors.Is(err, errNameTaken) {
		t.Fatalf("a taken name answered %v", err)
	}
	if users := h.rows(t, "admit_users"); users != 1 {
		t.Errorf("%d users, should be 1", users)
	}
	if _, err := h.auth.Users.GetByEmail(t.Context(), "bob@example.com"); !errors.Is(err, admit.ErrUserNotFound) {
		t.Errorf("the user of a company that was not made: %v", err)
	}
	if err := h.auth.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range mail.Messages() {
		if m.To != "ann@example.com" {
			t.Errorf("a mail went to %s", m.To)
		}
	}
}

func TestUserWhoCannotBeMadeLeavesNoCompany(t *testing.T) {
	h, _ := start(t)
	if _, err := h.register(t.Context(), "Lamps Ltd", person("ann")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.register(t.Context(), "Other Ltd", person("ann")); !errors.Is(err, admit.ErrEmailAlreadyExists) {
		t.Fatalf("a taken address answered %v", err)
	}
	if companies := h.rows(t, "company"); companies != 1 {
		t.Errorf("%d companies, should be 1", companies)
	}
}

// A host may answer a refusal within its transaction and commit all the same.
func TestRefusalLeavesTheTransactionOfTheHostUsable(t *testing.T) {
	h, _ := start(t)
	ann, err := h.register(t.Context(), "Lamps Ltd", person("ann"))
	if err != nil {
		t.Fatal(err)
	}
	tx, err := h.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	auth, committed := h.auth.WithTx(tx)
	if _, err := auth.Users.Create(t.Context(), admit.CreateUserParams{Email: "ann@example.com", Name: "Ann"}); !errors.Is(err, admit.ErrEmailAlreadyExists) {
		t.Fatalf("a taken address answered %v", err)
	}
	if _, err := tx.ExecContext(t.Context(), `INSERT INTO company (name, owner_id) VALUES ('Second Ltd', ?)`, ann.UserID); err != nil {
		t.Fatalf("after a refusal: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	committed()
	if companies := h.rows(t, "company"); companies != 2 {
		t.Errorf("%d companies, should be 2", companies)
	}
}

func TestOfSeveralWhoWantOneNameOneGetsIt(t *testing.T) {
	h, _ := start(t)
	var group sync.WaitGroup
	outcomes := make([]error, 4)
	for i := range outcomes {
		group.Go(func() { _, outcomes[i] = h.register(t.Context(), "Lamps Ltd", person(fmt.Sprint("user", i))) })
	}
	group.Wait()
	won := 0
	for _, err := range outcomes {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, errNameTaken):
			t.Errorf("a loser got %v", err)
		}
	}
	if users, companies := h.rows(t, "admit_users"), h.rows(t, "company"); won != 1 || users != 1 || companies != 1 {
		t.Errorf("%d winners, %d users, %d companies; should be one each", won, users, companies)
	}
}

// inTransaction runs fn in a transaction of the host, which rolls back.
func (h *host) inTransaction(t *testing.T, fn func(auth *admit.Auth)) {
	t.Helper()
	tx, err := h.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	auth, _ := h.auth.WithTx(tx)
	fn(auth)
}

// S4: a hash takes long, and a transaction holds locks.
func TestS4_NoPasswordIsHashedInsideATransaction(t *testing.T) {
	h, _ := start(t)
	ann := person("ann")
	h.inTransaction(t, func(auth *admit.Auth) {
		if _, err := auth.SignUps.Create(t.Context(), ann); !errors.Is(err, admit.ErrInternal) {
			t.Errorf("signing up with a password that is not hashed yet: %v", err)
		}
		if _, err := auth.Users.Create(t.Context(), admit.CreateUserParams{Email: ann.Email, Name: "Ann", InsecurePassword: ann.Password}); !errors.Is(err, admit.ErrInternal) {
			t.Errorf("creating a user: %v", err)
		}
	})
	prepared, err := h.auth.Passwords.Prepare(t.Context(), admit.PreparePasswordParams{Email: ann.Email, Name: "Ann", Password: ann.Password})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(prepared), fmt.Sprintf("%+v", prepared), fmt.Sprintf("%#v", prepared)} {
		if strings.Contains(printed, "argon2") {
			t.Errorf("printed as %s", printed)
		}
	}
	h.inTransaction(t, func(auth *admit.Auth) {
		if _, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "bob@example.com", Name: "Bob", Prepared: prepared}); !errors.Is(err, admit.ErrInvalidPasswordFormat) {
			t.Errorf("another address with the prepared password: %v", err)
		}
		if _, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: ann.Email, Name: "Ann", Prepared: prepared}); err != nil {
			t.Errorf("the prepared password: %v", err)
		}
	})
}

// S9: a count that a rollback takes back bounds nothing.
func TestS9_GuessesInsideATransactionAreRefusedOrCountedOutsideIt(t *testing.T) {
	for name, counters := range map[string]store.Counters{"refused": nil, "counted outside": memory.New()} {
		t.Run(name, func(t *testing.T) {
			h, mail := startWith(t, func(c *admit.Config) { c.Counters = counters })
			if _, err := h.register(t.Context(), "Lamps Ltd", person("ann")); err != nil {
				t.Fatal(err)
			}
			id, err := h.auth.MagicLinks.Request(t.Context(), admit.MagicLinkParams{Email: "ann@example.com"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			letter, err := mail.Wait(ctx, func(m mailer.Message) bool { return m.Kind == mailer.MagicLink })
			if err != nil {
				t.Fatal(err)
			}
			wrong := "000000"
			if letter.Values.Code == wrong {
				wrong = "000001"
			}
			evaluated := 0
			for range 150 {
				h.inTransaction(t, func(auth *admit.Auth) {
					_, err := auth.MagicLinks.RedeemCode(t.Context(), admit.RedeemCodeParams{RequestID: id, Code: wrong})
					switch {
					case errors.Is(err, admit.ErrInvalidToken):
						evaluated++
					case !errors.Is(err, admit.ErrTooManyLoginAttempts) && !errors.Is(err, admit.ErrInternal):
						t.Errorf("a guess inside a transaction: %v", err)
					}
				})
			}
			if want := map[bool]int{true: 0, false: 10}[counters == nil]; evaluated != want {
				t.Errorf("%d guesses were evaluated in transactions that rolled back, want %d", evaluated, want)
			}
		})
	}
}
