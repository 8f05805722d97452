//go:build !race || everystore

package e2e_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/drivertest/wire"
	"github.com/admit-go/admit/store/postgres"
)

// counted is a host on PostgreSQL whose exchanges with the database are counted.
type counted struct {
	*testing.T
	// host answers the requests, and nothing else: its workers have ended. It has
	// one connection, which a proxy listens to.
	host http.Handler
	wire *wire.Proxy
	// other is another process on the same database. It sends the mail and makes
	// what an operation needs before it begins.
	other *admit.Auth
	mail  *mailer.Recorder
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	source := pgtest.Schema(t)
	t.Cleanup(func() { pgtest.CheckDeadlocks(t, source) })
	proxy, err := wire.Start(source, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &counted{T: t, wire: proxy, mail: &mailer.Recorder{}}
	c.other = c.process(source, 4)
	host := c.process(proxy.URL, 1)
	if err := host.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.host = host.Handler()
	return c
}

// process is an Auth of the host with a pool of its own.
func (c *counted) process(source string, connections int) *admit.Auth {
	c.Helper()
	config, err := pgx.ParseConfig(source)
	if err != nil {
		c.Fatal(err)
	}
	// A driver that looks whether a connection is still open, once that was idle
	// for a while, has one exchange more. How long a connection is idle here says
	// how busy the machine is.
	db := stdlib.OpenDB(*config, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	c.closeAtEnd(db)
	records := postgres.New(db)
	if err := records.Migrate(c.Context()); err != nil {
		c.Fatal(err)
	}
	auth, err := admit.New(admit.Config{
		BaseURL: harness.BaseURL, Secrets: admit.Secrets(harness.Secret), Store: records, Mailer: c.mail, Logger: slog.New(slog.DiscardHandler),
		RequestTimeout: 30 * time.Second, Passwords: admit.PasswordConfig{InsecureFastHash: true},
		// For an address that may belong to an organisation, a process asks once in a
		// minute whether accounts join by any domain.
		Domains: admit.DomainConfig{Refused: []string{"x.test"}},
	})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		if err := auth.Close(context.Background()); err != nil {
			c.Error(err)
		}
	})
	return auth
}

func (c *counted) closeAtEnd(db *sql.DB) {
	c.Cleanup(func() {
		if err := db.Close(); err != nil {
			c.Error(err)
		}
	})
}

// request is one request of the API, as a program sends it unless it says that a
// browser does.
type request struct {
	method, path, access string
	body                 harness.J
	browser              bool
	want                 int
}

// send answers a request by the host whose exchanges are counted.
func (c *counted) send(r request) map[string]any {
	c.Helper()
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			c.Fatal(err)
		}
	}
	sent := httptest.NewRequestWithContext(c.Context(), r.method, "/v1"+r.path, bytes.NewReader(body))
	sent.Header.Set("Content-Type", "application/json")
	sent.Header.Set("User-Agent", "counting/1")
	if r.browser {
		sent.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	}
	if r.access != "" {
		sent.Header.Set("Authorization", "Bearer "+r.access)
	}
	got := httptest.NewRecorder()
	c.host.ServeHTTP(got, sent)
	if got.Code != r.want {
		c.Fatalf("%s %s answers %d, want %d: %s", r.method, r.path, got.Code, r.want, got.Body)
	}
	var answer map[string]any
	if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil {
		c.Fatal(err)
	}
	return answer
}

// person makes an account with a proven address, without counting.
func (c *counted) person(email string, verified bool) {
	c.Helper()
	_, err := c.other.Users.Create(c.Context(), admit.CreateUserParams{
		Email: email, Name: "Ada Lovelace", InsecurePassword: harness.Password, EmailVerified: verified,
	})
	if err != nil {
		c.Fatal(err)
	}
}

// signedIn signs somebody in, without counting.
func (c *counted) signedIn(email string) admit.Tokens {
	c.Helper()
	signed, err := c.other.Passwords.SignIn(c.Context(), admit.SignInParams{Email: email, Password: harness.Password})
	if err != nil {
		c.Fatal(err)
	}
	return signed.Tokens
}

// mailed asks for a mail, without counting, and returns the token in it.
func (c *counted) mailed(kind mailer.Kind, email string, ask func() error) string {
	c.Helper()
	if err := ask(); err != nil {
		c.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	m, err := c.mail.Wait(ctx, func(m mailer.Message) bool { return m.To == email && m.Kind == kind })
	if err != nil {
		c.Fatalf("no mail %q came to %s: %v", kind, email, err)
	}
	return tokenIn(m)
}

func (c *counted) link(email string, signUp bool) string {
	c.Helper()
	return c.mailed(mailer.MagicLink, email, func() error {
		_, err := c.other.MagicLinks.Request(c.Context(), admit.MagicLinkParams{Email: email, CallbackURL: harness.BaseURL + "/in", SignUp: signUp})
		return err
	})
}

// Each exchange with a database in another building takes a millisecond or two,
// whatever the database does in it. The test counts them on the wire, BEGIN and
// COMMIT included, where the statements are known to the connection. What the
// workers ask after an answer is left out.
func TestExchangesWithPostgreSQL(t *testing.T) {
	c := newCounted(t)
	signIn := func(email, password string, browser bool, want int) request {
		return request{method: "POST", path: "/auth/email/signin", body: harness.J{"email": email, "password": password}, browser: browser, want: want}
	}
	redeem := func(token string) request {
		return request{method: "POST", path: "/auth/email/callback", body: harness.J{"token": token}, want: http.StatusOK}
	}
	for _, op := range []struct {
		name string
		most int
		// prepare makes what the request needs. The address is another one each time.
		prepare func(email string) request
	}{
		{"me", 1, func(email string) request {
			c.person(email, true)
			return request{method: "GET", path: "/auth/me", access: c.signedIn(email).AccessToken, want: http.StatusOK}
		}},
		{"refresh", 1, func(email string) request {
			c.person(email, true)
			return request{method: "POST", path: "/auth/refresh", body: harness.J{"refreshToken": c.signedIn(email).RefreshToken}, want: http.StatusOK}
		}},
		{"sign-up", 5, func(email string) request {
			return request{method: "POST", path: "/auth/email/signup", body: harness.J{"email": email, "password": harness.Password, "name": "Ada"}, want: http.StatusCreated}
		}},
		{"sign-in", 6, func(email string) request {
			c.person(email, true)
			c.send(signIn(email, harness.Password, false, http.StatusOK))
			return signIn(email, harness.Password, false, http.StatusOK)
		}},
		{"sign-in from a new device", 7, func(email string) request {
			c.person(email, true)
			return signIn(email, harness.Password, false, http.StatusOK)
		}},
		{"sign-in of a browser", 6, func(email string) request {
			c.person(email, true)
			tokens := c.send(signIn(email, harness.Password, true, http.StatusOK))
			c.send(request{method: "POST", path: "/auth/signout", access: tokens["accessToken"].(string), want: http.StatusOK})
			return signIn(email, harness.Password, true, http.StatusOK)
		}},
		{"sign-in of a browser that left a session behind", 7, func(email string) request {
			c.person(email, true)
			c.send(signIn(email, harness.Password, true, http.StatusOK))
			return signIn(email, harness.Password, true, http.StatusOK)
		}},
		{"wrong password", 2, func(email string) request {
			c.person(email, true)
			return signIn(email, "Wrong-Wolke-7319", false, http.StatusUnauthorized)
		}},
		{"wrong password of nobody", 2, func(email string) request {
			return signIn(email, "Wrong-Wolke-7319", false, http.StatusUnauthorized)
		}},
		{"magic-link request", 5, func(email string) request {
			c.person(email, true)
			return request{method: "POST", path: "/auth/email/signin", body: harness.J{"email": email, "method": "magiclink", "callbackUrl": harness.BaseURL + "/in"}, want: http.StatusOK}
		}},
		{"magic-link request of nobody", 5, func(email string) request {
			return request{method: "POST", path: "/auth/email/signin", body: harness.J{"email": email, "method": "magiclink", "callbackUrl": harness.BaseURL + "/in"}, want: http.StatusOK}
		}},
		{"redemption", 5, func(email string) request {
			c.person(email, true)
			return redeem(c.link(email, false))
		}},
		{"redemption that makes the account", 8, func(email string) request { return redeem(c.link(email, true)) }},
		// A claim also removes linked providers and a picture.
		{"redemption that claims the account", 12, func(email string) request {
			c.person(email, false)
			return redeem(c.link(email, false))
		}},
		{"reset request", 5, func(email string) request {
			c.person(email, true)
			return request{method: "POST", path: "/auth/password/reset/request", body: harness.J{"email": email}, want: http.StatusOK}
		}},
		{"reset confirm", 8, func(email string) request {
			c.person(email, true)
			token := c.mailed(mailer.PasswordReset, email, func() error {
				return c.other.PasswordResets.Request(c.Context(), admit.LinkParams{Email: email})
			})
			return request{method: "POST", path: "/auth/password/reset/confirm", body: harness.J{"email": email, "token": token, "newPassword": otherPassword}, want: http.StatusOK}
		}},
		{"confirmation of the address", 6, func(email string) request {
			c.person(email, false)
			token := c.mailed(mailer.SignupConfirmation, email, func() error {
				return c.other.Verifications.Request(c.Context(), admit.LinkParams{Email: email})
			})
			return request{method: "POST", path: "/auth/signup/email/confirm", body: harness.J{"email": email, "token": token}, want: http.StatusOK}
		}},
		{"sign-out", 7, func(email string) request {
			c.person(email, true)
			return request{method: "POST", path: "/auth/signout", access: c.signedIn(email).AccessToken, want: http.StatusOK}
		}},
	} {
		took := 0
		// The driver prepares a statement when it meets it first. Every three seconds a
		// process asks whether any organisation requires a second factor: of the last two
		// runs one has not asked.
		for run := range 4 {
			r := op.prepare(fmt.Sprintf("%s-%d@x.test", strings.ReplaceAll(op.name, " ", "-"), run))
			before := c.wire.Exchanges()
			c.send(r)
			if last := c.wire.Exchanges() - before; run < 3 || last < took {
				took = last
			}
		}
		t.Logf("%-50s %2d", op.name, took)
		if took > op.most {
			t.Errorf("%s takes %d exchanges, want %d at most", op.name, took, op.most)
		}
	}
}
