package e2e_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/oauth"
)

// These tests hold oauth.OIDC against two issuers that were written by others. The
// issuers take the time of the machine, and so does what is compared with it.

// backHere is where an issuer sends the browser. Nothing listens there.
const backHere = "http://127.0.0.1:9/callback"

// browse goes where a browser is sent, and answers each form by the first answer that
// returns values, until it is sent back.
func browse(t *testing.T, start string, answer func(page *url.URL, body string) url.Values) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	arrived := errors.New("back")
	var back *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), backHere) {
			back = r.URL
			return arrived
		}
		if len(via) > 10 {
			return errors.New("too many redirects")
		}
		return nil
	}}
	response, err := browser.Get(start)
	for range 5 {
		if back != nil {
			return back.Query()
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err2 := io.ReadAll(response.Body)
		response.Body.Close()
		if err2 != nil || response.StatusCode >= 400 {
			t.Fatalf("%s: %d %v %.500s", response.Request.URL, response.StatusCode, err2, body)
		}
		values := answer(response.Request.URL, string(body))
		if values == nil {
			t.Fatalf("%s asks what nobody answers: %.500s", response.Request.URL, body)
		}
		response, err = browser.PostForm(response.Request.URL.String(), values)
	}
	t.Fatal("the issuer asks without end")
	return nil
}

// walk walks one sign-in. Change changes what goes back to the provider.
func walk(t *testing.T, provider admit.Provider, answer func(*url.URL, string) url.Values, change func(*admit.ProviderAnswer)) (admit.ProviderIdentity, error) {
	t.Helper()
	if err := provider.Check(); err != nil {
		t.Fatal(err)
	}
	credentials := provider.Credentials()
	credentials.RedirectURI = backHere
	request := admit.ProviderRequest{State: rand.Text(), Nonce: rand.Text(), CodeVerifier: oauth2.GenerateVerifier(), LoginHint: "ada"}
	start, err := provider.Begin(t.Context(), credentials, request)
	if err != nil {
		t.Fatal(err)
	}
	values := browse(t, start, answer)
	if values.Get("state") != request.State || values.Get("code") == "" {
		t.Fatalf("the browser comes back with %v", values)
	}
	back := admit.ProviderAnswer{Code: values.Get("code"), CodeVerifier: request.CodeVerifier, Nonce: request.Nonce, NonceRequired: true, Issuer: values.Get("iss"), Now: time.Now()}
	if change != nil {
		change(&back)
	}
	return provider.Finish(t.Context(), credentials, back)
}

// faultsOfAnswers are what an attacker, or a mistake, does to an answer.
func faultsOfAnswers() map[string]func(*admit.ProviderAnswer) {
	return map[string]func(*admit.ProviderAnswer){
		"another nonce":    func(a *admit.ProviderAnswer) { a.Nonce = rand.Text() },
		"no nonce":         func(a *admit.ProviderAnswer) { a.Nonce = "" },
		"another verifier": func(a *admit.ProviderAnswer) { a.CodeVerifier = oauth2.GenerateVerifier() },
		"no verifier":      func(a *admit.ProviderAnswer) { a.CodeVerifier = "" },
		"another code":     func(a *admit.ProviderAnswer) { a.Code = rand.Text() },
		"another issuer":   func(a *admit.ProviderAnswer) { a.Issuer = "https://evil.example" },
		"an hour later":    func(a *admit.ProviderAnswer) { a.Now = a.Now.Add(25 * time.Hour) },
		"an hour ago":      func(a *admit.ProviderAnswer) { a.Now = a.Now.Add(-time.Hour) },
	}
}

// zitadelIssuer serves github.com/zitadel/oidc, whose page signs in at once and sends
// the browser to the redirect URI.
func zitadelIssuer(t *testing.T, client, secret, redirect string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	store := storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{client: storage.WebClient(client, secret, redirect)})
	provider, err := op.NewProvider(
		&op.Config{CryptoKey: sha256.Sum256([]byte(rand.Text())), CryptoKeyId: "one", CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: true},
		store, op.StaticIssuer(issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	mux.Handle("/login/username", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("authRequestID")
		if err := store.CheckUsernamePassword("test-user@"+strings.Split(r.Host, ":")[0], "verysecure", id); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(r.Context(), id), http.StatusFound)
	}))
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(server.Close)
	return issuer
}

func TestAnIssuerOfZitadelSignsIn(t *testing.T) {
	const secret = "s3cr3t with: odd+characters%"
	issuer := zitadelIssuer(t, "client", secret, backHere)
	nobody := func(*url.URL, string) url.Values { return nil }
	for name, provider := range map[string]oauth.OIDC{
		"in the header": {Provider: "acme", Issuer: issuer, ClientID: "client", ClientSecret: secret, Scopes: []string{"openid", "email", "profile", "offline_access"}},
		"in the body":   {Provider: "acme", Issuer: issuer, ClientID: "client", ClientSecret: secret, SecretIn: oauth.SecretInBody, Scopes: []string{"email", "profile", "offline_access"}},
	} {
		opened := provider.Open()
		person, err := walk(t, opened, nobody, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if person.Issuer != issuer || person.Subject == "" || person.Email != "test-user@zitadel.ch" || person.Proof != admit.ProofAsserted || person.Tokens.AccessToken == "" {
			t.Errorf("%s: %+v", name, person)
		}
		tokens, err := opened.(admit.ProviderRefresher).Refresh(t.Context(), provider.Credentials(), person.Tokens.RefreshToken, time.Now())
		if err != nil || tokens.AccessToken == person.Tokens.AccessToken {
			t.Errorf("%s: refresh: %v", name, err)
		}
		if err := opened.(admit.ProviderRevoker).Revoke(t.Context(), provider.Credentials(), tokens.AccessToken, time.Now()); err != nil {
			t.Errorf("%s: revoke: %v", name, err)
		}
		for what, change := range faultsOfAnswers() {
			if _, err := walk(t, opened, nobody, change); !errors.Is(err, admit.ErrInvalidOAuthCode) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	wrong := oauth.OIDC{Provider: "acme", Issuer: issuer, ClientID: "client", ClientSecret: "wr0ng"}
	if _, err := walk(t, wrong, nobody, nil); err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("a wrong secret: %v", err)
	}
}

// nodeIssuer starts the issuer of the npm package oidc-provider, which sends the browser
// to the redirect URI.
func nodeIssuer(t *testing.T, redirect string) string {
	t.Helper()
	folder := filepath.Join("testdata", "oidc-provider")
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(filepath.Join(folder, "node_modules", "oidc-provider")); err != nil || missing != nil {
		t.Skip("the issuer of npm is missing: install Node.js 20 and npm, and run npm ci in e2e/testdata/oidc-provider")
	}
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal([]jose.JSONWebKey{{Key: modulus, KeyID: "r", Use: "sig", Algorithm: "RS256"}, {Key: curve, KeyID: "e", Use: "sig", Algorithm: "ES256"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, node, "server.mjs", redirect, string(keys))
	command.Dir = folder
	input, err := command.StdinPipe() // the issuer ends when it is closed, however this process ends
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		cancel()
		_ = command.Wait()
	})
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(output).ReadString('\n')
		said <- strings.TrimSpace(line)
	}()
	select {
	case issuer := <-said:
		if issuer == "" {
			t.Fatal("the issuer of npm did not start")
		}
		return issuer
	case <-time.After(harness.Patience):
		t.Fatal("the issuer of npm did not start in time")
	}
	return ""
}

func TestAnIssuerOfNodeSignsIn(t *testing.T) {
	issuer := nodeIssuer(t, backHere)
	as := func(login string) func(*url.URL, string) url.Values {
		return func(_ *url.URL, body string) url.Values {
			switch {
			case strings.Contains(body, `value="login"`):
				return url.Values{"prompt": {"login"}, "login": {login}, "password": {"any"}}
			case strings.Contains(body, `value="consent"`):
				return url.Values{"prompt": {"consent"}}
			}
			return nil
		}
	}
	for client, secret := range map[string]string{"basic": "s3cr3t with: odd+characters%", "post": "s3cr3t"} {
		provider := oauth.OIDC{Provider: "acme", Issuer: issuer, ClientID: client, ClientSecret: secret}
		if client == "post" { // the metadata has both, and each client takes one
			provider.SecretIn = oauth.SecretInBody
		}
		opened := provider.Open()
		for login, proof := range map[string]admit.AddressProof{"ada": admit.ProofAsserted, "eve": admit.ProofNone} {
			person, err := walk(t, opened, as(login), nil)
			// Its id tokens have no address: the userinfo endpoint has.
			if err != nil || person.Issuer != issuer || person.Subject != login || person.Email != login+"@example.com" || person.Proof != proof || person.Name != "The "+login {
				t.Errorf("%s, %s: %+v, %v", client, login, person, err)
				continue
			}
			tokens, err := opened.(admit.ProviderRefresher).Refresh(t.Context(), provider.Credentials(), person.Tokens.RefreshToken, time.Now())
			if err != nil || tokens.AccessToken == "" {
				t.Errorf("%s, %s: refresh: %v", client, login, err)
				continue
			}
			if err := opened.(admit.ProviderRevoker).Revoke(t.Context(), provider.Credentials(), tokens.AccessToken, time.Now()); err != nil {
				t.Errorf("%s, %s: revoke: %v", client, login, err)
			}
		}
		faults := faultsOfAnswers()
		faults["no issuer"] = func(a *admit.ProviderAnswer) { a.Issuer = "" } // the metadata promises one
		for what, change := range faults {
			if _, err := walk(t, opened, as("ada"), change); !errors.Is(err, admit.ErrInvalidOAuthCode) {
				t.Errorf("%s, %s: %v", client, what, err)
			}
		}
	}
}
