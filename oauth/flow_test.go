package oauth

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest/issuer"
)

// now is the time of the tests. The issuers are given it too.
func now() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC) }

const redirectURI = "https://app.example/v1/auth/x/callback"

func start(t *testing.T, options issuer.Options) *issuer.Server {
	t.Helper()
	if options.Now == nil {
		options.Now = now
	}
	if options.Clients == nil {
		options.Clients = map[string]string{"client": "s3cr3t", "com.example.web": "signed each time"}
	}
	server, err := issuer.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// host is what package admit does with a provider.
type host struct {
	t        *testing.T
	provider admit.Provider
	server   *issuer.Server
	// change changes what goes back to the provider.
	change func(answer *admit.ProviderAnswer)
}

func (h host) credentials() admit.ProviderCredentials {
	credentials := h.provider.Credentials()
	if credentials.RedirectURI == "" {
		credentials.RedirectURI = redirectURI
	}
	return credentials
}

// signIn walks a whole sign-in, with everything that a server-run flow has.
func (h host) signIn(email string) (admit.ProviderIdentity, error) {
	h.t.Helper()
	if err := h.provider.Check(); err != nil {
		h.t.Fatalf("check: %v", err)
	}
	verifier := oauth2.GenerateVerifier()
	request := admit.ProviderRequest{State: "the-state", Nonce: "the-nonce", CodeVerifier: verifier, LoginHint: "hint@example.com"}
	redirect, err := h.provider.Begin(h.t.Context(), h.credentials(), request)
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	callback, err := h.server.Answer(redirect, email)
	if err != nil {
		h.t.Fatalf("answer %s: %v", redirect, err)
	}
	values := callback.Form
	if values == nil {
		u, err := url.Parse(callback.URL)
		if err != nil {
			h.t.Fatal(err)
		}
		values = u.Query()
	}
	if values.Get("state") != "the-state" {
		h.t.Errorf("the state comes back as %q", values.Get("state"))
	}
	answer := admit.ProviderAnswer{
		Code: values.Get("code"), CodeVerifier: verifier, Nonce: "the-nonce", NonceRequired: true, Issuer: values.Get("iss"), User: values.Get("user"), Now: now(),
	}
	if h.change != nil {
		h.change(&answer)
	}
	return h.provider.Finish(h.t.Context(), h.credentials(), answer)
}

func opened(p admit.Provider) admit.Provider { return p.(admit.ProviderOpener).Open() }

func TestOIDC_AWholeSignIn(t *testing.T) {
	server := start(t, issuer.Options{People: []issuer.Person{{
		Subject: "u-1", Email: "ada@example.com", Name: "Ada Lovelace", Nickname: "ada", Picture: "https://img.example/ada.png", Locale: "en-GB",
	}}})
	for name, provider := range map[string]admit.Provider{
		"as it is": OIDC{Provider: "acme", Issuer: server.Issuer(), ClientID: "client", ClientSecret: "s3cr3t"},
		"opened":   opened(OIDC{Provider: "acme", Issuer: server.Issuer(), ClientID: "client", ClientSecret: "s3cr3t", SecretIn: SecretInBody}),
	} {
		for range 2 {
			person, err := host{t: t, provider: provider, server: server}.signIn("ada@example.com")
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if person.Tokens.AccessToken == "" || !person.Tokens.ExpiresAt.Equal(now().Add(time.Hour)) {
				t.Errorf("%s: tokens %q until %s", name, person.Tokens.TokenType, person.Tokens.ExpiresAt)
			}
			person.Tokens = admit.ProviderTokens{}
			want := admit.ProviderIdentity{
				Issuer: server.Issuer(), Subject: "u-1", Email: "ada@example.com", Proof: admit.ProofAsserted, Why: "email_verified is true",
				Name: "Ada Lovelace", Nickname: "ada", Picture: "https://img.example/ada.png", Locale: "en-GB",
			}
			if person.Tokens.Scopes = nil; !samePerson(person, want) {
				t.Errorf("%s: %+v", name, person)
			}
		}
	}
}

func samePerson(a, b admit.ProviderIdentity) bool {
	return a.Issuer == b.Issuer && a.Subject == b.Subject && a.Email == b.Email && a.Proof == b.Proof && a.Why == b.Why &&
		a.Name == b.Name && a.Nickname == b.Nickname && a.Picture == b.Picture && a.Locale == b.Locale
}

func TestGitHub_AWholeSignIn(t *testing.T) {
	ada := issuer.Person{Subject: "4711", Email: "ada@example.com", Name: "Ada", Nickname: "ada", Picture: "https://img.example/ada.png"}
	carol := issuer.Person{Email: "carol@example.com", Nickname: "carol", Unverified: true}
	server := start(t, issuer.Options{People: []issuer.Person{ada, carol}})
	github := opened(GitHub{ClientID: "client", ClientSecret: "s3cr3t", BaseURL: server.GitHub()})
	person, err := host{t: t, provider: github, server: server}.signIn("ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if person.Issuer != server.GitHub() || strings.Trim(person.Subject, "0123456789") != "" || person.Email != "ada@example.com" || person.Proof != admit.ProofAsserted || person.Nickname != "ada" {
		t.Errorf("%+v", person)
	}
	if got := strings.Join(person.Tokens.Scopes, "|"); got != "read:user|user:email" {
		t.Errorf("scopes %s", got)
	}
	other, err := host{t: t, provider: github, server: server}.signIn("carol@example.com")
	if err != nil || other.Email != "" || other.Proof != admit.ProofNone || other.Name != "carol" {
		t.Errorf("an address that is not verified: %+v, %v", other, err)
	}

	revoker := github.(admit.ProviderRevoker)
	for range 2 { // the second finds it ended
		if err := revoker.Revoke(t.Context(), github.Credentials(), person.Tokens.AccessToken, now()); err != nil {
			t.Errorf("revoke: %v", err)
		}
	}

	bare := opened(GitHub{ClientID: "client", ClientSecret: "s3cr3t", BaseURL: server.GitHub(), Scopes: []string{"read:user"}})
	if person, err := (host{t: t, provider: bare, server: server}).signIn("ada@example.com"); err != nil || person.Email != "" {
		t.Errorf("without the scope for addresses: %+v, %v", person, err)
	}
}

func TestGoogle_AWholeSignIn(t *testing.T) {
	server := start(t, issuer.Options{People: []issuer.Person{
		{Email: "ada@gmail.com"}, {Email: "bob@corp.example", Claims: map[string]any{"hd": "corp.example"}}, {Email: "eve@elsewhere.example"},
	}})
	google := opened(Google{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: Endpoints{Issuer: server.Issuer()}})
	for email, proof := range map[string]admit.AddressProof{
		"ada@gmail.com": admit.ProofAuthoritative, "bob@corp.example": admit.ProofAuthoritative, "eve@elsewhere.example": admit.ProofAsserted,
	} {
		if person, err := (host{t: t, provider: google, server: server}).signIn(email); err != nil || person.Email != email || person.Proof != proof {
			t.Errorf("%s: %+v, %v", email, person, err)
		}
	}
	// hd in the request is a wish: the page lets everybody in, and the claim decides.
	corporate := opened(Google{ClientID: "client", ClientSecret: "s3cr3t", HostedDomain: "corp.example", Endpoints: Endpoints{Issuer: server.Issuer()}})
	if _, err := (host{t: t, provider: corporate, server: server}).signIn("bob@corp.example"); err != nil {
		t.Errorf("an account of the domain: %v", err)
	}
	for _, email := range []string{"ada@gmail.com", "mallory@corp.example"} {
		if _, err := (host{t: t, provider: corporate, server: server}).signIn(email); !errors.Is(err, admit.ErrInvalidOAuthCode) {
			t.Errorf("%s: %v", email, err)
		}
	}
}

func TestOA01_ACodeIsBoundToItsVerifier(t *testing.T) {
	server := start(t, issuer.Options{})
	for _, provider := range []admit.Provider{
		OIDC{Provider: "acme", Issuer: server.Issuer(), ClientID: "client", ClientSecret: "s3cr3t"},
		GitHub{ClientID: "client", ClientSecret: "s3cr3t", BaseURL: server.GitHub()},
	} {
		h := host{t: t, provider: provider, server: server}
		for what, change := range map[string]func(*admit.ProviderAnswer){
			"another verifier": func(a *admit.ProviderAnswer) { a.CodeVerifier = oauth2.GenerateVerifier() },
			"no verifier":      func(a *admit.ProviderAnswer) { a.CodeVerifier = "" },
			"another redirect": func(a *admit.ProviderAnswer) { a.RedirectURI = "https://app.example/other" },
			"no code":          func(a *admit.ProviderAnswer) { a.Code = "" },
			"another code":     func(a *admit.ProviderAnswer) { a.Code = "guessed" },
			"another issuer":   func(a *admit.ProviderAnswer) { a.Issuer = "https://evil.example" },
		} {
			h.change = change
			if _, err := h.signIn("ada@example.com"); !errors.Is(err, admit.ErrInvalidOAuthCode) {
				t.Errorf("%s, %s: %v", provider.Name(), what, err)
			}
		}
	}
}

func TestOA04_TheIssuerOfTheCallbackIsComparedBeforeTheCodeIsSent(t *testing.T) {
	server := start(t, issuer.Options{})
	acme := opened(OIDC{Provider: "acme", Issuer: server.Issuer(), ClientID: "client", ClientSecret: "s3cr3t"})
	for iss, good := range map[string]bool{server.Issuer(): true, "": false, server.Issuer() + "/": false, "https://evil.example": false} {
		_, err := host{t: t, provider: acme, server: server, change: func(a *admit.ProviderAnswer) { a.Issuer = iss }}.signIn("ada@example.com")
		if (err == nil) != good || err != nil && !errors.Is(err, admit.ErrInvalidOAuthCode) {
			t.Errorf("iss %q: %v", iss, err)
		}
	}
	// The code is still good afterwards: the provider has not seen it.
	var kept admit.ProviderAnswer
	_, _ = host{t: t, provider: acme, server: server, change: func(a *admit.ProviderAnswer) { kept = *a; a.Issuer = "https://evil.example" }}.signIn("ada@example.com")
	if _, err := acme.Finish(t.Context(), host{provider: acme}.credentials(), kept); err != nil {
		t.Errorf("the code went out: %v", err)
	}
}

func TestAWrongSecretIsTheFaultOfTheHost(t *testing.T) {
	server := start(t, issuer.Options{})
	for _, provider := range []admit.Provider{
		OIDC{Provider: "acme", Issuer: server.Issuer(), ClientID: "client", ClientSecret: "wr0ng"},
		GitHub{ClientID: "client", ClientSecret: "wr0ng", BaseURL: server.GitHub()},
	} {
		_, err := host{t: t, provider: provider, server: server}.signIn("ada@example.com")
		if !errors.Is(err, admit.ErrOAuthCallbackFailed) || !strings.Contains(err.Error(), "client") || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s: %v", provider.Name(), err)
		}
	}
}

func TestTokensAreRenewedAndEnded(t *testing.T) {
	server := start(t, issuer.Options{})
	acme := OIDC{Provider: "acme", Issuer: server.Issuer(), ClientID: "client", ClientSecret: "s3cr3t", Scopes: []string{"email", "offline_access"}}.Open()
	person, err := host{t: t, provider: acme, server: server}.signIn("ada@example.com")
	if err != nil || person.Tokens.RefreshToken == "" {
		t.Fatalf("%+v, %v", person, err)
	}
	later := now().Add(24 * time.Hour)
	tokens, err := acme.(admit.ProviderRefresher).Refresh(t.Context(), acme.Credentials(), person.Tokens.RefreshToken, later)
	if err != nil || tokens.AccessToken == "" || tokens.AccessToken == person.Tokens.AccessToken || !tokens.ExpiresAt.Equal(later.Add(time.Hour)) {
		t.Fatalf("refresh: %v", err)
	}
	if tokens.RefreshToken != "" {
		t.Error("the old refresh token comes back as a new one")
	}
	for range 2 {
		if err := acme.(admit.ProviderRevoker).Revoke(t.Context(), acme.Credentials(), person.Tokens.RefreshToken, later); err != nil {
			t.Fatalf("revoke: %v", err)
		}
	}
	if _, err := acme.(admit.ProviderRefresher).Refresh(t.Context(), acme.Credentials(), person.Tokens.RefreshToken, later); !errors.Is(err, admit.ErrInvalidOAuthCode) {
		t.Errorf("refresh afterwards: %v", err)
	}
}

func TestACallerWhoLeavesEndsTheCall(t *testing.T) {
	server := start(t, issuer.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	acme := OIDC{Provider: "acme", Issuer: server.Issuer(), ClientID: "client", ClientSecret: "s3cr3t"}
	if _, err := acme.Finish(ctx, acme.Credentials(), admit.ProviderAnswer{Code: "x", Now: now()}); !errors.Is(err, admit.ErrOAuthCallbackFailed) {
		t.Errorf("%v", err)
	}
}
