package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// linkAt links a person with the account of a token.
func linkAt(s *harness.Server, p *harness.Provider, who admit.ProviderIdentity, access string, sets ...harness.Set) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/accounts", harness.J{"provider": p.Name(), "idToken": p.IDToken(who, "")}, append(sets, harness.Bearer(access))...)
}

func unlinkAt(s *harness.Server, p *harness.Provider, access string) *harness.Answer {
	s.T.Helper()
	return s.Do("DELETE", "/v1/auth/accounts/"+p.Name(), nil, harness.Bearer(access))
}

// LK-06: both changes are mailed.
func TestLK06_LinkingAndUnlinkingAreMailed(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		who := p.Person("1", "other@y.test", admit.ProofAsserted)
		made := linkAt(s, p, who, ada.Access).Want(201)
		if made.String("provider") != "acme" || made.String("providerAccountId") != "1" || made.String("email") != "other@y.test" || made.String("userId") != ada.ID {
			t.Errorf("the link is %s", made.Body)
		}
		if m := letterTo(s, mailer.AccountLinked, "ada@x.test"); !strings.Contains(m.Text, "Acme") {
			t.Errorf("the mail says %s", m.Text)
		}
		list := s.Do("GET", "/v1/auth/accounts", nil, harness.Bearer(ada.Access)).Want(200)
		if items := list.Items(); len(items) != 2 || items[0]["provider"] != "email" || items[0]["providerAccountId"] != "ada@x.test" || items[1]["provider"] != "acme" {
			t.Errorf("the list is %s", list.Body)
		}
		if strings.Contains(string(list.Body), "access-of-1") {
			t.Error("the list shows tokens")
		}
		if me := s.Me(by(s, p, who).Want(200).Tokens().Access); me.String("id") != ada.ID || me.String("email") != "ada@x.test" {
			t.Errorf("the person signs in to %s", me.Body)
		}
		unlinkAt(s, p, ada.Access).Want(200)
		letterTo(s, mailer.AccountUnlinked, "ada@x.test")
		unlinkAt(s, p, ada.Access).Want(404, "auth/account-not-found")
		s.Alive(ada.Tokens)
		if me := s.Me(by(s, p, who).Want(200).Tokens().Access); me.String("id") == ada.ID {
			t.Error("the person still signs in to the account")
		}
	}, harness.With(p))
}

// AC-130, LK-03: a person at a provider has one account, also against two requests at
// once.
func TestAC130_APersonHasOneAccount(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		who := p.Person("1", "other@y.test", admit.ProofAsserted)
		answers := harness.Parallel(10, func(i int) *harness.Answer {
			return linkAt(s, p, who, []harness.Person{ada, bob}[i%2].Access)
		})
		if counts := harness.Count(answers); counts[201] != 1 || counts[409] != 9 {
			t.Errorf("the answers are %v", counts)
		}
		linkAt(s, p, who, ada.Access).Want(409, "auth/account-already-linked")
		linkAt(s, p, who, bob.Access).Want(409, "auth/account-already-linked")
	}, harness.With(p), unlimited)
}

// AC-131, LK-04: one way in that somebody set up stays, also against two requests at
// once.
func TestAC131_TheLastWayInStays(t *testing.T) {
	p, q := harness.NewProvider("acme"), harness.NewProvider("other")
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "ada@x.test", admit.ProofAsserted)
		ada := by(s, p, who).Want(200).Tokens()
		unlinkAt(s, p, ada.Access).Want(400, "auth/last-auth-method")
		linkAt(s, q, q.Person("1", "ada@y.test", admit.ProofNone), ada.Access).Want(201)
		answers := harness.Parallel(2, func(i int) *harness.Answer { return unlinkAt(s, []*harness.Provider{p, q}[i], ada.Access) })
		if counts := harness.Count(answers); counts[200] != 1 || counts[400] != 1 {
			t.Errorf("two unlinked at once: %v", counts)
		}
		// A password, or a passkey, is another way in.
		bob := verified(s, "bob@x.test")
		linkAt(s, p, p.Person("2", "", ""), bob.Access).Want(201)
		unlinkAt(s, p, bob.Access).Want(200)
	}, harness.With(p, q), unlimited)
	// A provider that is switched off is no way in.
	off := harness.NewProvider("off")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := by(s, p, p.Person("1", "ada@x.test", admit.ProofAsserted)).Want(200).Tokens()
		linkAt(s, off, off.Person("1", "", ""), ada.Access).Want(201)
		off.Unconfigured()
		unlinkAt(s, p, ada.Access).Want(400, "auth/last-auth-method")
	}, harness.With(p, off))
}

// SE-07, OA-10, AC-128: linking needs a recent proof, and a POST of the same origin.
func TestAC128_LinkingIsBegunByTheOwner(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		mallory := p.Person("666", "mallory@y.test", admit.ProofAsserted)
		cookie := s.SignIn("ada@x.test", harness.Password, harness.Header("X-Session-Mode", "cookie")).Want(200)
		b := &traveller{s: s, provider: p}
		b.keep(cookie)
		// A page of another site.
		for _, sets := range [][]harness.Set{
			{harness.Header("Sec-Fetch-Site", "cross-site"), harness.Header("Origin", "https://evil.test")},
			{harness.Header("Origin", "null")}, {harness.Header("Sec-Fetch-Site", "same-site")},
		} {
			s.Do("POST", "/v1/auth/acme", "callbackUrl="+url.QueryEscape(back), append(sets, b.with(), harness.Header("Content-Type", "application/x-www-form-urlencoded"))...).Want(403, "auth/cross-origin")
			s.Do("POST", "/v1/auth/accounts", harness.J{"provider": "acme", "idToken": p.IDToken(mallory, "")}, append(sets, b.with())...).Want(403, "auth/cross-origin")
		}
		// A GET begins a sign-in, whatever it asks for.
		b.leave("&purpose=link")
		if _, query := b.back(mallory); query.Get("token") == "" || query.Has("linked") {
			t.Errorf("a GET ended in %v", query)
		}
		// The flow of somebody else, brought to the owner's browser.
		eve := verified(s, "eve@x.test")
		begun := s.Do("POST", "/v1/auth/acme", harness.J{"callbackUrl": back}, harness.Bearer(eve.Access)).Want(200)
		code, state := p.Approve(begun.String("url"), mallory)
		a, _ := b.callback(url.Values{"code": {code}, "state": {state}})
		a.Want(401, "auth/invalid-state")
		if n := len(s.Events(ada.ID, "identity.linked")); n != 0 {
			t.Errorf("the account has %d links", n)
		}
		// A flow to link signs nobody in, and one of another account links nothing.
		eves := &traveller{s: s, provider: p}
		eves.keep(begun)
		s.Do("POST", "/v1/auth/acme/callback", harness.J{"code": code, "state": state}, eves.with()).Want(401, "auth/invalid-state")
		s.Do("POST", "/v1/auth/accounts", harness.J{"provider": "acme", "code": code, "state": state}, eves.with(), harness.Bearer(ada.Access)).Want(401, "auth/invalid-state")
		// A flow of another purpose links nothing, though the same account has begun it.
		proof := s.Do("POST", "/v1/auth/acme", harness.J{"callbackUrl": back, "purpose": "reauthenticate"}, harness.Bearer(ada.Access)).Want(200)
		adas := &traveller{s: s, provider: p}
		adas.keep(proof)
		code, state = p.Approve(proof.String("url"), p.Person("3", "", ""))
		s.Do("POST", "/v1/auth/accounts", harness.J{"provider": "acme", "code": code, "state": state}, adas.with(), harness.Bearer(ada.Access)).Want(401, "auth/invalid-state")
		// The owner.
		answer := s.Do("POST", "/v1/auth/acme", "callbackUrl="+url.QueryEscape(back), b.with(), harness.Header("Sec-Fetch-Site", "same-origin"), harness.Header("Content-Type", "application/x-www-form-urlencoded")).Want(http.StatusSeeOther)
		b.keep(answer)
		b.url = answer.Header.Get("Location")
		if _, query := b.back(p.Person("1", "ada@y.test", admit.ProofAsserted)); query.Get("linked") != "acme" || len(query) != 1 {
			t.Errorf("linking ended in %v", query)
		}
		// Later it needs a proof.
		s.Clock.Advance(11 * time.Minute)
		linkAt(s, p, p.Person("2", "", ""), ada.Access).Want(403, "auth/reauthentication-required")
		unlinkAt(s, p, ada.Access).Want(403, "auth/reauthentication-required")
		s.Do("POST", "/v1/auth/acme", harness.J{"callbackUrl": back}, harness.Bearer(ada.Access)).Want(403, "auth/reauthentication-required")
	}, harness.With(p), cookies)
}

// A flow that was begun in a session ends with it.
func TestALinkEndsWithItsSession(t *testing.T) {
	p := harness.NewProvider("acme")
	for name, end := range map[string]func(s *harness.Server, ada harness.Person){
		"sign-out": func(s *harness.Server, ada harness.Person) { s.SignOut(ada.Access).Want(200) },
		"ban":      func(s *harness.Server, ada harness.Person) { s.Ban(ada.ID) },
		"password": func(s *harness.Server, ada harness.Person) {
			s.Do("POST", "/v1/auth/password/change", harness.J{"currentPassword": harness.Password, "newPassword": otherPassword}, harness.Bearer(ada.Access)).Want(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				ada := verified(s, "ada@x.test")
				begun := s.Do("POST", "/v1/auth/acme", harness.J{"callbackUrl": back}, harness.Bearer(ada.Access)).Want(200)
				b := &traveller{s: s, provider: p, url: begun.String("url")}
				b.keep(begun)
				end(s, ada)
				b.back(p.Person("1", "", ""))
				if n := len(s.Events(ada.ID, "identity.linked")); n != 0 {
					t.Errorf("the account has %d links", n)
				}
			}, harness.With(p))
		})
	}
}

// AC-136: a session is proven again by the person of its account alone.
func TestAC136_ASessionIsProvenByItsOwnPerson(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		who, other := p.Person("1", "ada@x.test", admit.ProofAsserted), p.Person("2", "bob@x.test", admit.ProofAsserted)
		ada := by(s, p, who).Want(200).Tokens()
		by(s, p, other).Want(200)
		s.Clock.Advance(11 * time.Minute)
		again := func(who admit.ProviderIdentity) url.Values {
			begun := s.Do("POST", "/v1/auth/acme", harness.J{"callbackUrl": back, "purpose": "reauthenticate"}, harness.Bearer(ada.Access)).Want(200)
			b := &traveller{s: s, provider: p, url: begun.String("url")}
			b.keep(begun)
			_, query := b.back(who)
			return query
		}
		for _, stranger := range []admit.ProviderIdentity{other, p.Person("3", "ada@x.test", admit.ProofAuthoritative)} {
			if query := again(stranger); query.Get("error") != "auth/invalid-credentials" {
				t.Errorf("another person: %v", query)
			}
			s.Do("GET", "/app/recent", nil, harness.Bearer(ada.Access)).Want(403)
		}
		if query := again(who); query.Get("reauthenticated") != "true" {
			t.Errorf("the person: %v", query)
		}
		s.Do("GET", "/app/recent", nil, harness.Bearer(ada.Access)).Want(200)
	}, harness.With(p))
}

// AC-132, OA-12: a provider that is switched off stops what is under way.
func TestAC132_AProviderThatIsSwitchedOffStopsAtOnce(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "ada@x.test", admit.ProofAsserted)
		ada := by(s, p, who).Want(200).Tokens()
		other := s.Process()
		b := leave(s, p, "")
		code, state := p.Approve(b.url, who)
		asked := p.Asked()
		if err := s.Store.CreateRecord(t.Context(), store.Record{Kind: "provider-settings", ID: "acme", Data: []byte(`{"v":1,"disabled":true}`), CreatedAt: s.Clock.Now(), UpdatedAt: s.Clock.Now()}); err != nil {
			t.Fatal(err)
		}
		b.s = other
		if _, query := b.callback(url.Values{"code": {code}, "state": {state}}); query.Get("error") != "auth/oauth-not-configured" || query.Has("token") {
			t.Errorf("a callback under way: %v", query)
		}
		by(other, p, who).Want(400, "auth/oauth-not-configured")
		linkAt(other, p, p.Person("2", "", ""), ada.Access).Want(400, "auth/oauth-not-configured")
		if p.Asked() != asked {
			t.Error("the provider was asked")
		}
		s.Alive(ada) // sessions go on
	}, harness.With(p))
}

// One Tap: the form and the cookie agree, and a credential works once.
func TestOneTapSignsInOnce(t *testing.T) {
	p := harness.NewProvider("google")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "ada@x.test", admit.ProofAuthoritative)
		tap := func(credential, token string, cookies ...string) (*harness.Answer, url.Values) {
			form := url.Values{"credential": {credential}, "g_csrf_token": {token}}
			a := s.Do("POST", "/v1/auth/google/onetap?mode=cookie&callbackUrl="+url.QueryEscape(back), form.Encode(),
				harness.Header("Content-Type", "application/x-www-form-urlencoded"), harness.Header("Origin", "https://accounts.google.com"), harness.Header("Sec-Fetch-Site", "cross-site"),
				func(r *http.Request) {
					for _, value := range cookies {
						r.AddCookie(&http.Cookie{Name: "g_csrf_token", Value: value})
					}
				})
			return a, landed(s, a)
		}
		credential := p.IDToken(who, "")
		for name, cookies := range map[string][]string{"no cookie": nil, "another": {"u"}, "two": {"t", "t"}, "an empty one": {""}} {
			if a, _ := tap(credential, "t", cookies...); a.Status != 401 || a.Code() != "auth/invalid-state" {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		if a, _ := tap(credential, "", ""); a.Status != 401 {
			t.Errorf("no token at all: %d", a.Status)
		}
		a, query := tap(credential, "t", "t")
		if a.Want(303); len(query) != 0 || !strings.Contains(a.Header.Get("Set-Cookie"), "__Host-session=") {
			t.Errorf("the tap ended in %v, %v", query, a.Header)
		}
		if _, query := tap(credential, "t", "t"); query.Get("error") != "auth/invalid-oauth-code" {
			t.Errorf("the same credential again: %v", query)
		}
		if _, query := tap("idtoken-x", "t", "t"); query.Get("error") != "auth/invalid-oauth-code" {
			t.Errorf("a wrong credential: %v", query)
		}
	}, harness.With(p), cookies)
}

// Apple's form is sent on to the GET of its path, and the name is kept for it.
func TestAFormPostIsSentOn(t *testing.T) {
	p := harness.NewProvider("apple").Posting()
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		for name, user := range map[string]string{"Ada from Apple": "Ada from Apple", "Grace Hopper": strings.Repeat("x", 201)} {
			b := leave(s, p, "")
			code, state := p.Approve(b.url, p.Person(name, strings.ToLower(strings.ReplaceAll(name, " ", "."))+"@x.test", admit.ProofAsserted))
			post := func(user string) *harness.Answer {
				form := url.Values{"code": {code}, "state": {state}, "user": {user}, "evil": {"x"}, "id_token": {"y"}}
				return s.Do("POST", "/v1/auth/apple/callback", form.Encode(), harness.Header("Content-Type", "application/x-www-form-urlencoded"),
					harness.Header("Origin", "https://appleid.apple.com"), harness.Header("Sec-Fetch-Site", "cross-site")).Want(http.StatusSeeOther)
			}
			sent := post(user)
			post("Mallory") // what comes first counts
			target, err := url.Parse(sent.Header.Get("Location"))
			if err != nil || target.Path != "/v1/auth/apple/callback" || len(target.Query()) != 2 || target.Query().Get("code") != code || target.Query().Get("state") != state {
				t.Errorf("the form is sent on to %s", sent.Header.Get("Location"))
			}
			if sent.Header.Get("Set-Cookie") != "" {
				t.Error("a form sets a cookie")
			}
			want := name
			if len(user) > 200 {
				want = "Mallory"
			}
			_, query := b.callback(target.Query())
			if me := s.Me(redeemResult(s, query.Get("token")).Want(200).Tokens().Access); me.String("name") != want {
				t.Errorf("the name is %q, want %q", me.String("name"), want)
			}
		}
	}, harness.With(p))
}

// Apple's notices: verified, once, and revoked consent ends the identity.
func TestRevokedConsentEndsTheIdentityAndItsSessions(t *testing.T) {
	p := harness.NewProvider("apple")
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "ada@x.test", admit.ProofAsserted)
		ada := by(s, p, who).Want(200).Tokens()
		id := s.Me(ada.Access).String("id")
		tell := func(body string) *harness.Answer { return s.Do("POST", "/v1/auth/apple/notifications", body) }
		tell(`{"forged":true}`).Want(401, "auth/invalid-oauth-code")
		p.Notices(`{"n":1}`, admit.ProviderNotice{ID: "1", Kind: "email-disabled", Subject: "1"})
		p.Notices(`{"n":2}`, admit.ProviderNotice{ID: "2", Kind: "consent-revoked", Subject: "1"})
		p.Notices(`{"n":3}`, admit.ProviderNotice{ID: "3", Kind: "consent-revoked", Subject: "nobody"})
		p.Notices(`{"n":4}`, admit.ProviderNotice{Kind: "consent-revoked", Subject: "1"})
		p.Notices(`{"n":5}`, admit.ProviderNotice{ID: "5", Kind: "consent-revoked", Subject: "1", At: s.Clock.Now().Add(-time.Hour)})
		tell(`{"n":1}`).Want(200)
		tell(`{"n":4}`).Want(401)
		tell(`{"n":5}`).Want(200) // older than the link
		ada = s.Alive(ada)
		for range 2 {
			tell(`{"n":2}`).Want(200)
			tell(`{"n":3}`).Want(200)
		}
		s.Dead(ada)
		if n := len(s.Events(id, "identity.notice")); n != 3 {
			t.Errorf("%d notices were recorded", n)
		}
		// The person links again, and the notice of before changes nothing.
		by(s, p, who).Want(409, "auth/account-exists-different-provider")
		tell(`{"n":2}`).Want(200)
	}, harness.With(p))
}

func TestAnAccountCheckIsForPrograms(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		by(s, p, p.Person("1", "ada@x.test", admit.ProofAsserted)).Want(200)
		_, key := s.NewKey("secret")
		_, publishable := s.NewKey("publishable")
		ask := func(kind, provider, id string, sets ...harness.Set) *harness.Answer {
			return s.Do("POST", "/v1/auth/accounts/check", harness.J{"type": kind, "provider": provider, "providerAccountId": id}, sets...)
		}
		ask("oauth", "acme", "1").Want(403, "auth/forbidden")
		ask("oauth", "acme", "1", harness.Key(publishable)).Want(403, "auth/forbidden")
		for _, c := range []struct {
			kind, provider, id string
			exists             bool
		}{
			{"oauth", "acme", "1", true}, {"oauth", "acme", "2", false}, {"credentials", "email", "ADA@x.test", true}, {"credentials", "email", "bob@x.test", false},
		} {
			if a := ask(c.kind, c.provider, c.id, harness.Key(key)).Want(200); a.Get("exists") != c.exists || a.String("type") != c.kind || a.String("provider") != c.provider {
				t.Errorf("%v: %s", c, a.Body)
			}
		}
		ask("oauth", "nothing", "1", harness.Key(key)).Want(400, "auth/unsupported-provider")
	}, harness.With(p))
}

// OA-14: tokens of providers are kept only if the host asks for it, sealed, and renewed
// by one process at a time.
func TestOA14_TokensAreKeptSealedAndRenewedOnce(t *testing.T) {
	p := harness.NewProvider("acme")
	ask := func(s *harness.Server, id string) (admit.ProviderTokens, error) {
		return s.Auth.Identities.Token(s.T.Context(), admit.ProviderTokenParams{UserID: id, Provider: "acme"})
	}
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "ada@x.test", admit.ProofAsserted)
		who.Tokens.ExpiresAt = s.Clock.Now().Add(time.Hour)
		s.Keep("token of the provider", "access-of-1")
		s.Keep("token of the provider", "refresh-of-1")
		id := s.Me(by(s, p, who).Want(200).Tokens().Access).String("id")
		if tokens, err := ask(s, id); err != nil || tokens.AccessToken != "access-of-1" {
			t.Fatalf("%v, %v", tokens, err)
		}
		// A sign-in without a refresh token keeps the old one.
		who.Tokens.RefreshToken, who.Tokens.ExpiresAt = "", s.Clock.Now().Add(2*time.Hour)
		by(s, p, who).Want(200)
		s.Clock.Advance(2 * time.Hour)
		var renewals atomic.Int32
		asked, release := make(chan struct{}), make(chan struct{})
		p.Renew(func(refreshToken string) (admit.ProviderTokens, error) {
			if refreshToken != "refresh-of-1" {
				t.Errorf("renewed with %q", refreshToken)
			}
			n := renewals.Add(1)
			if n == 1 {
				close(asked)
				<-release
			}
			return admit.ProviderTokens{AccessToken: fmt.Sprintf("renewed-%d", n), ExpiresAt: s.Clock.Now().Add(time.Hour)}, nil
		})
		other := s.Process()
		done := make(chan error, 10)
		renewed := func(s *harness.Server) {
			tokens, err := ask(s, id)
			if err == nil && tokens.AccessToken != "renewed-1" {
				err = fmt.Errorf("got %s", tokens.AccessToken)
			}
			done <- err
		}
		go renewed(s)
		<-asked
		// While the provider is asked, the other process waits.
		impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := other.Auth.Identities.Token(impatient, admit.ProviderTokenParams{UserID: id, Provider: "acme"}); !errors.Is(err, admit.ErrUnavailable) {
			t.Errorf("while another process renews: %v", err)
		}
		for i := range 9 {
			go renewed([]*harness.Server{s, other}[i%2])
		}
		close(release)
		for range 10 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := renewals.Load(); n != 1 {
			t.Errorf("renewed %d times", n)
		}
		// The answer had no refresh token: the next renewal uses the old one.
		s.Clock.Advance(2 * time.Hour)
		if tokens, err := ask(s, id); err != nil || tokens.AccessToken != "renewed-2" {
			t.Errorf("%v, %v", tokens, err)
		}
		// A failure lets others try.
		s.Clock.Advance(2 * time.Hour)
		p.Renew(func(string) (admit.ProviderTokens, error) { return admit.ProviderTokens{}, errors.New("down") })
		for range 2 {
			if _, err := ask(s, id); !errors.Is(err, admit.ErrOAuthCallbackFailed) {
				t.Errorf("a provider that is down: %v", err)
			}
		}
	}, harness.With(p), func(c *admit.Config) { c.KeepTokens = true })
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		id := s.Me(by(s, p, p.Person("1", "ada@x.test", admit.ProofAsserted)).Want(200).Tokens().Access).String("id")
		if _, err := ask(s, id); !errors.Is(err, admit.ErrAccountNotFound) {
			t.Errorf("without KeepTokens: %v", err)
		}
	}, harness.With(p))
}

// LK-02: every proof of the mailbox ends what an unproven registrant has linked.
func TestLK02_AnIdentityOfARegistrantDoesNotOutliveTheOwner(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		// Mallory has an account at the provider that calls the address hers.
		mallory := p.Person("666", "ada@x.test", admit.ProofNone)
		planted := by(s, p, mallory).Want(200).Tokens()
		token := magicToken(s, "ada@x.test")
		ada := redeemResult(s, token).Want(200).Tokens()
		s.Dead(planted)
		by(s, p, mallory).Want(409, "auth/account-exists-different-provider")
		s.Alive(ada)
	}, harness.With(p))
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		// The registrant linked somebody, and the owner comes by the provider.
		squatter := s.SignUp("ada@x.test")
		mallory := p.Person("666", "mallory@y.test", admit.ProofAsserted)
		linkAt(s, p, mallory, squatter.Access).Want(201)
		ada := s.Me(by(s, p, p.Person("1", "ada@x.test", admit.ProofAsserted)).Want(200).Tokens().Access)
		s.Dead(squatter.Tokens)
		if me := s.Me(by(s, p, mallory).Want(200).Tokens().Access); me.String("id") == ada.String("id") {
			t.Error("what the registrant linked still opens the account")
		}
	}, harness.With(p))
}

// OA-14: nothing of a token is stored where the host does not ask for it.
func TestEmptyTokensAreNotStored(t *testing.T) {
	p := harness.NewProvider("acme")
	s := harness.New(t, harness.With(p))
	by(s, p, p.Person("1", "ada@x.test", admit.ProofAsserted)).Want(200)
	records, _, err := s.Store.ListRecords(t.Context(), "", "identity", "", store.Page{Number: 1, Limit: 10})
	if err != nil || len(records) != 1 || strings.Contains(string(records[0].Data), "tokens") {
		t.Errorf("the record is %s, %v", records[0].Data, err)
	}
}
