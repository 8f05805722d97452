package admit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// These tests give the gate a checkpoint of their own, as a feature does that
// asks for more than one proof.

// errMoreAsked is what the checkpoint of these tests answers.
var errMoreAsked = &Error{Code: "auth/more-asked", Status: http.StatusForbidden, Message: "More is asked."}

type pausing struct {
	*Auth
	clock
	mail   *mailer.Recorder
	strict bool
}

// clock stands still until it is advanced.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

func newPausing(t *testing.T, change ...func(*Config)) *pausing {
	t.Helper()
	p := &pausing{clock: clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, mail: &mailer.Recorder{}, strict: true}
	config := Config{
		BaseURL: "http://127.0.0.1:8080", Secrets: Secrets("q7Wm2ZpX9rTe4UvB8nKc1LsD6fGhJ0yAiR3oVtYu"), Store: memory.New(), Mailer: p.mail,
		Passwords: PasswordConfig{InsecureFastHash: true}, Logger: slog.New(slog.DiscardHandler),
		Now: p.time, RequestTimeout: time.Minute, // a busy machine is not what is tested
		Passkeys: PasskeyConfig{Engine: paperEngine{}}, Providers: []Provider{paperProvider{}},
	}
	for _, c := range change {
		c(&config)
	}
	auth, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close(context.Background()) })
	p.Auth = auth
	auth.checkpoints = []checkpoint{{name: "test", ask: func(_ context.Context, _ *txn, _ *store.User, _ proof) (*Error, error) {
		if !p.strict {
			return nil, nil
		}
		return errMoreAsked.detail("methods", []string{"test"}), nil
	}}}
	return p
}

func (p *pausing) user(t *testing.T) User {
	t.Helper()
	user, err := p.Users.Create(t.Context(), CreateUserParams{Email: "ann@example.com", Name: "Ann", InsecurePassword: "quiet harbour lamp", EmailVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// paused demands that an error is a pause, and returns its ticket.
func paused(t *testing.T, err error) string {
	t.Helper()
	if !errors.Is(err, errMoreAsked) {
		t.Fatalf("the gate answered %v, want a pause", err)
	}
	ticket, _ := asError(err).Details["mfaToken"].(string)
	if !wellFormed(ticket) {
		t.Fatalf("a pause without a ticket: %v", asError(err).Details)
	}
	return ticket
}

func (p *pausing) complete(t *testing.T, ticket string) (SignedIn, error) {
	t.Helper()
	return p.admit(t.Context(), nil, func(ctx context.Context, tx *txn) (outcome, error) {
		return tx.resume(ctx, "test", ticket, "test", nil)
	})
}

func (p *pausing) link(t *testing.T) string {
	t.Helper()
	if _, err := p.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "ann@example.com", CallbackURL: p.config.BaseURL + "/in"}); err != nil {
		t.Fatal(err)
	}
	var token string
	waitFor(t, "the mail", func() bool {
		for _, m := range p.mail.Messages() {
			if m.Kind == mailer.MagicLink {
				_, token, _ = strings.Cut(m.Values.Link, "token=")
			}
		}
		return token != ""
	})
	return token
}

// travel goes to a provider and comes back.
func (p *pausing) travel(t *testing.T, mode string) (FinishedProvider, error) {
	t.Helper()
	begun, err := p.Providers.Begin(t.Context(), BeginProviderParams{Provider: "paper", Mode: mode})
	if err != nil {
		return FinishedProvider{}, err
	}
	return p.Providers.Finish(t.Context(), FinishProviderParams{
		Provider: "paper", State: begun.State, Binding: begun.Binding, Code: "1 ann@example.com authoritative",
	})
}

// post sends JSON to a route.
func (p *pausing) post(path, body string) (status int, answer string) {
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	p.Handler().ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String()
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
		<-time.After(time.Millisecond)
	}
}

func TestAPauseCommitsAndItsTicketCompletes(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	_, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "quiet harbour lamp"})
	ticket := paused(t, err)
	if list, err := p.Sessions.List(t.Context(), user.ID, PageParams{Number: 1, Limit: 10}); err != nil || list.Total != 0 {
		t.Fatalf("a pause left %d sessions, %v", list.Total, err)
	}
	signed, err := p.complete(t, ticket)
	if err != nil || signed.Session.AMR != "pwd test" {
		t.Fatalf("the completion gave methods %q, %v", signed.Session.AMR, err)
	}
	if _, err := p.complete(t, ticket); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a ticket that was used answered %v", err)
	}
}

func TestAPauseSpendsTheLink(t *testing.T) {
	p := newPausing(t)
	p.user(t)
	token := p.link(t)
	_, err := p.MagicLinks.Redeem(t.Context(), token)
	paused(t, err)
	p.strict = false
	if _, err := p.MagicLinks.Redeem(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("the link works again after a pause: %v", err)
	}
}

func TestAPauseIsNoFailedGuess(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	ctx := WithClient(t.Context(), Client{IPAddress: "192.0.2.1"})
	for range 40 { // more than the account's budget
		_, err := p.Passwords.SignIn(ctx, SignInParams{Email: user.Email, Password: "quiet harbour lamp"})
		paused(t, err)
	}
	p.strict = false
	if _, err := p.Passwords.SignIn(ctx, SignInParams{Email: user.Email, Password: "quiet harbour lamp"}); err != nil {
		t.Errorf("after forty pauses: %v", err)
	}
}

// A pause does not clear the count of wrong guesses either: only a session does.
func TestAPauseDoesNotClearTheBudget(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	for range budgetOf(firstFactor).Bounds[0].Limit - 1 {
		_, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "wrong guess here"})
		if !errors.Is(err, ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	_, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "quiet harbour lamp"})
	paused(t, err)
	for range 2 {
		_, err = p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "wrong guess here"})
	}
	if !errors.Is(err, ErrTooManyLoginAttempts) {
		t.Errorf("the guess after the budget answered %v", err)
	}
}

func TestATicketOpensNothingElse(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	_, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "quiet harbour lamp"})
	ticket := paused(t, err)
	if _, err := p.admit(t.Context(), nil, func(ctx context.Context, tx *txn) (outcome, error) {
		return tx.resume(ctx, "another checkpoint", ticket, "test", nil)
	}); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("another checkpoint took the ticket: %v", err)
	}
	for _, r := range p.Routes() {
		if r.Access == string(anyone) && !strings.Contains(r.Path, "/auth/") {
			continue
		}
		body := `{"token":"` + ticket + `","email":"ann@example.com","refreshToken":"` + ticket + `","newPassword":"green bicycle tower","requestId":"` + ticket + `","code":"123456"}`
		for name, value := range map[string]string{"Authorization": "Bearer " + ticket, "X-Api-Key": ticket} {
			request := httptest.NewRequest(r.Method, strings.ReplaceAll(strings.ReplaceAll(r.Path, "{id}", ticket), "{sessionId}", ticket), strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set(name, value)
			answer := httptest.NewRecorder()
			p.Handler().ServeHTTP(answer, request)
			var tokens struct {
				AccessToken string `json:"accessToken"`
			}
			if json.Unmarshal(answer.Body.Bytes(), &tokens) == nil && tokens.AccessToken != "" || answer.Code == http.StatusOK && r.Access == string(signedIn) {
				t.Errorf("%s %s with a ticket as %s answered %d %s", r.Method, r.Path, name, answer.Code, answer.Body)
			}
		}
	}
	if _, err := p.complete(t, ticket); err != nil {
		t.Errorf("the ticket is dead after all that: %v", err)
	}
}

func TestATicketDies(t *testing.T) {
	for name, cause := range map[string]func(p *pausing, user User) error{
		"with time": func(p *pausing, _ User) error { p.advance(ticketLife); return nil },
		"with a ban": func(p *pausing, user User) error {
			return p.Users.Ban(context.Background(), BanParams{UserID: user.ID})
		},
		"with a change of password": func(p *pausing, user User) error {
			_, err := p.Passwords.Change(context.Background(), ChangePasswordParams{UserID: user.ID, Current: "quiet harbour lamp", New: "green bicycle tower"})
			return err
		},
		"with the sessions": func(p *pausing, user User) error {
			_, err := p.Sessions.EndOthers(context.Background(), EndOtherSessionsParams{UserID: user.ID})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPausing(t)
			user := p.user(t)
			_, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "quiet harbour lamp"})
			ticket := paused(t, err)
			if err := cause(p, user); err != nil {
				t.Fatal(err)
			}
			if signed, err := p.complete(t, ticket); err == nil {
				t.Errorf("the ticket opened session %s", signed.Session.ID)
			}
		})
	}
}

// Every way in that exists is walked: none goes around a checkpoint.
func TestNoDoorGoesAroundACheckpoint(t *testing.T) {
	doors := map[string]func(t *testing.T, p *pausing) error{
		"password": func(t *testing.T, p *pausing) error {
			_, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
			return err
		},
		"magic link": func(t *testing.T, p *pausing) error {
			_, err := p.MagicLinks.Redeem(t.Context(), p.link(t))
			return err
		},
		"mailed code": func(t *testing.T, p *pausing) error {
			id, err := p.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "ann@example.com"})
			if err != nil {
				return err
			}
			var code string
			waitFor(t, "the code", func() bool {
				for _, m := range p.mail.Messages() {
					code = m.Values.Code
				}
				return code != ""
			})
			_, err = p.MagicLinks.RedeemCode(t.Context(), RedeemCodeParams{RequestID: id, Code: code})
			return err
		},
		"provider": func(t *testing.T, p *pausing) error {
			_, err := p.Providers.SignIn(t.Context(), ProviderSignInParams{Provider: "paper", IDToken: "1 ann@example.com authoritative"})
			return err
		},
		"provider, by a redirect that ends in a cookie": func(t *testing.T, p *pausing) error {
			done, err := p.travel(t, modeCookie)
			if done.SignedIn != nil || done.Token != "" {
				t.Error("the redirect gave something away")
			}
			return err
		},
		"provider, by a result": func(t *testing.T, p *pausing) error {
			done, err := p.travel(t, modeToken)
			if err != nil {
				return err
			}
			_, err = p.MagicLinks.Redeem(t.Context(), done.Token)
			return err
		},
		"one tap": func(t *testing.T, p *pausing) error {
			_, err := p.Providers.OneTap(t.Context(), OneTapParams{
				Provider: "paper", Credential: "1 ann@example.com authoritative", CSRFToken: "t", CSRFCookie: "t", Mode: modeCookie,
			})
			return err
		},
		"passkey": func(t *testing.T, p *pausing) error {
			user, err := p.Users.GetByEmail(t.Context(), "ann@example.com")
			if err != nil {
				return err
			}
			return p.holdPasskey(t, user).signIn(t, PasskeySignInParams{}, p.Passkeys.SignIn)
		},
	}
	for name, door := range doors {
		t.Run(name, func(t *testing.T) {
			p := newPausing(t, func(c *Config) { c.Cookies = true })
			p.user(t)
			paused(t, door(t, p))
		})
	}
	t.Run("sign-up", func(t *testing.T) {
		p := newPausing(t)
		_, err := p.SignUps.Create(t.Context(), SignUpParams{Email: "bob@example.com", Password: "quiet harbour lamp", Name: "Bob"})
		paused(t, err)
	})
	// The list above is whole: these are the rules that make sessions.
	var kinds []string
	for _, f := range newPausing(t).features {
		for _, r := range f.routes {
			if r.exchanges && slices.Contains([]string{"auth:signin", "auth:signup"}, r.scope) && r.method == http.MethodPost {
				kinds = append(kinds, r.path)
			}
		}
	}
	slices.Sort(kinds)
	if want := []string{"/auth/email/callback", "/auth/email/signin", "/auth/email/signup", "/auth/mfa/verify", "/auth/passkeys/signin/options", "/auth/passkeys/signin/verify", "/auth/start-over", "/auth/{provider}/callback", "/auth/{provider}/onetap"}; !slices.Equal(kinds, want) {
		t.Errorf("the routes that sign in are %v, and this test walks %v", kinds, want)
	}
}
