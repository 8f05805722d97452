package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// A key outlives the session that it was made in, so its owner hears of it: a thief
// can neither switch the mail off nor write into it.
func TestTheOwnerIsToldOfEachNewKey(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ann := verified(s, "ann@x.test")
		s.Change(ann.ID, func(u *store.User) { u.MuteAlerts, u.Locale = true, "de-AT" })
		as := harness.Bearer(ann.Access)
		tells := func(key string) {
			t.Helper()
			s.Keep("key", key)
			m := letterTo(s, mailer.APIKeyCreated, "ann@x.test")
			s.Mail.Clear()
			ends := key[:7] + "…" + key[len(key)-4:]
			for _, part := range []string{m.Text, m.HTML} {
				if !strings.Contains(part, ends) || strings.Contains(part, "evil") || strings.Contains(part, key) || !strings.Contains(part, "API-Schlüssel") {
					t.Errorf("%s: the mail is %s", ends, part)
				}
			}
		}
		s.Mail.Clear()
		made := s.Do("POST", ownKeys(ann.ID), harness.J{"name": "call https://evil.example"}, as).Want(http.StatusCreated)
		tells(made.String("key"))
		next := s.Do("POST", ownKeys(ann.ID)+"/"+made.String("id")+"/rotate", harness.J{"overlap": 0}, as).Want(http.StatusCreated)
		tells(next.String("key"))
		tells(ownKey(s, ann.ID)) // by the host

		// What makes no key of the user is no news.
		s.Do("POST", ownKeys(ann.ID), harness.J{"name": "n", "scopes": []string{"*:*"}}, as).Want(http.StatusForbidden, "auth/scope-insufficient")
		s.Do("POST", ownKeys(ann.ID)+"/"+made.String("id")+"/rotate", harness.J{}, as).Want(http.StatusConflict, "auth/api-key-not-active")
		s.Do("DELETE", ownKeys(ann.ID)+"/"+next.String("id"), nil, as).Want(http.StatusOK)
		id, _ := s.NewKey("secret")
		if _, err := s.Auth.APIKeys.Rotate(t.Context(), admit.RotateAPIKeyParams{ID: id}); err != nil {
			t.Fatal(err)
		}
		resetToken(s, "ann@x.test") // what was queued before it has been sent by then
		for _, m := range s.Mail.Messages() {
			if m.Kind == mailer.APIKeyCreated {
				t.Errorf("a mail without a new key: %s", m.Text)
			}
		}
	})
}

// Programs of other services send their key as a bearer token.
func TestAKeySentAsABearerTokenIsToldItsHeader(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for _, prefix := range []string{"sk_", "pk_"} {
			answer := s.Do("GET", "/v1/auth/me", nil, harness.Bearer(prefix+strings.Repeat("a", 64))).Want(401, "auth/invalid-token")
			if why := answer.String("error", "details", "authorization"); !strings.Contains(why, "X-API-Key") {
				t.Errorf("the answer is %s", answer.Body)
			}
		}
	})
}
