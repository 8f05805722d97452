package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest/issuer"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/oauth"
)

// realProviders gives a server the providers of package oauth, and the issuers that they
// ask.
func realProviders(t *testing.T, to **issuer.Server, people ...issuer.Person) harness.Option {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return func(c *admit.Config) {
		server, err := issuer.Start(issuer.Options{Now: c.Now, People: people})
		if err != nil {
			t.Fatal(err)
		}
		*to = server
		at := oauth.Endpoints{Issuer: server.Issuer()}
		c.Providers = []admit.Provider{
			oauth.Google{ClientID: "web", ClientSecret: "the-client-secret", Endpoints: at},
			oauth.GitHub{ClientID: "web", ClientSecret: "the-client-secret", BaseURL: server.GitHub()},
			oauth.Microsoft{ClientID: "web", ClientSecret: "the-client-secret", Authority: server.Microsoft()},
			oauth.OIDC{Provider: "acme", ClientID: "web", ClientSecret: "the-client-secret", Issuer: server.Issuer()},
			oauth.Apple{ClientID: "com.example.web", TeamID: "TEAM567890", KeyID: "KEY4567890", PrivateKey: private, Endpoints: oauth.Endpoints{Issuer: server.Apple()}},
		}
	}
}

// through signs in by a provider with the issuer's page, and returns what the host's page
// gets.
func through(s *harness.Server, server *issuer.Server, provider, email string) url.Values {
	s.T.Helper()
	b := &traveller{s: s}
	answer := s.Do("GET", "/v1/auth/"+provider+"?callbackUrl="+url.QueryEscape(back), nil).Want(http.StatusFound)
	b.keep(answer)
	callback, err := server.Answer(answer.Header.Get("Location"), email)
	if err != nil {
		s.T.Fatal(err)
	}
	query := callback.Form
	if query != nil { // a form that a page of another site posts, without the cookies of this one
		twin := s.Do("POST", "/v1/auth/"+provider+"/callback", query.Encode(), harness.Header("Content-Type", "application/x-www-form-urlencoded"), harness.Header("Sec-Fetch-Site", "cross-site"), harness.Header("Origin", "https://appleid.apple.com")).Want(http.StatusSeeOther)
		query = landed(s, twin)
	} else {
		u, err := url.Parse(callback.URL)
		if err != nil {
			s.T.Fatal(err)
		}
		query = u.Query()
	}
	answer = s.Do("GET", "/v1/auth/"+provider+"/callback?"+query.Encode(), nil, b.with()).Want(http.StatusFound)
	return landed(s, answer)
}

func TestEveryShapeOfAProviderSignsIn(t *testing.T) {
	var server *issuer.Server
	people := []issuer.Person{
		{Email: "google@gmail.com", Name: "Of Google"}, {Email: "github@x.test", Name: "Of GitHub", Nickname: "octo"}, {Email: "apple@icloud.com", Name: "Of Apple"},
		{Email: "microsoft@x.test", Name: "Of Microsoft", Claims: map[string]any{"xms_edov": true}}, {Email: "acme@x.test", Name: "Of Acme"},
	}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		t.Cleanup(func() { _ = server.Close() })
		for provider, person := range map[string]issuer.Person{"google": people[0], "github": people[1], "apple": people[2], "microsoft": people[3], "acme": people[4]} {
			for _, fresh := range []bool{true, false} {
				query := through(s, server, provider, person.Email)
				if query.Get("token") == "" {
					t.Fatalf("%s: %v", provider, query)
				}
				signed := redeemResult(s, query.Get("token")).Want(http.StatusOK)
				if signed.Get("is_new_user") != fresh {
					t.Errorf("%s: the answer is %s", provider, signed.Body)
				}
				me := s.Me(signed.Tokens().Access).Want(http.StatusOK)
				if me.String("name") != person.Name || me.String("email") != person.Email || me.String("emailVerified") == "" {
					t.Errorf("%s: the account is %s", provider, me.Body)
				}
			}
			if query := through(s, server, provider, ""); query.Get("error") == "" || query.Get("token") != "" {
				t.Errorf("%s: a person who refuses comes back with %v", provider, query)
			}
		}
		// An address that any administrator can write (nOAuth) opens nobody's account.
		query := through(s, server, "microsoft", "acme@x.test")
		if query.Get("token") != "" || query.Get("error") == "" {
			t.Errorf("an unproven address: %v", query)
		}
		// The issuer changes its keys in the middle.
		if err := server.RotateKey(); err != nil {
			t.Fatal(err)
		}
		for _, provider := range []string{"google", "acme"} {
			if query := through(s, server, provider, map[string]string{"google": "google@gmail.com", "acme": "acme@x.test"}[provider]); query.Get("token") == "" {
				t.Errorf("%s after a rotation: %v", provider, query)
			}
		}
	}, realProviders(t, &server, people...))
}
