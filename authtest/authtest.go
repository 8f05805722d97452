// Package authtest lets a host test its own handlers. [New] gives an Auth that
// works in full, on the memory store, with a clock that the test moves and a
// mailbox that the test reads:
//
//	func TestNotesAreForEditors(t *testing.T) {
//		kit := authtest.New(t)
//		handler := newHandler(kit.Auth) // the host's own
//
//		answer := httptest.NewRecorder()
//		handler.ServeHTTP(answer, kit.Request(kit.SignedIn("editor"), "GET", "/notes", nil))
//		if answer.Code != http.StatusOK {
//			t.Errorf("an editor gets %d %s", answer.Code, answer.Body)
//		}
//	}
//
// People and keys are made by the same methods that a host calls, and requests
// carry real tokens. Nothing is mocked: what a guard refuses in a test, it
// refuses in production.
//
// The package is for tests alone. It stores passwords with a hash that is cheap
// to break, so New needs a [testing.TB] and fails in a program that is no test.
package authtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// patience bounds every wait. A test that passes never comes near it, however
// busy the machine is.
const patience = 30 * time.Second

// Password is the password of everybody whom [Kit.SignedIn] makes. Every
// PasswordConfig takes it.
const Password = "Nine-quiet-harbour-lamps-and-7-green-bicycles-behind-the-old-tower"

// Kit is an Auth for one test, and what the test needs around it. Its methods end
// a test that cannot go on, so they are called by the goroutine of the test. Auth
// and Clock are safe for use by any number of goroutines.
type Kit struct {
	// Auth is what the host's code is given.
	Auth *admit.Auth
	// Clock is the time of Auth.
	Clock *Clock
	// Mailbox has the mail that Auth sends.
	Mailbox *Mailbox

	t            testing.TB
	host, origin string
	now          func() time.Time
	made, teams  atomic.Int64
	// apps are the authenticator apps of accounts, by user id.
	apps map[string]*app
}

// New returns a kit whose Auth is closed when the test ends. The options change
// the configuration before Auth is made, in their order:
//
//	kit := authtest.New(t, func(c *admit.Config) { c.RequireVerifiedEmail = true })
//
// Before the options, the configuration has BaseURL "https://app.example",
// Secrets of its own, a memory store, the clock and the mailbox of the kit, the
// cheap hash (Passwords.InsecureFastHash), a Logger that writes errors to the
// log of the test, and a RequestTimeout of 30 seconds, so that a busy machine
// fails no test. All limits are on. A [mailer.Recorder] as Mailer becomes the
// mailbox of the kit; with any other Mailer the mailbox stays empty. With another
// Now, Clock moves nothing.
func New(t testing.TB, options ...func(*admit.Config)) *Kit {
	t.Helper()
	if !testing.Testing() {
		t.Fatal("authtest: this program is no test, and the kit keeps passwords with a hash that is cheap to break")
		return nil
	}
	clock := &Clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	config := admit.Config{
		BaseURL:        "https://app.example",
		Secrets:        admit.Secrets(rand.Text() + rand.Text()),
		Store:          memory.New(),
		Mailer:         &mailer.Recorder{Now: clock.Now},
		Passwords:      admit.PasswordConfig{InsecureFastHash: true},
		Logger:         slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		Now:            clock.Now,
		RequestTimeout: patience,
	}
	for _, change := range options {
		change(&config)
	}
	auth, err := admit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	k := &Kit{
		t: t, Auth: auth, Clock: clock, now: config.Now, apps: map[string]*app{},
		Mailbox: &Mailbox{t: t, auth: auth, store: config.Store, now: config.Now, thrown: map[string]bool{}},
	}
	k.Mailbox.recorder, _ = config.Mailer.(*mailer.Recorder)
	clock.mailbox = k.Mailbox
	if base, err := url.Parse(config.BaseURL); err == nil {
		k.host, k.origin = base.Host, originOf(base)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := auth.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return k
}

// SignedIn makes an account with a role, "" for the default, and signs it in
// with [Password]. Each account has an address of its own, which is verified. The
// mailbox leaves out what that mails. The test fails where the configuration
// refuses the account, such as by a hook.
//
// What SignedIn returns is what every way to sign in returns, so that
// [Kit.Request] and [Kit.Client] take the one as well as the other: a test that
// wants an account with a certain address or one that is not verified calls
// Auth.SignUps.Create or Auth.Users.Create.
func (k *Kit) SignedIn(role string) admit.SignedIn {
	k.t.Helper()
	ctx := k.t.Context()
	create := func() (admit.User, error) {
		n := k.made.Add(1)
		return k.Auth.Users.Create(ctx, admit.CreateUserParams{
			Email: fmt.Sprintf("user%d@example.com", n), Name: fmt.Sprintf("User %d", n), Role: role,
			InsecurePassword: Password, EmailVerified: true,
		})
	}
	user, err := create()
	for errors.Is(err, admit.ErrEmailAlreadyExists) { // another kit on the store has made it
		user, err = create()
	}
	var signed admit.SignedIn
	if err == nil {
		signed, err = k.Auth.Passwords.SignIn(ctx, admit.SignInParams{Email: user.Email, Password: Password})
	}
	if err != nil {
		k.t.Fatalf("sign in a user with the role %q: %v", role, err)
	}
	k.Mailbox.throw(user.Email) // the notice of a new device
	return signed
}

// Key makes a secret API key with these scopes and returns it. Without a scope
// the key may do everything. A request carries it in the header X-API-Key:
//
//	request.Header.Set("X-API-Key", kit.Key("posts:read"))
func (k *Kit) Key(scopes ...string) string {
	k.t.Helper()
	key, err := k.Auth.APIKeys.Create(k.t.Context(), admit.CreateAPIKeyParams{Name: "test", Type: admit.SecretKey, Scopes: scopes})
	if err != nil {
		k.t.Fatalf("make a key with the scopes %q: %v", scopes, err)
	}
	return key.Key
}

// Request returns a request for a handler that carries the access token of user,
// or no credentials where user is the zero value. It is for ServeHTTP, as those
// of [httptest.NewRequest] are; [Kit.Client] is for servers.
//
// A body is sent as JSON, but url.Values as a form. A string, []byte or io.Reader
// is sent as it is, as JSON too. Nil sends none.
func (k *Kit) Request(user admit.SignedIn, method, target string, body any) *http.Request {
	k.t.Helper()
	var content io.Reader
	kind := "application/json"
	switch body := body.(type) {
	case nil:
		kind = ""
	case io.Reader:
		content = body
	case string:
		content = strings.NewReader(body)
	case []byte:
		content = bytes.NewReader(body)
	case url.Values:
		content, kind = strings.NewReader(body.Encode()), "application/x-www-form-urlencoded"
	default:
		text, err := json.Marshal(body)
		if err != nil {
			k.t.Fatalf("the body of %s %s: %v", method, target, err)
		}
		content = bytes.NewReader(text)
	}
	r := httptest.NewRequestWithContext(k.t.Context(), method, target, content)
	if strings.HasPrefix(target, "/") {
		r.Host = k.host
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	carry(r, user)
	return r
}

// Client returns a client whose requests carry the access token of user, for a
// server of the test such as one of [httptest.NewServer]. It follows no
// redirects: the test sees them. A request that has an Authorization header
// keeps it.
func (k *Kit) Client(user admit.SignedIn) *http.Client {
	transport := &http.Transport{}
	k.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     carrier{transport, user},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// carrier sends requests as somebody.
type carrier struct {
	http.RoundTripper
	user admit.SignedIn
}

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") == "" {
		r = r.Clone(r.Context())
		carry(r, c.user)
	}
	return c.RoundTripper.RoundTrip(r)
}

// carry makes a request carry the credentials of somebody.
func carry(r *http.Request, user admit.SignedIn) {
	if user.Tokens.AccessToken != "" {
		r.Header.Set("Authorization", "Bearer "+user.Tokens.AccessToken)
	}
}
