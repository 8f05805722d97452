package admit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
)

// credential puts headers on a request.
type credential = http.Header

func bearing(token string) credential { return credential{"Authorization": {"Bearer " + token}} }

func withKey(key string) credential { return credential{"X-Api-Key": {key}} }

func both(a, b credential) credential {
	joined := a.Clone()
	maps.Copy(joined, b)
	return joined
}

// newKey makes an API key of a type.
func (h *host) newKey(kind string, scopes []string) string {
	h.t.Helper()
	key, err := h.APIKeys.Create(context.Background(), admit.CreateAPIKeyParams{Name: "k", Type: kind, Scopes: scopes})
	if err != nil {
		h.t.Fatal(err)
	}
	return key.Key
}

// pass sends a request to a handler behind a guard, and returns the code of the
// refusal, or "" where the handler was reached. It fails where a refused request
// reached the handler.
func (h *host) pass(guard func(http.Handler) http.Handler, with credential) string {
	h.t.Helper()
	reached := false
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/app", nil)
	maps.Copy(r.Header, with)
	guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })).ServeHTTP(w, r)
	if refused := w.Code != http.StatusOK; refused == reached {
		h.t.Errorf("the guard answered %d, and the handler was reached: %v", w.Code, reached)
	}
	if reached {
		return ""
	}
	_, code, _ := strings.Cut(w.Body.String(), `"code":"`)
	code, _, _ = strings.Cut(code, `"`)
	if (w.Header().Get("WWW-Authenticate") != "") != (w.Code == http.StatusUnauthorized) {
		h.t.Errorf("%s: %d with the challenge %q", code, w.Code, w.Header().Get("WWW-Authenticate"))
	}
	return code
}

// TestS18_ScopedKeysPassOnlyTheGuardsThatNameAScope is the table of guards, for
// every kind of caller.
func TestS18_ScopedKeysPassOnlyTheGuardsThatNameAScope(t *testing.T) {
	h := newHost(t)
	user, editor := h.SignedIn(""), h.SignedIn("editor")
	guest, admin := h.SignedIn("guest"), h.SignedIn("admin")
	whole, none := h.Key(), h.newKey("secret", []string{})
	cron, wild := h.Key("cron:run"), h.Key("*:*")
	other, public := h.Key("users:read"), h.newKey("publishable", nil)
	callers := map[string]credential{
		"nobody": nil, "user": bearing(user.Tokens.AccessToken), "editor": bearing(editor.Tokens.AccessToken),
		"guest": bearing(guest.Tokens.AccessToken), "admin": bearing(admin.Tokens.AccessToken),
		"whole key": withKey(whole), "key []": withKey(none), "key cron": withKey(cron), "key *:*": withKey(wild),
		"key other": withKey(other), "pk": withKey(public),
		"user + whole key": both(bearing(user.Tokens.AccessToken), withKey(whole)),
		"user + key cron":  both(bearing(user.Tokens.AccessToken), withKey(cron)),
		"user + key []":    both(bearing(user.Tokens.AccessToken), withKey(none)),
		"editor + key []":  both(bearing(editor.Tokens.AccessToken), withKey(none)),
		"admin + key []":   both(bearing(admin.Tokens.AccessToken), withKey(none)),
		"editor + pk":      both(bearing(editor.Tokens.AccessToken), withKey(public)),
	}
	const out, no, scope, keyless = "auth/unauthorized", "auth/forbidden", "auth/scope-insufficient", "auth/key-required"
	signedIn := []string{"user", "editor", "guest", "admin", "user + whole key", "user + key cron", "user + key []", "editor + key []", "admin + key []", "editor + pk"}
	owner := func(*http.Request) string { return editor.User.ID }
	for name, c := range map[string]struct {
		guard func(http.Handler) http.Handler
		// pass lists who passes; the others are answered as answers says, or
		// with rest.
		pass    []string
		answers map[string]string
		rest    string
	}{
		"RequireUser": {h.RequireUser, signedIn, nil, out},
		"RequireRole editor": {
			h.RequireRole("editor"), []string{"editor", "editor + key []", "editor + pk"},
			map[string]string{"nobody": out, "pk": out}, no,
		},
		"RequireRole editor, admin": {
			h.RequireRole("editor", "admin"), []string{"editor", "editor + key []", "editor + pk", "admin", "admin + key []", "whole key"},
			map[string]string{"nobody": out, "pk": out}, no,
		},
		"RequireRole admin": {
			h.RequireRole("admin"), []string{"admin", "admin + key []", "whole key"}, map[string]string{"nobody": out, "pk": out}, no,
		},
		"RequireKey": {
			h.RequireKey("cron:run"), []string{"whole key", "key cron", "key *:*", "user + whole key", "user + key cron"},
			map[string]string{
				"nobody": out, "pk": out, "key []": scope, "key other": scope,
				"user + key []": scope, "editor + key []": scope, "admin + key []": scope,
			}, keyless,
		},
		"RequireUserOrKey": {
			h.RequireUserOrKey("cron:run"), append([]string{"whole key", "key cron", "key *:*"}, signedIn...),
			map[string]string{"nobody": out, "pk": out}, scope,
		},
		"RequireVerified": {h.RequireVerified, signedIn, nil, out},
		"RequireRecent":   {h.RequireRecent, signedIn, nil, out},
		"RequirePolicy admin": {
			h.RequirePolicy("admin", nil), []string{"admin", "admin + key []", "whole key"}, map[string]string{"nobody": out, "pk": out}, no,
		},
		"RequirePolicy self": {
			h.RequirePolicy("self", owner), []string{"admin", "admin + key []", "whole key", "editor", "editor + key []", "editor + pk"},
			map[string]string{"nobody": out, "pk": out}, no,
		},
	} {
		for who, with := range callers {
			want := c.rest
			if answer, ok := c.answers[who]; ok {
				want = answer
			}
			if slices.Contains(c.pass, who) {
				want = ""
			}
			if got := h.pass(c.guard, with); got != want {
				t.Errorf("%s, %s: answered %q, want %q", name, who, got, want)
			}
		}
	}
}

func TestRequireVerifiedRefusesAnAddressThatIsNotVerified(t *testing.T) {
	h := newHost(t)
	ann, err := h.SignUps.Create(t.Context(), admit.SignUpParams{Email: "ann@x.test", Password: "quiet-harbour-lamp", Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	unverified := bearing(ann.SignedIn.Tokens.AccessToken)
	for _, with := range []credential{unverified, both(unverified, withKey(h.Key()))} {
		if code := h.pass(h.RequireVerified, with); code != "auth/email-not-verified" {
			t.Errorf("answered %q", code)
		}
	}
	if code := h.pass(h.RequireUser, unverified); code != "" {
		t.Errorf("RequireUser answered %q", code)
	}
}

// A guard that cannot be meant stops everybody, and says so when it is made.
func TestAGuardThatCannotBeReadLetsNobodyPass(t *testing.T) {
	var log strings.Builder
	h := newHost(t, func(c *admit.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	admin, key := h.SignedIn("admin"), h.Key()
	for name, guard := range map[string]func(http.Handler) http.Handler{
		"RequireKey(\"cron\")":          h.RequireKey("cron"),
		"RequireUserOrKey(\"\")":        h.RequireUserOrKey(""),
		"RequireRole(\"\")":             h.RequireRole(""),
		"RequireRole(\"Chief Editor\")": h.RequireRole("editor", "Chief Editor"),
		"admins":                        h.RequirePolicy("admins", nil),
		"self needs":                    h.RequirePolicy("user | self", nil),
	} {
		if code := h.pass(guard, both(bearing(admin.Tokens.AccessToken), withKey(key))); code != "auth/internal" {
			t.Errorf("%s: answered %q", name, code)
		}
		if !strings.Contains(log.String(), strings.ReplaceAll(name, `"`, `\"`)) {
			t.Errorf("%s is not logged", name)
		}
	}
	if code := h.pass(h.RequirePolicy("role:self-employed", nil), nil); code != "auth/unauthorized" {
		t.Errorf("role:self-employed is read as self: %q", code)
	}
}

func TestCallerFromTellsUserSessionAndKey(t *testing.T) {
	h := newHost(t)
	ann, key := h.SignedIn(""), h.Key("cron:run")
	var got admit.Caller
	var known bool
	look := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, known = admit.CallerFrom(r.Context()) })
	ask := func(with credential) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = with
		h.OptionalUser(look).ServeHTTP(httptest.NewRecorder(), r)
	}
	if ask(credential{}); known || got != (admit.Caller{}) {
		t.Errorf("nobody is %+v, %v", got, known)
	}
	if ask(bearing(ann.Tokens.AccessToken)); !known || got.User == nil || got.User.ID != ann.User.ID || got.Session.ID != ann.Session.ID || got.Key != nil {
		t.Errorf("a user is %+v, %v", got, known)
	}
	if ask(withKey(key)); !known || got.User != nil || got.Session != nil || got.Key == nil || got.Key.Scopes[0] != "cron:run" {
		t.Errorf("a key is %+v, %v", got, known)
	}
	if ask(both(bearing(ann.Tokens.AccessToken), withKey(key))); got.User == nil || got.Key == nil {
		t.Errorf("a user with a key is %+v", got)
	}
	if _, ok := admit.CallerFrom(context.Background()); ok {
		t.Error("there is a caller where no guard was passed")
	}
}

// An empty Authorization header and another scheme are meant for somebody else;
// a bearer token that is damaged is an error even where nobody need be signed in.
func TestAnotherSchemeCountsAsNoCredential(t *testing.T) {
	h := newHost(t)
	token := h.SignedIn("").Tokens.AccessToken
	for _, value := range []string{"", "Basic YTpi", "Basic %%%", "Negotiate", "Digest username=\"a\"", "DPoP " + token, token, "Bearerish " + token, " "} {
		with := credential{"Authorization": {value}}
		if code := h.pass(h.OptionalUser, with); code != "" {
			t.Errorf("%q is refused: %s", value, code)
		}
		if code := h.pass(h.RequireUser, with); code != "auth/unauthorized" {
			t.Errorf("%q answered %q where a user is needed", value, code)
		}
	}
	for _, values := range [][]string{
		{"Bearer"}, {"Bearer "}, {"bearer x"}, {"Bearer  " + token}, {"Bearer\t" + token}, {"Bearer " + token + " x"},
		{"Bearer " + token, "Basic YTpi"}, {"", "Bearer " + token},
	} {
		if code := h.pass(h.OptionalUser, credential{"Authorization": values}); code != "auth/invalid-token" {
			t.Errorf("%q answered %q", values, code)
		}
	}
}

// TestS2_AGuardInsideAGuardSeesWhatAnotherProcessChanged: with Staleness on, a
// guard that decides on a role, an address or a key asks the store, though the
// guard around it was answered from memory.
func TestS2_AGuardInsideAGuardSeesWhatAnotherProcessChanged(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]func(other *admit.Auth, ann admit.SignedIn) error{
		"auth/session-expired": func(other *admit.Auth, ann admit.SignedIn) error { return other.Sessions.SignOut(ctx, ann.Session) },
		"auth/account-banned": func(other *admit.Auth, ann admit.SignedIn) error {
			return other.Users.Ban(ctx, admit.BanParams{UserID: ann.User.ID, Reason: "spam"})
		},
		"auth/forbidden": func(other *admit.Auth, ann admit.SignedIn) error {
			return other.Users.SetRole(ctx, admit.SetRoleParams{UserID: ann.User.ID, Role: "user"})
		},
	} {
		for guard, made := range map[string]func(*admit.Auth) func(http.Handler) http.Handler{
			"RequireRole":     func(a *admit.Auth) func(http.Handler) http.Handler { return a.RequireRole("editor") },
			"RequirePolicy":   func(a *admit.Auth) func(http.Handler) http.Handler { return a.RequirePolicy("role:editor", nil) },
			"RequireRecent":   func(a *admit.Auth) func(http.Handler) http.Handler { return a.RequireRecent },
			"RequireVerified": func(a *admit.Auth) func(http.Handler) http.Handler { return a.RequireVerified },
		} {
			if name == "auth/forbidden" && (guard == "RequireRecent" || guard == "RequireVerified") {
				continue // a role opens neither
			}
			var config admit.Config
			h := newHost(t, func(c *admit.Config) { c.Sessions.Staleness = 5 * time.Minute; config = *c })
			other, err := admit.New(config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.Close(ctx) })
			ann := h.SignedIn("editor")
			with := bearing(ann.Tokens.AccessToken)
			if code := h.pass(h.RequireUser, with); code != "" {
				t.Fatalf("before: %s", code)
			}
			if err := change(other, ann); err != nil {
				t.Fatal(err)
			}
			if code := h.pass(h.RequireUser, with); code != "" {
				t.Fatalf("within the staleness: %s", code)
			}
			inside := made(h.Auth)
			if code := h.pass(func(next http.Handler) http.Handler { return h.RequireUser(inside(next)) }, with); code != name {
				t.Errorf("%s inside RequireUser answered %q, want %s", guard, code, name)
			}
		}
	}
}

// TestS20_AProofFromATimeToComeIsNoProof: a clock that ran ahead when the user
// signed in leaves no proof that stays recent.
func TestS20_AProofFromATimeToComeIsNoProof(t *testing.T) {
	for ahead, want := range map[time.Duration]string{
		30 * time.Second: "", 2 * time.Minute: "auth/reauthentication-required", 8 * 24 * time.Hour: "auth/reauthentication-required",
	} {
		h := newHost(t)
		h.Clock.Advance(ahead)
		signed := h.SignedIn("")
		h.Clock.Advance(-ahead)
		// The access token is of a time to come, too; a refresh gives one that is not.
		renewed, err := h.Sessions.Refresh(context.Background(), signed.Tokens.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		code := h.pass(h.RequireRecent, bearing(renewed.Tokens.AccessToken))
		if code != want {
			t.Errorf("%v ahead: %q, want %q", ahead, code, want)
		}
	}
}

func TestPolicyErrorsAreTyped(t *testing.T) {
	_, err := admit.ParsePolicy("user | role:")
	wrong, ok := errors.AsType[*admit.PolicyError](err)
	if !ok || wrong.Offset != len("user | ") || fmt.Sprint(err) != `policy "user | role:", at byte 7: "role:" names no role` {
		t.Errorf("got %v", err)
	}
}
