package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest/issuer"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/oauth"
)

// providerHost is a host with providers on this machine. The host is at localhost and the
// providers at 127.0.0.1, which are two sites for a browser.
func providerHost(t *testing.T, options ...harness.Option) (s *harness.Server, base string, at *issuer.Server) {
	t.Helper()
	at, err := issuer.Start(issuer.Options{Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	s = harness.New(t, append([]harness.Option{func(c *admit.Config) {
		c.BaseURL, c.Cookies = base, true
		c.Providers = []admit.Provider{
			oauth.Google{ClientID: "web", ClientSecret: "dev", Endpoints: oauth.Endpoints{Issuer: at.Issuer()}},
			oauth.GitHub{ClientID: "web", ClientSecret: "dev", BaseURL: at.GitHub()},
			oauth.Apple{
				ClientID: "web", TeamID: "TEAM567890", KeyID: "KEY4567890", PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
				Endpoints: oauth.Endpoints{Issuer: at.Apple()},
			},
		}
	}}, options...)...)
	t.Cleanup(func() { // before the harness counts goroutines
		server.Close()
		_ = at.Close()
	})
	mux.Handle("/v1/", s.Auth.Handler())
	mux.Handle("GET /{$}", s.Auth.OptionalUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := admit.UserFrom(r.Context())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><title>host</title><h1>Home</h1><p id="who">%s</p><p id="query">%s</p>
<form method="post" action="/v1/auth/github"><input type="hidden" name="callbackUrl" value="%s/"><button id="link">Link GitHub</button></form>`, user.Email, r.URL.RawQuery, base)
	})))
	return s, base, at
}

// Whole flows in Chromium, over two sites: by OpenID Connect, in the shape of GitHub, and
// by Apple's form post; linking by a form; a refusal; and the back button.
func TestBrowserSignsInByProviders(t *testing.T) {
	for _, name := range []string{"google", "github", "apple"} {
		t.Run(name, func(t *testing.T) {
			s, base, _ := providerHost(t)
			ctx := openBrowser(t, 1280, 900)
			var who, query, at, again string
			choose := func(selector string) chromedp.Tasks {
				return chromedp.Tasks{heading("Development sign-in"), chromedp.Click(selector, chromedp.ByQuery), heading("Home")}
			}
			start := base + "/v1/auth/" + name + "?mode=cookie&callbackUrl=" + url.QueryEscape(base+"/")
			tasks := chromedp.Tasks{
				chromedp.Navigate(start), choose(`button[value="ada@example.com"]`), chromedp.Text("#who", &who), chromedp.Text("#query", &query), chromedp.Location(&at),
			}
			if err := chromedp.Run(ctx, tasks); err != nil {
				t.Fatal(err)
			}
			if who != "ada@example.com" || query != "" || at != base+"/" {
				t.Errorf("Chromium is %q at %s with %q", who, at, query)
			}
			// The person refuses.
			if err := chromedp.Run(ctx, chromedp.Navigate(start), choose(`button[name="refuse"]`), chromedp.Text("#query", &query)); err != nil {
				t.Fatal(err)
			}
			if query != "error=auth%2Finvalid-oauth-code" {
				t.Errorf("a refusal comes back as %q", query)
			}
			// Two tabs: the first flow ends after the second has begun.
			if err := chromedp.Run(ctx, chromedp.Navigate(start), heading("Development sign-in"), chromedp.Location(&again), chromedp.Navigate(start), heading("Development sign-in")); err != nil {
				t.Fatal(err)
			}
			if err := chromedp.Run(ctx, chromedp.Navigate(again), choose(`button[value="ada@example.com"]`), chromedp.Text("#query", &query)); err != nil {
				t.Fatal(err)
			}
			if query != "" {
				t.Errorf("the first of two tabs comes back with %q", query)
			}
			if name != "google" {
				return
			}
			if err := chromedp.Run(ctx, chromedp.Click("#link", chromedp.ByQuery), choose(`button[value="ada@example.com"]`), chromedp.Text("#query", &query)); err != nil {
				t.Fatal(err)
			}
			if query != "linked=github" {
				t.Errorf("linking comes back with %q", query)
			}
			user, err := s.Auth.Users.GetByEmail(t.Context(), "ada@example.com")
			if err != nil {
				t.Fatal(err)
			}
			list, err := s.Auth.Identities.List(t.Context(), user.ID)
			if err != nil || len(list) != 3 {
				t.Errorf("the account has %v, %v", list, err)
			}
		})
	}
}

// Whole flows in Chromium at two issuers that were written by others. They take the time
// of the machine, and so does the host.
func TestBrowserSignsInAtIssuersOfOthers(t *testing.T) {
	const secret = "s3cr3t with: odd+characters%"
	for _, c := range []struct {
		name  string
		start func(t *testing.T, redirect string) (issuer string)
		// pages are what the person does at the issuer.
		pages chromedp.Tasks
		email string
	}{
		{
			"zitadel", func(t *testing.T, redirect string) string { return zitadelIssuer(t, "basic", secret, redirect) },
			nil, "test-user@zitadel.ch",
		},
		{"npm", nodeIssuer, chromedp.Tasks{
			chromedp.SendKeys(`input[name="login"]`, "ada", chromedp.ByQuery), chromedp.SendKeys(`input[name="password"]`, "any", chromedp.ByQuery),
			chromedp.Submit(`input[name="login"]`, chromedp.ByQuery),
			chromedp.WaitReady(`input[value="consent"]`, chromedp.ByQuery), chromedp.Submit(`input[value="consent"]`, chromedp.ByQuery),
		}, "ada@example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, base, _ := providerHost(t, func(config *admit.Config) {
				config.Now = time.Now
				provider := oauth.OIDC{Provider: "acme", Issuer: c.start(t, config.BaseURL+"/v1/auth/acme/callback"), ClientID: "basic", ClientSecret: secret}
				config.Providers = append(config.Providers, provider)
			})
			ctx := openBrowser(t, 1280, 900)
			var who, query string
			start := chromedp.Navigate(base + "/v1/auth/acme?mode=cookie&callbackUrl=" + url.QueryEscape(base+"/"))
			arrived := chromedp.Tasks{heading("Home"), chromedp.Text("#who", &who), chromedp.Text("#query", &query)}
			if err := chromedp.Run(ctx, start, c.pages, arrived); err != nil {
				t.Fatal(err)
			}
			if who != c.email || query != "" {
				t.Errorf("Chromium is %q with %q", who, query)
			}
			// A browser without cookies comes to the same account.
			if err := chromedp.Run(ctx, network.ClearBrowserCookies(), start, c.pages, arrived); err != nil {
				t.Fatal(err)
			}
			people, err := s.Auth.Users.List(t.Context(), admit.ListUsersParams{})
			if err != nil || len(people.Items) != 1 || who != c.email {
				t.Errorf("after a second time there are %+v, %v, and Chromium is %q", people.Items, err, who)
			}
		})
	}
}

// The example of a phone: an id token of the provider, with its nonce.
func TestAPhoneSignsInWithAnIDToken(t *testing.T) {
	s, _, at := providerHost(t)
	token, err := at.IDToken("web", issuer.Person{Email: "ada@example.com", Name: "Ada Lovelace"}, "n-1")
	if err != nil {
		t.Fatal(err)
	}
	s.Do("POST", "/v1/auth/google/callback", harness.J{"idToken": token}).Want(401, "auth/invalid-oauth-code")
	s.Do("POST", "/v1/auth/google/callback", harness.J{"idToken": token, "nonce": "n-2"}).Want(401, "auth/invalid-oauth-code")
	signed := s.Do("POST", "/v1/auth/google/callback", harness.J{"idToken": token, "nonce": "n-1"}).Want(200)
	if me := s.Me(signed.Tokens().Access); me.String("email") != "ada@example.com" || me.String("emailVerified") == "" {
		t.Errorf("the account is %s", me.Body)
	}
}

// The example of a single-page app: the server runs the redirect, the app redeems the
// token of its query.
func TestASinglePageAppRedeemsItsToken(t *testing.T) {
	s, base, at := providerHost(t)
	start := s.Do("GET", "/v1/auth/google?callbackUrl="+url.QueryEscape(base+"/app"), nil).Want(302)
	callback, err := at.Answer(start.Header.Get("Location"), "bob@example.com")
	if err != nil {
		t.Fatal(err)
	}
	b := &traveller{s: s}
	b.keep(start)
	end := s.Do("GET", strings.TrimPrefix(callback.URL, base), nil, b.with()).Want(302)
	signed := redeemResult(s, landed(s, end).Get("token")).Want(200)
	if s.Me(signed.Tokens().Access).String("email") != "bob@example.com" {
		t.Error("somebody else is signed in")
	}
}
