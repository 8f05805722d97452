package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/e2e/internal/contract"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/storetest"
)

// This file holds every route's request open, revokes what it was sent with, and
// lets it go. The requests are made from the table of routes and from
// openapi.yaml: a new route is tried as well, or fails the test because nobody
// knows how to feed it.

// feed says how to make one good request to a route that cannot be fed from
// openapi.yaml alone, since something must have happened before.
type feed struct {
	// route is the method and the path, as in admit.Route.
	route string
	// prepare does to a new account what the route needs, and returns the
	// parameters of the path and the body of a request that succeeds.
	prepare func(s *harness.Server, p *heldPerson) (path map[string]string, body harness.J)
	// raw is the body where it is no JSON.
	raw []byte
	// form sends the body as a form.
	form bool
	// redirects says that a success is a redirect.
	redirects bool
}

// feeds are those of all features, each handed in by the test file of its feature.
var feeds rows[feed]

// heldPerson is an account, and a token that was mailed to it.
type heldPerson struct {
	harness.Person
	// fresh is an address that nobody has.
	fresh string
	// token is "" unless a kind was asked for; pending is the address to which a
	// change was asked for.
	token, pending string
	// current is the address of the account.
	current string
	// sets are further parts of the request.
	sets []harness.Set
	// other is a session of the same account, key an API key.
	other, key string
}

// mailedTokens make an account with a token of each kind; "" makes none.
var mailedTokens = []struct {
	kind string
	make func(s *harness.Server, p *heldPerson)
}{
	{"", func(s *harness.Server, p *heldPerson) { p.Person = verified(s, p.Email) }},
	{"verify", func(s *harness.Server, p *heldPerson) {
		p.token = mailed(s, mailer.SignupConfirmation, p.Email, func() { p.Person = s.SignUp(p.Email) })
	}},
	{"reset", func(s *harness.Server, p *heldPerson) {
		p.Person = verified(s, p.Email)
		p.token = resetToken(s, p.Email)
	}},
	{"magic", func(s *harness.Server, p *heldPerson) {
		p.Person = verified(s, p.Email)
		p.token = magicToken(s, p.Email)
	}},
	{"change", func(s *harness.Server, p *heldPerson) {
		p.Person = verified(s, p.Email)
		p.token = changeToken(s, p)
	}},
	{"undo", func(s *harness.Server, p *heldPerson) {
		p.Person = verified(s, p.Email)
		token := changeToken(s, p)
		p.token = mailed(s, mailer.EmailChanged, p.Email, func() {
			if err := s.Auth.EmailChanges.Confirm(s.T.Context(), admit.TokenParams{Email: p.pending, Token: token}); err != nil {
				s.T.Fatal(err)
			}
		})
		p.current = p.pending
	}},
}

func changeToken(s *harness.Server, p *heldPerson) string {
	p.pending = "new-" + p.Email
	return mailed(s, mailer.EmailVerification, p.pending, func() {
		if err := s.Auth.EmailChanges.Request(s.T.Context(), admit.EmailChangeParams{UserID: p.ID, Email: p.pending}); err != nil {
			s.T.Fatal(err)
		}
	})
}

// heldRoute is a route with a way to feed it.
type heldRoute struct {
	admit.Route
	operation contract.Operation
	own       *feed
	// kind is which of mailedTokens it takes, address which address is sent,
	// optional whether fields are sent that are not required, parameter what the
	// path names.
	kind, address, parameter int
	optional                 bool
}

func (r heldRoute) name() string { return r.Method + " " + r.Path }

// person makes an account that may call the route.
func (r heldRoute) person(s *harness.Server, n *int) *heldPerson {
	s.T.Helper()
	*n++
	p := &heldPerson{fresh: fmt.Sprintf("fresh%d@x.test", *n)}
	p.Email = fmt.Sprintf("p%d@x.test", *n)
	mailedTokens[r.kind].make(s, p)
	if p.current == "" {
		p.current = p.Email
	}
	p.other = s.SignIn(p.current, harness.Password).Want(http.StatusOK).Tokens().Access
	signed, err := s.Auth.Passwords.SignIn(s.T.Context(), admit.SignInParams{Email: p.current, Password: harness.Password})
	if err != nil {
		s.T.Fatal(err)
	}
	p.Access, p.Refresh = signed.Tokens.AccessToken, signed.Tokens.RefreshToken
	s.Keep("accessToken", p.Access)
	s.Keep("refreshToken", p.Refresh)
	p.key, _ = s.NewKey("secret")
	if r.Access == "admin" {
		s.Role(p.ID, "admin")
	}
	return p
}

// request makes the target and the body of one good request.
func (r heldRoute) request(s *harness.Server, p *heldPerson) (target, body string) {
	s.T.Helper()
	var path map[string]string
	var sent harness.J
	if r.own != nil {
		path, sent = r.own.prepare(s, p)
	} else {
		sent = harness.J{}
		known := map[string]any{
			"email": []string{p.Email, p.fresh, p.pending}[r.address], "token": p.token, "refreshToken": p.Refresh, "name": "Ann",
			"password": harness.Password, "currentPassword": harness.Password, "newPassword": otherPassword,
		}
		for _, field := range r.operation.Fields() {
			value, ok := known[field.Name]
			switch {
			case field.Required && !ok:
				sent[field.Name] = field.Sample
			case field.Required, ok && r.optional && value != "":
				sent[field.Name] = value
			}
		}
	}
	if r.own != nil && r.own.raw != nil {
		defer func() { body = string(r.own.raw) }()
	}
	target = r.Path
	for strings.Contains(target, "{") {
		begin, end := strings.Index(target, "{"), strings.Index(target, "}")
		value, ok := path[target[begin+1:end]]
		if !ok {
			value = []string{sessionOf(s, p.other), p.key, p.ID}[r.parameter]
		}
		target = target[:begin] + value + target[end+1:]
	}
	if r.Method == http.MethodGet {
		query := url.Values{}
		for name, value := range sent {
			query.Set(name, fmt.Sprint(value))
		}
		return target + "?" + query.Encode(), ""
	}
	if len(sent) == 0 {
		return target, ""
	}
	if r.own != nil && r.own.form {
		form := url.Values{}
		for name, value := range sent {
			form.Set(name, fmt.Sprint(value))
		}
		p.sets = append(p.sets, harness.Header("Content-Type", "application/x-www-form-urlencoded"))
		return target, form.Encode()
	}
	text, err := json.Marshal(sent)
	if err != nil {
		s.T.Fatal(err)
	}
	return target, string(text)
}

func sessionOf(s *harness.Server, access string) string {
	_, session, err := s.Auth.VerifyToken(s.T.Context(), access)
	if err != nil {
		s.T.Fatal(err)
	}
	return session.ID
}

// fed looks for a way to feed a route: the first of all combinations that the
// route answers with success.
func fed(s *harness.Server, h *holding, r admit.Route, n *int) (heldRoute, bool) {
	s.T.Helper()
	at := heldRoute{Route: r}
	for _, o := range harness.Contract(s.T).Operations() {
		if o.Method == r.Method && o.Path == r.Path {
			at.operation = o
		}
	}
	succeeds := func() bool {
		p := at.person(s, n)
		target, body := at.request(s, p)
		status, _, _ := h.call(r.Method, target, body, append(at.credentials(p), p.sets...), "", nil)
		return status < 300 || at.own != nil && at.own.redirects && status < 400
	}
	for i := range feeds {
		if feeds[i].route == at.name() {
			at.own = &feeds[i]
			return at, succeeds()
		}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(at.operation.Fields(), func(f contract.Field) bool { return f.Name == name })
	}
	kinds, addresses, parameters := 1, 1, 1
	if has("token") {
		kinds = len(mailedTokens)
	}
	if has("email") {
		addresses = 3
	}
	if strings.Contains(r.Path, "{") {
		parameters = 3
	}
	for _, at.optional = range []bool{false, true} {
		for at.kind = range kinds {
			for at.address = range addresses {
				if !r.Exchanges && addresses > 1 {
					at.address = (at.address + 1) % addresses // an address of somebody new can do more harm
				}
				for at.parameter = range parameters {
					if succeeds() {
						return at, true
					}
				}
			}
		}
	}
	return at, false
}

// credentials are what the route is called with.
func (r heldRoute) credentials(p *heldPerson) []harness.Set {
	if r.Exchanges {
		return nil
	}
	return []harness.Set{harness.Bearer(p.Access)}
}

// holding is a server whose requests can be stopped: before their body has come,
// or before their first transaction.
type holding struct {
	*harness.Server
	mu   sync.Mutex
	held func() // what happens before the first transaction of the held request
	// verbs are what the held request has asked of the store since it went on.
	verbs []string
}

type heldKey struct{}

// around stands around every call of the store.
func (h *holding) around(ctx context.Context, verb string, call func(context.Context) error) error {
	if ctx.Value(heldKey{}) != h {
		return call(ctx)
	}
	h.mu.Lock()
	do := h.held
	if verb == "Tx" {
		h.held = nil
	}
	h.mu.Unlock()
	if verb == "Tx" && do != nil {
		do()
	}
	h.mu.Lock()
	h.verbs = append(h.verbs, verb)
	h.mu.Unlock()
	return call(ctx)
}

// heldBody is a body that comes after something else has happened.
type heldBody struct {
	io.Reader
	before func()
}

func (b *heldBody) Read(p []byte) (int, error) {
	if do := b.before; do != nil {
		b.before = nil
		do()
	}
	return b.Reader.Read(p)
}

// call sends a request. Where it is held, at "body" or at "transaction", revoke
// runs there. It returns the status, what the request asked of the store after
// that, and whether it came there.
func (h *holding) call(method, target, body string, sets []harness.Set, where string, revoke func()) (status int, verbs []string, reached bool) {
	at := func() {
		reached = true
		h.Clock.Advance(time.Second)
		revoke()
		h.mu.Lock()
		h.verbs = nil
		h.mu.Unlock()
	}
	held := &heldBody{Reader: strings.NewReader(body)}
	h.verbs, h.held = nil, nil
	switch where {
	case "body":
		held.before = at
	case "transaction":
		h.held = at
	}
	r := httptest.NewRequest(method, target, held)
	r = r.WithContext(context.WithValue(h.T.Context(), heldKey{}, h))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json")
	for _, set := range sets {
		set(r)
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	if where == "body" && !reached {
		h.T.Errorf("%s %s was answered before its body had come", method, target)
	}
	return w.Code, h.verbs, reached
}

// changing are the beginnings of the names of verbs that change something.
var changing = []string{"Create", "Put", "Update", "Delete", "Swap", "End", "Rotate", "Answer", "Revoke", "Append", "Add", "Mark", "Consume", "Restore", "Commit"}

// changed returns the verbs that have changed something. What a transaction did is
// undone where no Commit follows.
func changed(verbs []string) (done []string) {
	inside := false
	for _, verb := range verbs {
		switch {
		case verb == "Tx":
			inside = true
		case verb == storetest.Commit, !inside && slices.ContainsFunc(changing, func(name string) bool { return strings.HasPrefix(verb, name) }):
			done = append(done, verb)
		}
	}
	return done
}

// revocation is a means of revoking what a request was sent with.
type revocation struct {
	name   string
	revoke func(s *harness.Server, p *heldPerson)
}

var (
	passwordReset = revocation{"password reset", func(s *harness.Server, p *heldPerson) {
		token := mailed(s, mailer.PasswordReset, p.current, func() {
			s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": p.current}).Want(http.StatusOK)
		})
		resetWith(s, p.current, token, "Regen-Leiter-4482").Want(http.StatusOK)
	}}
	signOut = revocation{"sign-out", func(s *harness.Server, p *heldPerson) { s.SignOut(p.Access).Want(http.StatusOK) }}
	ban     = revocation{"ban", func(s *harness.Server, p *heldPerson) {
		if err := s.Auth.Users.Ban(s.T.Context(), admit.BanParams{UserID: p.ID}); err != nil {
			s.T.Fatal(err)
		}
	}}
	roleTaken = revocation{"role taken", func(s *harness.Server, p *heldPerson) {
		if err := s.Auth.Users.SetRole(s.T.Context(), admit.SetRoleParams{UserID: p.ID, Role: "user"}); err != nil {
			s.T.Fatal(err)
		}
	}}
)

// held is one way in which a request is sent and revoked.
type held struct {
	name string
	send func(s *harness.Server, p *heldPerson) (sets []harness.Set, revoke func())
	// proof says that what is revoked is not who calls, but what the body proves:
	// then the account must gain nothing, whatever is answered.
	proof bool
}

// waysToHold lists how the request of a route is sent and revoked.
func waysToHold(r heldRoute) (ways []held) {
	bearer := func(cause revocation) {
		ways = append(ways, held{cause.name, func(s *harness.Server, p *heldPerson) ([]harness.Set, func()) {
			return []harness.Set{harness.Bearer(p.Access)}, func() { cause.revoke(s, p) }
		}, false})
	}
	key := func(name, kind string, owned bool, cause *revocation) {
		ways = append(ways, held{name, func(s *harness.Server, p *heldPerson) ([]harness.Set, func()) {
			in := admit.CreateAPIKeyParams{Name: "held", Type: kind}
			if owned {
				in.OwnerID = p.ID
			}
			made, err := s.Auth.APIKeys.Create(s.T.Context(), in)
			if err != nil {
				s.T.Fatal(err)
			}
			s.Keep("key", made.Key)
			sets := []harness.Set{harness.Key(made.Key)}
			if kind == "publishable" && !r.Exchanges {
				sets = append(sets, harness.Bearer(p.Access))
			}
			return sets, func() {
				if cause != nil {
					cause.revoke(s, p)
				} else if err := s.Auth.APIKeys.Revoke(s.T.Context(), made.ID); err != nil {
					s.T.Fatal(err)
				}
			}
		}, false})
	}
	if r.Scope != "" {
		key("publishable key revoked", "publishable", false, nil)
	}
	if r.Access == "admin" {
		bearer(roleTaken)
		key("secret key revoked", "secret", false, nil)
		key("owner of the secret key banned", "secret", true, &ban)
		key("role of the secret key's owner taken", "secret", true, &roleTaken)
		ways = slices.DeleteFunc(ways, func(w held) bool { return w.name == "publishable key revoked" })
	}
	for _, cause := range []revocation{passwordReset, signOut, ban} {
		switch {
		case !r.Exchanges:
			bearer(cause)
		case cause.name == signOut.name, cause.name == passwordReset.name && (mailedTokens[r.kind].kind == "undo" || strings.Contains(r.Path, "/passkeys/")),
			strings.HasSuffix(r.Path, "/notifications"), r.Path == restorePath, cause.name == passwordReset.name && strings.Contains(r.Path, "/{provider}/"):
			// A proof does not hang on a session. An undo, a passkey and a linked provider
			// outlive a reset. A notice is the provider's own, whatever the account is. A
			// deleted account can be neither banned nor reset.
		default:
			ways = append(ways, held{cause.name, func(s *harness.Server, p *heldPerson) ([]harness.Set, func()) {
				return nil, func() { cause.revoke(s, p) }
			}, true})
		}
	}
	return ways
}

// unasked are the events that somebody without any right can cause.
var unasked = []string{"mail.requested", "signin.failed", "limit.reached"}

// S2: a request that was let in before a revocation does nothing after it: neither
// when its body comes after the revocation, nor when its transaction begins after
// it. Every route is tried, with every means of revoking what it was sent with.
func TestS2_ARequestHeldOpenDoesNothingAfterARevocation(t *testing.T) {
	h := &holding{}
	s := harness.New(t, unlimited, remembering, func(c *admit.Config) {
		c.Store = storetest.Wrap(c.Store, h.around)
		c.Passkeys.Origins = []string{"https://app.example.de"}
		c.Providers, c.AllowAccountCheck = []admit.Provider{heldProvider}, true
	})
	h.Server = s
	n := 0
	for _, r := range s.Auth.Routes() {
		t.Run(r.Method+strings.NewReplacer("/", "_", "{", "", "}", "").Replace(r.Path), func(t *testing.T) {
			s.T = t
			defer func(outer testing.TB) { s.T = outer }(s.T)
			at, ok := fed(s, h, r, &n)
			if !ok {
				t.Fatalf("no request is known that this route answers with success: add a feed for %q to feeds", at.name())
			}
			writes := false
			for _, way := range waysToHold(at) {
				for _, where := range []string{"body", "transaction"} {
					if where == "transaction" && r.Exchanges && !way.proof {
						continue // the rule asks for another proof, and not for the key
					}
					p := at.person(s, &n)
					target, body := at.request(s, p)
					sets, revoke := way.send(s, p)
					sets = append(sets, p.sets...)
					var before int
					gained := func() (kinds []string) {
						for _, e := range s.Events(p.ID, "") {
							if !slices.Contains(unasked, e.Kind) {
								kinds = append(kinds, e.Kind)
							}
						}
						return kinds
					}
					status, verbs, reached := h.call(r.Method, target, body, sets, where, func() {
						revoke()
						before = len(gained())
					})
					if !reached {
						continue // a route that only reads has no transaction
					}
					writes = writes || where == "transaction"
					if status != http.StatusUnauthorized && status != http.StatusForbidden && !way.proof {
						t.Errorf("%s before its %s: answered %d", way.name, where, status)
					}
					if done := changed(verbs); len(done) > 0 && !way.proof {
						t.Errorf("%s before its %s: the request did %v", way.name, where, done)
					}
					if kinds := gained(); len(kinds) > before {
						t.Errorf("%s before its %s: the account has new events, %v", way.name, where, kinds[before:])
					}
				}
			}
			if !writes && r.Method != http.MethodGet && !r.Exchanges && !strings.HasSuffix(r.Path, "/preview") {
				t.Error("the route writes without a transaction, or its transaction was not found")
			}
		})
	}
}
