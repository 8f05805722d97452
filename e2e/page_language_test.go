package e2e_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

// The language of a page is the browser's.
func TestMailAPageSpeaksTheLanguageOfTheBrowser(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	link := strings.TrimPrefix(letterTo(s, mailer.SignupConfirmation, "a@x.test").Values.Link, harness.BaseURL)
	for accepted, want := range map[string][]string{
		"de-AT,de;q=0.9,en;q=0.8": {`<html lang="de">`, "Adresse bestätigen", "2. Januar 2026, 03:04 Uhr (UTC)", "Das war ich nicht"},
		"ja":                      {`<html lang="ja">`, "メールアドレスの確認", "登録した覚えはありません"},
		"fr-CA":                   {`<html lang="fr">`, "Confirmez votre adresse", "2 janvier 2026 à 03:04 (UTC)", "Je ne suis pas à l’origine de ce compte"},
		"ar":                      {`<html lang="ar" dir="rtl">`, "أكّد عنوانك", "2 يناير 2026"},
		"nl":                      {`<html lang="en">`, "Confirm your address", "2 January 2026, 03:04 UTC"},
	} {
		page := string(s.Do("GET", link, nil, browser(), harness.Header("Accept-Language", accepted)).Want(200).Body)
		for _, piece := range want {
			if !strings.Contains(page, piece) {
				t.Errorf("%s: the page lacks %q:\n%s", accepted, piece, page)
			}
		}
		broken := string(s.Do("POST", "/v1/auth/signup/email/confirm", "token=x&email=a%40x.test", browser(), harness.Header("Content-Type", "application/x-www-form-urlencoded"),
			harness.Header("Accept-Language", accepted)).Body)
		if !strings.Contains(broken, want[0]) {
			t.Errorf("%s: the page of a failure is\n%s", accepted, broken)
		}
	}
}

func TestMailAMagicLinkWithoutACallbackShowsTheCodeFirst(t *testing.T) {
	s := harness.New(t)
	s.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "a@x.test"}).Want(201)
	if m := letterTo(s, mailer.MagicLink, "a@x.test"); !m.Values.CodeOnly || !strings.Contains(m.HTML, "How to use the code") {
		t.Errorf("the mail says %s", m.Text)
	}
}

// What an operator must mend is an error in the log, though the message waits.
func TestMailARefusalOfTheHostIsAnErrorInTheLog(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) {
		c.Mailer = mailer.Func(func(context.Context, mailer.Message) error {
			return &mailer.OperatorError{Err: errors.New("554 Email address is not verified")}
		})
	})
	s.Log.ExpectErrors()
	s.SignUp("a@x.test")
	s.Eventually("the log names the refusal as an error", func() bool {
		for line := range strings.SplitSeq(s.Log.String(), "\n") {
			if strings.Contains(line, "not verified") && strings.Contains(line, "ERROR") {
				return true
			}
		}
		return false
	})
}
