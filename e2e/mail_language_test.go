package e2e_test

import (
	"strings"
	"testing"

	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// The language of a mail is the account's.
func TestMailTheLocaleOfTheAccountChoosesTheLanguage(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		for locale, want := range map[string]string{"de-AT": "Neues Passwort für", "ja": "パスワードの再設定", "fr": "Choisissez un nouveau mot de passe", "nl": "Choose a new password", "": "Choose a new password"} {
			s.Mail.Clear()
			s.Change(p.ID, func(u *store.User) { u.Locale = locale })
			s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "a@x.test"}).Want(200)
			if m := letterTo(s, mailer.PasswordReset, "a@x.test"); !strings.Contains(m.Subject, want) {
				t.Errorf("%q gets the subject %q", locale, m.Subject)
			}
		}
	}, unlimited)
}
