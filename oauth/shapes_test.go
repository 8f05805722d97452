package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest/issuer"
)

// recorded is a provider that answers what providers have answered.
type recorded struct {
	*maker
	mu sync.Mutex
	// answers are by path: what the token endpoint says beside the id token, and the others.
	answers map[string]string
	// idToken are the claims of the id token. Nil: there is none.
	idToken map[string]any
	// requests are what came, by path.
	requests map[string]*http.Request
	forms    map[string]url.Values
	host     *httptest.Server
}

func newRecorded(t *testing.T, idToken map[string]any, answers map[string]string) *recorded {
	t.Helper()
	r := &recorded{maker: newMaker(t), answers: answers, idToken: idToken, requests: map[string]*http.Request{}, forms: map[string]url.Values{}}
	r.host = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		_ = q.ParseForm()
		r.requests[q.URL.Path], r.forms[q.URL.Path] = q, q.PostForm
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		answer, found := r.answers[q.URL.Path]
		if !found {
			w.WriteHeader(http.StatusNotFound)
		}
		if status, rest, ok := strings.Cut(answer, " "); ok && len(status) == 3 {
			var code int
			_, _ = fmt.Sscan(status, &code)
			w.WriteHeader(code)
			answer = rest
		}
		if r.idToken != nil {
			answer = strings.Replace(answer, "ID_TOKEN", r.token(r.idToken), 1)
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(r.host.Close)
	return r
}

// at are endpoints of the server for a provider whose issuer is given.
func (r *recorded) at(issuer string) Endpoints {
	return Endpoints{
		Issuer: issuer, Authorization: r.host.URL + "/authorize", Token: r.host.URL + "/token", Keys: r.server.URL,
		UserInfo: r.host.URL + "/user", Emails: r.host.URL + "/emails", Revocation: r.host.URL + "/revoke",
	}
}

func (r *recorded) finish(t *testing.T, p admit.Provider) (admit.ProviderIdentity, error) {
	t.Helper()
	if err := p.Check(); err != nil {
		t.Errorf("%s: check: %v", p.Name(), err)
	}
	credentials := p.Credentials()
	credentials.RedirectURI = redirectURI
	return p.Finish(t.Context(), credentials, admit.ProviderAnswer{Code: "c0de", CodeVerifier: strings.Repeat("v", 43), Nonce: "the-nonce", NonceRequired: true, Now: now()})
}

// base are the claims that every id token has.
func base(iss string, more map[string]any) map[string]any {
	claims := map[string]any{"iss": iss, "aud": "client", "iat": now().Unix(), "exp": now().Add(time.Hour).Unix(), "nonce": "the-nonce"}
	for name, value := range more {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func TestAnswersInTheShapeOfEachProvider(t *testing.T) {
	const token = `{"access_token":"t0ken","token_type":"Bearer","expires_in":3599,"id_token":"ID_TOKEN"}`
	const plain = `{"access_token":"t0ken","token_type":"bearer","expires_in":604800,"refresh_token":"r3fresh","scope":"identify email"}`
	at := func(iss string) func(*recorded) Endpoints { return func(r *recorded) Endpoints { return r.at(iss) } }
	for what, c := range map[string]struct {
		idToken   map[string]any
		answers   map[string]string
		endpoints func(*recorded) Endpoints
		provider  func(Endpoints) admit.Provider
		want      admit.ProviderIdentity // without Why
	}{
		"Google, of Workspace": {
			base("https://accounts.google.com", map[string]any{"azp": "client", "sub": "110169484474386276334", "hd": "example.com", "email": "jsmith@example.com", "email_verified": true, "name": "J Smith", "picture": "https://lh3.googleusercontent.com/a/x=s96-c", "given_name": "J", "family_name": "Smith", "locale": "en"}),
			map[string]string{"/token": token}, at(googleIssuer),
			func(e Endpoints) admit.Provider {
				return Google{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: googleIssuer, Subject: "110169484474386276334", Email: "jsmith@example.com", Proof: admit.ProofAuthoritative, Name: "J Smith", Picture: "https://lh3.googleusercontent.com/a/x=s96-c", Locale: "en"},
		},
		"Google, issuer without a scheme": {
			base("accounts.google.com", map[string]any{"sub": "1", "email": "j@gmail.com", "email_verified": true}),
			map[string]string{"/token": token}, at(googleIssuer),
			func(e Endpoints) admit.Provider {
				return Google{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: googleIssuer, Subject: "1", Email: "j@gmail.com", Proof: admit.ProofAuthoritative},
		},
		"Google, unverified, of a domain": {
			base(googleIssuer, map[string]any{"sub": "1", "email": "j@example.com", "email_verified": false, "hd": "example.com"}),
			map[string]string{"/token": token}, at(googleIssuer),
			func(e Endpoints) admit.Provider {
				return Google{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: googleIssuer, Subject: "1", Email: "j@example.com", Proof: admit.ProofNone},
		},
		"GitHub": {
			nil, map[string]string{
				"/token":  `{"access_token":"gho_16C7e42F292c6912E7710c838347Ae178B4a","scope":"read:user,user:email","token_type":"bearer"}`,
				"/user":   `{"login":"octocat","id":583231,"node_id":"MDQ6VXNlcjU4MzIzMQ==","avatar_url":"https://avatars.githubusercontent.com/u/583231?v=4","type":"User","site_admin":false,"name":"The Octocat","company":"@github","email":"public@example.com","two_factor_authentication":true}`,
				"/emails": `[{"email":"other@example.com","primary":false,"verified":true,"visibility":null},{"email":"octocat@example.com","primary":true,"verified":true,"visibility":"private"},{"email":"583231+octocat@users.noreply.github.com","primary":false,"verified":true,"visibility":null}]`,
			}, at(githubURL),
			func(e Endpoints) admit.Provider {
				return GitHub{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: githubURL, Subject: "583231", Email: "octocat@example.com", Proof: admit.ProofAsserted, Name: "The Octocat", Nickname: "octocat", Picture: "https://avatars.githubusercontent.com/u/583231?v=4"},
		},
		"GitHub, no name, primary unverified": {
			nil, map[string]string{"/token": `{"access_token":"ghu_x","expires_in":28800,"refresh_token":"ghr_x","refresh_token_expires_in":15811200,"scope":"","token_type":"bearer"}`, "/user": `{"login":"octocat","id":583231,"name":null,"email":null}`, "/emails": `[{"email":"octocat@example.com","primary":true,"verified":false,"visibility":"private"},{"email":"o@example.com","primary":false,"verified":true}]`}, at(githubURL),
			func(e Endpoints) admit.Provider {
				return GitHub{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: githubURL, Subject: "583231", Proof: admit.ProofNone, Name: "octocat", Nickname: "octocat"},
		},
		"GitHub App without the right to addresses": {
			nil, map[string]string{"/token": plain, "/user": `{"login":"octocat","id":1}`, "/emails": `403 {"message":"Resource not accessible by integration","documentation_url":"https://docs.github.com/rest","status":"403"}`}, at(githubURL),
			func(e Endpoints) admit.Provider {
				return GitHub{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: githubURL, Subject: "1", Proof: admit.ProofNone, Name: "octocat", Nickname: "octocat"},
		},
		"GitLab": {
			base("https://gitlab.com", map[string]any{"sub": "1", "sub_legacy": "b7676e1d", "auth_time": now().Unix(), "name": "Sid", "nickname": "sid", "preferred_username": "sid", "email": "sid@example.com", "email_verified": true, "profile": "https://gitlab.com/sid", "picture": "https://gitlab.com/uploads/sid.png", "groups_direct": []string{"a"}}),
			map[string]string{"/token": token}, at("https://gitlab.com"),
			func(e Endpoints) admit.Provider {
				return GitLab{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: "https://gitlab.com", Subject: "1", Email: "sid@example.com", Proof: admit.ProofAsserted, Name: "Sid", Nickname: "sid", Picture: "https://gitlab.com/uploads/sid.png"},
		},
		"GitLab, the address by userinfo": {
			base("https://gitlab.com", map[string]any{"sub": "1"}),
			map[string]string{"/token": token, "/user": `{"sub":"1","name":"Sid","email":"sid@example.com","email_verified":true}`}, at("https://gitlab.com"),
			func(e Endpoints) admit.Provider {
				return GitLab{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: "https://gitlab.com", Subject: "1", Email: "sid@example.com", Proof: admit.ProofAsserted, Name: "Sid"},
		},
		"LinkedIn, without a nonce": {
			base("https://www.linkedin.com/oauth", map[string]any{"nonce": nil, "sub": "782bbtaQ", "name": "John Doe", "given_name": "John", "family_name": "Doe", "picture": "https://media.licdn.com/x.jpg", "email": "doe@example.com", "email_verified": "true", "locale": map[string]string{"country": "US", "language": "en"}}),
			map[string]string{"/token": token}, at(linkedInIssuer),
			func(e Endpoints) admit.Provider {
				return LinkedIn{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: linkedInIssuer, Subject: "782bbtaQ", Email: "doe@example.com", Proof: admit.ProofNone, Name: "John Doe", Picture: "https://media.licdn.com/x.jpg"},
		},
		"LinkedIn, the issuer of old": {
			base("https://www.linkedin.com", map[string]any{"nonce": nil, "sub": "782bbtaQ"}),
			map[string]string{"/token": token, "/user": `{"sub":"782bbtaQ","email_verified":true,"name":"John Doe","locale":{"country":"US","language":"en"},"email":"doe@example.com"}`}, at(linkedInIssuer),
			func(e Endpoints) admit.Provider {
				return LinkedIn{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: linkedInIssuer, Subject: "782bbtaQ", Email: "doe@example.com", Proof: admit.ProofNone, Name: "John Doe"},
		},
		"Discord": {
			nil, map[string]string{"/token": plain, "/user": `{"id":"80351110224678912","username":"nelly","discriminator":"0","global_name":"Nelly","avatar":"8342729096ea3675442027381ff50dfe","verified":true,"email":"nelly@example.com","flags":64,"premium_type":1,"locale":"de"}`}, at("https://discord.com"),
			func(e Endpoints) admit.Provider {
				return Discord{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: "https://discord.com", Subject: "80351110224678912", Email: "nelly@example.com", Proof: admit.ProofAsserted, Name: "Nelly", Nickname: "nelly", Locale: "de", Picture: "https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png"},
		},
		"Discord, unverified, no picture": {
			nil, map[string]string{"/token": plain, "/user": `{"id":"80351110224678912","username":"nelly","global_name":null,"avatar":null,"verified":false,"email":"nelly@example.com"}`}, at("https://discord.com"),
			func(e Endpoints) admit.Provider {
				return Discord{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: "https://discord.com", Subject: "80351110224678912", Email: "nelly@example.com", Proof: admit.ProofNone, Name: "nelly", Nickname: "nelly"},
		},
		"Slack": {
			base("https://slack.com", map[string]any{"sub": "U0R7JM", "auth_time": now().Unix(), "at_hash": nil, "https://slack.com/team_id": "T0R7GR", "https://slack.com/user_id": "U0R7JM", "email": "krane@example.com", "email_verified": true, "date_email_verified": 1622128723, "locale": "en-US", "name": "krane", "picture": "https://secure.gravatar.com/a.png"}),
			map[string]string{"/token": strings.Replace(token, "{", `{"ok":true,`, 1)}, at("https://slack.com"),
			func(e Endpoints) admit.Provider {
				return Slack{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: "https://slack.com", Subject: "T0R7GR-U0R7JM", Email: "krane@example.com", Proof: admit.ProofAsserted, Name: "krane", Picture: "https://secure.gravatar.com/a.png", Locale: "en-US"},
		},
		"Facebook": {
			nil, map[string]string{"/token": `{"access_token":"EAAt0ken","token_type":"bearer","expires_in":5183944}`, "/user": `{"id":"10153","name":"Mark","email":"mark@example.com","picture":{"data":{"height":256,"is_silhouette":false,"url":"https://platform-lookaside.fbsbx.com/x","width":256}}}`}, at(facebookIssuer),
			func(e Endpoints) admit.Provider {
				return Facebook{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e}
			},
			admit.ProviderIdentity{Issuer: facebookIssuer, Subject: "10153", Email: "mark@example.com", Proof: admit.ProofNone, Name: "Mark", Picture: "https://platform-lookaside.fbsbx.com/x"},
		},
		"X": {
			nil, map[string]string{"/token": plain, "/user": `{"data":{"id":"2244994945","name":"X Dev","username":"XDevelopers","confirmed_email":"dev@example.com","profile_image_url":"https://pbs.twimg.com/x.jpg"}}`}, at("https://x.com"),
			func(e Endpoints) admit.Provider { return X{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e} },
			admit.ProviderIdentity{Issuer: "https://x.com", Subject: "2244994945", Email: "dev@example.com", Proof: admit.ProofAsserted, Name: "X Dev", Nickname: "XDevelopers", Picture: "https://pbs.twimg.com/x.jpg"},
		},
		"X, without an address, a name like one": {
			nil, map[string]string{"/token": plain, "/user": `{"data":{"id":"2244994945","name":"victim@example.com","username":"victim"}}`}, at("https://x.com"),
			func(e Endpoints) admit.Provider { return X{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e} },
			admit.ProviderIdentity{Issuer: "https://x.com", Subject: "2244994945", Proof: admit.ProofNone, Name: "victim@example.com", Nickname: "victim"},
		},
		"any OAuth 2": {
			nil, map[string]string{"/token": plain, "/user": `{"account":{"uuid":"u-1"},"mail":"a@example.com"}`}, at("https://id.example"),
			func(e Endpoints) admit.Provider {
				return OAuth2{Provider: "acme", ClientID: "client", ClientSecret: "s3cr3t", Endpoints: e, Person: func(text []byte) (Person, error) {
					var said struct {
						Account struct{ UUID string }
						Mail    string
					}
					err := json.Unmarshal(text, &said)
					return Person{Subject: said.Account.UUID, Email: said.Mail}, err
				}}
			},
			admit.ProviderIdentity{Issuer: "https://id.example", Subject: "u-1", Email: "a@example.com", Proof: admit.ProofNone},
		},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRecorded(t, c.idToken, c.answers)
			p := opened(c.provider(c.endpoints(r)))
			person, err := r.finish(t, p)
			if err != nil {
				t.Fatal(err)
			}
			if person.Why == "" {
				t.Error("no reason is given")
			}
			person.Why = ""
			if !samePerson(person, c.want) {
				t.Errorf("got  %+v\nwant %+v", person, c.want)
			}
			if person.Tokens.AccessToken == "" {
				t.Error("no token")
			}
			form := r.forms["/token"]
			if form.Get("grant_type") != "authorization_code" || form.Get("code") != "c0de" || form.Get("redirect_uri") != redirectURI {
				t.Errorf("the token endpoint got %v", form)
			}
			if (form.Get("code_verifier") == "") != (p.Name() == "linkedin") {
				t.Errorf("the verifier is %q", form.Get("code_verifier"))
			}
			user, _, basic := r.requests["/token"].BasicAuth()
			if inHeader := p.Name() == "x" || p.Name() == "acme"; basic != inHeader || basic && user != "client" || !basic && form.Get("client_secret") != "s3cr3t" {
				t.Errorf("the secret: header %v, form %v", basic, form)
			}
			if q := r.requests["/user"]; q != nil && q.Header.Get("Authorization") != "Bearer "+person.Tokens.AccessToken {
				t.Errorf("user: %v", q.Header)
			}
		})
	}
}

func appleKey(t *testing.T) (string, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), key
}

func TestApple_AWholeSignIn(t *testing.T) {
	text, _ := appleKey(t)
	server := start(t, issuer.Options{People: []issuer.Person{
		{Subject: "001234.abc.5678", Email: "ada@icloud.com", Name: "Ada Lovelace"},
		{Email: "x1@privaterelay.appleid.com", Name: "Relay", Claims: map[string]any{"email_verified": true, "is_private_email": "true"}},
		{Email: "eve@example.com", Unverified: true},
	}})
	apple := opened(Apple{ClientID: "com.example.web", TeamID: "TEAM567890", KeyID: "KEY4567890", PrivateKey: text, Audiences: []string{"com.example.app"}, Endpoints: Endpoints{Issuer: server.Apple()}})
	if !apple.(admit.ProviderPoster).FormPost() {
		t.Error("the answer of Apple is posted")
	}
	browser := host{t: t, provider: apple, server: server}
	for i, want := range []admit.ProviderIdentity{
		{Subject: "001234.abc.5678", Email: "ada@icloud.com", Proof: admit.ProofAuthoritative, Name: "Ada Lovelace"},
		{Subject: "001234.abc.5678", Email: "ada@icloud.com", Proof: admit.ProofAuthoritative}, // the name comes once
	} {
		person, err := browser.signIn("ada@icloud.com")
		want.Issuer, want.Why = server.Apple(), person.Why
		if err != nil || !samePerson(person, want) || person.Tokens.RefreshToken == "" {
			t.Errorf("sign-in %d: %+v, %v", i+1, person, err)
		}
	}
	if person, err := browser.signIn("x1@privaterelay.appleid.com"); err != nil || person.Proof != admit.ProofAuthoritative {
		t.Errorf("a relay: %+v, %v", person, err)
	}
	if person, err := browser.signIn("eve@example.com"); err != nil || person.Proof != admit.ProofNone {
		t.Errorf(`"false": %+v, %v`, person, err)
	}
	// What the browser posts beside the code is not signed.
	forged := browser
	forged.change = func(a *admit.ProviderAnswer) {
		a.User = `{"name":{"firstName":"Mal","lastName":"Lory"},"email":"victim@example.com","sub":"other"}`
	}
	if person, err := forged.signIn("ada@icloud.com"); err != nil || person.Email != "ada@icloud.com" || person.Subject != "001234.abc.5678" || person.Name != "Mal Lory" {
		t.Errorf("a forged user: %+v, %v", person, err)
	}

	// An app hashes the nonce.
	for nonce, good := range map[string]bool{"raw": true, hashed("raw"): true, "other": false, hashed("other"): false} {
		token, err := server.Sign(map[string]any{
			"iss": server.Apple(), "aud": "com.example.app", "sub": "001234.abc.5678", "iat": now().Unix(), "exp": now().Add(time.Hour).Unix(), "nonce": nonce, "nonce_supported": true,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = apple.Finish(t.Context(), apple.Credentials(), admit.ProviderAnswer{IDToken: token, Nonce: "raw", Now: now()})
		if (err == nil) != good {
			t.Errorf("nonce %s: %v", nonce, err)
		}
	}
}

func TestApple_TheSecretIsSignedForEachRequest(t *testing.T) {
	text, key := appleKey(t)
	r := newRecorded(t, base(appleIssuer, map[string]any{"aud": "com.example.web", "sub": "s", "email": "a@example.com", "email_verified": "true"}), map[string]string{
		"/token":  `{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r","id_token":"ID_TOKEN"}`,
		"/revoke": ``,
	})
	apple := opened(Apple{ClientID: "com.example.web", TeamID: "TEAM567890", KeyID: "KEY4567890", PrivateKey: text, Endpoints: r.at(appleIssuer)})
	person, err := r.finish(t, apple)
	if err != nil || person.Proof != admit.ProofAsserted {
		t.Fatalf("%+v, %v", person, err)
	}
	check := func(path string, at time.Time) {
		t.Helper()
		form := r.forms[path]
		token, err := jwt.Parse(form.Get("client_secret"), func(token *jwt.Token) (any, error) {
			if token.Header["kid"] != "KEY4567890" {
				t.Errorf("kid %v", token.Header["kid"])
			}
			return key.Public(), nil
		}, jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(func() time.Time { return at }), jwt.WithAudience(appleIssuer), jwt.WithIssuer("TEAM567890"), jwt.WithSubject("com.example.web"), jwt.WithExpirationRequired())
		if err != nil {
			t.Errorf("%s: the client secret: %v", path, err)
			return
		}
		if expires, _ := token.Claims.GetExpirationTime(); expires.Sub(at) > 10*time.Minute {
			t.Errorf("the client secret lasts until %s", expires)
		}
		if form.Get("client_id") != "com.example.web" {
			t.Errorf("client_id %q", form.Get("client_id"))
		}
	}
	check("/token", now())
	later := now().Add(200 * 24 * time.Hour) // longer than Apple would take one secret
	if err := apple.(admit.ProviderRevoker).Revoke(t.Context(), apple.Credentials(), "r", later); err != nil {
		t.Fatal(err)
	}
	check("/revoke", later)
	if r.forms["/revoke"].Get("token") != "r" {
		t.Errorf("revoked %q", r.forms["/revoke"].Get("token"))
	}
}

func TestApple_NoticesAreVerified(t *testing.T) {
	text, _ := appleKey(t)
	server := start(t, issuer.Options{})
	apple := Apple{ClientID: "com.example.web", TeamID: "TEAM567890", KeyID: "KEY4567890", PrivateKey: text, Audiences: []string{"com.example.app"}, Endpoints: Endpoints{Issuer: server.Apple()}}.Open().(Apple)
	person := issuer.Person{Subject: "001234.abc", Email: "x@privaterelay.appleid.com"}
	for _, kind := range []string{"consent-revoked", "account-delete", "email-disabled", "email-enabled"} {
		for _, client := range []string{"com.example.web", "com.example.app"} {
			body, err := server.AppleNotice(client, kind, person)
			if err != nil {
				t.Fatal(err)
			}
			notice, err := apple.ReadNotice(t.Context(), apple.Credentials(), body, now())
			if err != nil || notice.Kind != kind || notice.Subject != "001234.abc" || notice.Issuer != server.Apple() || notice.ID == "" || notice.Email != person.Email || !notice.At.Equal(now()) {
				t.Errorf("%s: %+v, %v", kind, notice, err)
			}
		}
	}
	claims := func(changes map[string]any) map[string]any {
		c := map[string]any{"iss": server.Apple(), "aud": "com.example.web", "iat": now().Unix(), "jti": "j", "events": `{"type":"consent-revoked","sub":"s"}`}
		for name, value := range changes {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return c
	}
	signed := func(c map[string]any) []byte {
		token, err := server.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(`{"payload":"` + token + `"}`)
	}
	if notice, err := apple.ReadNotice(t.Context(), apple.Credentials(), signed(claims(map[string]any{"events": map[string]any{"type": "account-deleted", "sub": "s"}})), now()); err != nil || notice.Kind != "account-delete" {
		t.Errorf("events as an object: %+v, %v", notice, err)
	}
	other := start(t, issuer.Options{})
	foreign, err := other.Sign(claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	for what, body := range map[string][]byte{
		"another aud": signed(claims(map[string]any{"aud": "com.other"})), "another iss": signed(claims(map[string]any{"iss": server.Issuer()})),
		"no events": signed(claims(map[string]any{"events": nil})), "an unknown kind": signed(claims(map[string]any{"events": `{"type":"hello","sub":"s"}`})),
		"nobody": signed(claims(map[string]any{"events": `{"type":"consent-revoked"}`})), "no id": signed(claims(map[string]any{"jti": nil})),
		"from the future": signed(claims(map[string]any{"iat": now().Add(time.Hour).Unix()})), "of another key": []byte(`{"payload":"` + foreign + `"}`),
		"no JSON": []byte("payload=x"), "nothing": nil, "an id token": signed(base(server.Apple(), map[string]any{"aud": "com.example.web", "sub": "s"})),
	} {
		if notice, err := apple.ReadNotice(t.Context(), apple.Credentials(), body, now()); !errors.Is(err, admit.ErrInvalidOAuthCode) {
			t.Errorf("%s: %+v, %v", what, notice, err)
		}
	}
}

func TestMicrosoft_AWholeSignIn(t *testing.T) {
	const own, foreign = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
	server := start(t, issuer.Options{People: []issuer.Person{
		{Email: "ada@own.example", Name: "Ada", Tenant: own},
		{Email: "verified@own.example", Tenant: own, Claims: map[string]any{"xms_edov": true}},
		{Email: "one@own.example", Tenant: own, Claims: map[string]any{"xms_edov": "1"}},
		{Email: "no@own.example", Tenant: own, Claims: map[string]any{"xms_edov": false}},
		{Email: "list@own.example", Tenant: own, Claims: map[string]any{"verified_primary_email": []string{"List@own.example"}}},
		{Email: "second@own.example", Tenant: own, Claims: map[string]any{"verified_secondary_email": []string{"x@own.example", "second@own.example"}}},
		{Email: "other@own.example", Tenant: own, Claims: map[string]any{"verified_primary_email": []string{"x@own.example"}}},
		{Email: "victim@corp.example", Tenant: foreign, Claims: map[string]any{"email_verified": true}},
		{Email: "home@outlook.com", Tenant: consumersTenant, Claims: map[string]any{"xms_edov": true}},
		{Email: "liar@own.example", Tenant: own, Claims: map[string]any{"tid": foreign}},
	}})
	provider := func(change func(*Microsoft)) admit.Provider {
		m := Microsoft{ClientID: "client", ClientSecret: "s3cr3t", Authority: server.Microsoft()}
		if change != nil {
			change(&m)
		}
		return opened(m)
	}
	common := provider(nil)
	for email, proof := range map[string]admit.AddressProof{
		"ada@own.example": admit.ProofNone, "verified@own.example": admit.ProofAsserted, "one@own.example": admit.ProofAsserted, "no@own.example": admit.ProofNone,
		"list@own.example": admit.ProofAsserted, "second@own.example": admit.ProofAsserted, "other@own.example": admit.ProofNone,
		"victim@corp.example": admit.ProofNone, // nOAuth: email_verified of a tenant is worth nothing
		"home@outlook.com":    admit.ProofAsserted,
	} {
		person, err := host{t: t, provider: common, server: server}.signIn(email)
		if err != nil || person.Email != email || person.Proof != proof || person.Nickname != "" {
			t.Errorf("%s: %+v, %v", email, person, err)
		}
		if !strings.HasPrefix(person.Issuer, server.Microsoft()+"/") || !strings.HasSuffix(person.Issuer, "/v2.0") {
			t.Errorf("%s: issuer %s", email, person.Issuer)
		}
	}
	for what, c := range map[string]struct {
		change func(*Microsoft)
		email  string
		good   bool
	}{
		"tid is another tenant than iss":        {nil, "liar@own.example", false},
		"one tenant, its account":               {func(m *Microsoft) { m.Tenant = own }, "ada@own.example", true},
		"one tenant in capitals":                {func(m *Microsoft) { m.Tenant = strings.ToUpper(own) }, "ada@own.example", true},
		"one tenant, another's account":         {func(m *Microsoft) { m.Tenant = own }, "victim@corp.example", false},
		"organizations, personal":               {func(m *Microsoft) { m.Tenant = "organizations" }, "home@outlook.com", false},
		"organizations, of one":                 {func(m *Microsoft) { m.Tenant = "organizations" }, "victim@corp.example", true},
		"consumers, personal":                   {func(m *Microsoft) { m.Tenant = "consumers" }, "home@outlook.com", true},
		"consumers, of an organization":         {func(m *Microsoft) { m.Tenant = "consumers" }, "ada@own.example", false},
		"a list of tenants, one of them":        {func(m *Microsoft) { m.Tenants = []string{own} }, "ada@own.example", true},
		"a list of tenants, none of them":       {func(m *Microsoft) { m.Tenants = []string{own} }, "victim@corp.example", false},
		"an empty list of tenants lets in none": {func(m *Microsoft) { m.Tenants = []string{} }, "ada@own.example", false},
	} {
		if _, err := (host{t: t, provider: provider(c.change), server: server}).signIn(c.email); (err == nil) != c.good || err != nil && !errors.Is(err, admit.ErrInvalidOAuthCode) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, tenant := range []string{"contoso.onmicrosoft.com", "Common", "..", own + "/x"} {
		if err := (Microsoft{ClientID: "client", ClientSecret: "s3cr3t", Tenant: tenant}).Check(); err == nil {
			t.Errorf("the tenant %q is taken", tenant)
		}
	}
}

func TestFacebook_LimitedLoginIsTheSamePersonAndProvesNoAddress(t *testing.T) {
	r := newRecorded(t, nil, map[string]string{"/user": `{"id":"10153"}`, "/token": `{"access_token":"EAA","token_type":"bearer"}`})
	facebook := opened(Facebook{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: r.at(facebookIssuer)})
	for _, iss := range []string{"https://www.facebook.com", "https://facebook.com"} {
		token := r.token(base(iss, map[string]any{"sub": "10153", "email": "mark@example.com", "email_verified": true, "name": "Mark"}))
		person, err := facebook.Finish(t.Context(), facebook.Credentials(), admit.ProviderAnswer{IDToken: token, Nonce: "the-nonce", Now: now()})
		if err != nil || person.Issuer != facebookIssuer || person.Subject != "10153" || person.Proof != admit.ProofNone || person.Name != "Mark" {
			t.Errorf("%s: %+v, %v", iss, person, err)
		}
	}
	if _, err := r.finish(t, facebook); err != nil {
		t.Fatal(err)
	}
	// HMAC-SHA256 of "EAA" under "s3cr3t".
	if got := r.requests["/user"].URL.Query().Get("appsecret_proof"); len(got) != 64 || strings.Contains(got, "s3cr3t") {
		t.Errorf("appsecret_proof %q", got)
	}
	r.answers["/token"] = `400 {"error":{"message":"This authorization code has been used.","type":"OAuthException","code":100,"fbtrace_id":"A"}}`
	if _, err := r.finish(t, facebook); !errors.Is(err, admit.ErrInvalidOAuthCode) {
		t.Errorf("a used code: %v", err)
	}
}

func TestErrorsInTheShapeOfEachProvider(t *testing.T) {
	for what, c := range map[string]struct {
		answer string
		want   error
	}{
		"RFC 6749":             {`400 {"error":"invalid_grant","error_description":"Bad c0de s3cr3t"}`, admit.ErrInvalidOAuthCode},
		"GitHub, with 200":     {`{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired.","error_uri":"https://docs.github.com/x"}`, admit.ErrInvalidOAuthCode},
		"GitHub, redirect":     {`{"error":"redirect_uri_mismatch"}`, admit.ErrInvalidOAuthCode},
		"Slack, with 200":      {`{"ok":false,"error":"invalid_code"}`, admit.ErrInvalidOAuthCode},
		"X":                    {`400 {"error":"invalid_request","error_description":"Value passed for the authorization code was invalid."}`, admit.ErrInvalidOAuthCode},
		"LinkedIn":             {`400 {"error":"invalid_request","error_description":"Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code."}`, admit.ErrInvalidOAuthCode},
		"a wrong secret":       {`401 {"error":"invalid_client","error_description":"s3cr3t"}`, admit.ErrOAuthCallbackFailed},
		"GitHub, wrong secret": {`{"error":"incorrect_client_credentials"}`, admit.ErrOAuthCallbackFailed},
		"GitHub, suspended":    {`{"error":"application_suspended"}`, admit.ErrOAuthCallbackFailed},
		"a code of their own":  {`400 {"error":"s3cr3t c0de <b>"}`, admit.ErrOAuthCallbackFailed},
		"500 with a code":      {`500 {"error":"invalid_grant"}`, admit.ErrOAuthCallbackFailed},
		"503 HTML":             {`503 <html>s3cr3t c0de</html>`, admit.ErrOAuthCallbackFailed},
		"200 HTML":             {`<html>s3cr3t c0de</html>`, admit.ErrOAuthCallbackFailed},
		"no token":             {`{"token_type":"bearer"}`, admit.ErrOAuthCallbackFailed},
		"half of it":           {`{"access_token":"t0k`, admit.ErrOAuthCallbackFailed},
		"a list":               {`[]`, admit.ErrOAuthCallbackFailed},
		"null":                 {`null`, admit.ErrOAuthCallbackFailed},
		"a number":             {`{"access_token":12}`, admit.ErrOAuthCallbackFailed},
		"a long token":         {`{"access_token":"` + strings.Repeat("a", maxToken+1) + `"}`, admit.ErrOAuthCallbackFailed},
		"nothing":              {``, admit.ErrOAuthCallbackFailed},
	} {
		r := newRecorded(t, nil, map[string]string{"/token": c.answer, "/user": `{"id":1,"login":"x"}`, "/emails": `[]`})
		_, err := r.finish(t, GitHub{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: r.at(githubURL)})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "c0de") || strings.Contains(err.Error(), "t0k")) {
			t.Errorf("%s: the error repeats a secret: %v", what, err)
		}
	}
}

func TestAnswersAboutThePersonThatAreNoAnswers(t *testing.T) {
	for what, c := range map[string]struct{ user, emails string }{
		"no id": {`{"login":"x"}`, `[]`}, "id is null": {`{"id":null}`, `[]`}, "id is zero": {`{"id":0}`, `[]`}, "id is negative": {`{"id":-1}`, `[]`}, "id is a fraction": {`{"id":1.5}`, `[]`},
		"id is text": {`{"id":"1"}`, `[]`}, "id is large": {`{"id":1e30}`, `[]`}, "id twice": {`{"id":1,"id":2}`, `[]`}, "a list": {`[]`, `[]`}, "HTML": {`<html>`, `[]`},
		"401": {`401 {"message":"Bad credentials"}`, `[]`}, "500": {`500 {}`, `[]`}, "addresses are an object": {`{"id":1}`, `{}`}, "addresses are down": {`{"id":1}`, `502 x`}, "addresses need a sign-in": {`{"id":1}`, `401 {}`},
	} {
		r := newRecorded(t, nil, map[string]string{"/token": `{"access_token":"t0ken","token_type":"bearer"}`, "/user": c.user, "/emails": c.emails})
		if person, err := r.finish(t, GitHub{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: r.at(githubURL)}); !errors.Is(err, admit.ErrOAuthCallbackFailed) {
			t.Errorf("%s: %+v, %v", what, person, err)
		}
	}
}

func TestOA06_UserInfoSpeaksOfThePersonOfTheIDToken(t *testing.T) {
	r := newRecorded(t, base("https://id.example", map[string]any{"sub": "me", "email_verified": true}), map[string]string{
		"/token": `{"access_token":"t0ken","token_type":"bearer","id_token":"ID_TOKEN"}`, "/user": `{"sub":"you","email":"you@example.com","email_verified":true}`,
	})
	gitlab := GitLab{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: r.at("https://id.example")}
	if person, err := r.finish(t, gitlab); !errors.Is(err, admit.ErrOAuthCallbackFailed) {
		t.Errorf("another sub: %+v, %v", person, err)
	}
	r.answers["/user"] = `{"sub":"me","email":"you@example.com"}`
	if person, err := r.finish(t, gitlab); err != nil || person.Proof != admit.ProofNone {
		t.Errorf("email_verified of the id token is not about the address of userinfo: %+v, %v", person, err)
	}
}

func TestMicrosoft_AnIssuerElsewhereIsRefused(t *testing.T) {
	const tenant = "11111111-2222-3333-4444-555555555555"
	m := Microsoft{}
	for iss, good := range map[string]bool{
		"https://login.microsoftonline.com/" + tenant + "/v2.0": true, tenant + "/v2.0": false, "https://evil.example/" + tenant + "/v2.0": false,
		"https://login.microsoftonline.com/" + tenant + "/v1.0": false, "https://login.microsoftonline.com/" + tenant: false, "https://login.microsoftonline.com/common/v2.0": false,
		"https://login.microsoftonline.com/{tenantid}/v2.0": false, "https://sts.windows.net/" + tenant + "/": false, "": false,
	} {
		c, _ := readClaims([]byte(`{"tid":"` + tenant + `"}`))
		if got, ok := m.accepts(iss, c); ok != good || ok && got != iss {
			t.Errorf("%q: %q, %v", iss, got, ok)
		}
	}
}
