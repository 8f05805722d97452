package admit

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

// What people type and paste, and what happens to links on their way.

func TestFieldCodesAreTakenAsTyped(t *testing.T) {
	for name, write := range map[string]func(code string) string{
		"blank inside":        func(c string) string { return c[:3] + " " + c[3:] },
		"hyphen":              func(c string) string { return c[:3] + "-" + c[3:] },
		"dash":                func(c string) string { return c[:3] + "–" + c[3:] },
		"line break":          func(c string) string { return c + "\r\n" },
		"zero-width space":    func(c string) string { return "\u200b" + c[:2] + "\u200b" + c[2:] + "\ufeff" },
		"no-break space":      func(c string) string { return c[:3] + "\u00a0" + c[3:] },
		"full-width digits":   func(c string) string { return digitsFrom(c, '０') },
		"Arabic-Indic":        func(c string) string { return digitsFrom(c, '٠') },
		"Persian digits":      func(c string) string { return digitsFrom(c, '۰') },
		"Devanagari digits":   func(c string) string { return digitsFrom(c, '०') },
		"mathematical digits": func(c string) string { return digitsFrom(c, '𝟬') },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiving(t, false)
			l.verified("ann@x.test")
			id, err := l.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "ann@x.test"})
			l.ok(err)
			code := l.letters(mailer.MagicLink, "ann@x.test")[0].Values.Code
			if _, err := l.MagicLinks.RedeemCode(t.Context(), RedeemCodeParams{RequestID: id, Code: write(code)}); err != nil {
				t.Errorf("%q: %v", write(code), err)
			}
		})
	}
}

func digitsFrom(code string, zero rune) string {
	return strings.Map(func(r rune) rune { return zero + r - '0' }, code)
}

func TestFieldWhatHasNotSixDigitsIsToldSoAndCostsNoTry(t *testing.T) {
	l := newLiving(t, false, func(c *Config) { c.InsecureNoLimits = false })
	l.verified("ann@x.test")
	id, err := l.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "ann@x.test"})
	l.ok(err)
	code := l.letters(mailer.MagicLink, "ann@x.test")[0].Values.Code
	for _, wrong := range []string{"12345", "1234567", "abcdef", "12345x", code + "0", "½23456", strings.Repeat(" ", 300) + code} {
		for range 12 {
			_, err := l.MagicLinks.RedeemCode(t.Context(), RedeemCodeParams{RequestID: id, Code: wrong})
			if !errors.Is(err, ErrInvalidToken) || asError(err).Message == ErrInvalidToken.Message {
				t.Fatalf("%q: %v", wrong, err)
			}
		}
	}
	if _, err := l.MagicLinks.RedeemCode(t.Context(), RedeemCodeParams{RequestID: id, Code: code}); err != nil {
		t.Errorf("the right code after them: %v", err)
	}
}

func TestFieldTokensArePastedWithWhatStandsAroundThem(t *testing.T) {
	for name, write := range map[string]func(token string) string{
		"blanks": func(s string) string { return " \t" + s + " " }, "line break": func(s string) string { return s + "\r\n" },
		"full stop": func(s string) string { return s + "." }, "angle brackets": func(s string) string { return "<" + s + ">" },
		"bracket and comma": func(s string) string { return "(" + s + ")," }, "quotes": func(s string) string { return "“" + s + "”" },
		"ideographic full stop": func(s string) string { return s + "。" }, "zero-width space": func(s string) string { return s + "\u200b" },
	} {
		l := newLiving(t, false)
		user := l.verified("ann@x.test")
		send := map[mailer.Kind]func() error{
			mailer.PasswordReset: func() error { return l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}) },
			mailer.MagicLink: func() error {
				_, err := l.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "ann@x.test"})
				return err
			},
		}
		for kind, redeem := range map[mailer.Kind]func(token string) error{
			mailer.PasswordReset: func(token string) error {
				_, err := l.PasswordResets.Confirm(t.Context(), ConfirmPasswordResetParams{Token: token, NewPassword: password(1)})
				return err
			},
			mailer.MagicLink: func(token string) error { _, err := l.MagicLinks.Redeem(t.Context(), token); return err },
		} {
			l.ok(send[kind]())
			if err := redeem(write(l.token(kind, "ann@x.test"))); err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
		if err := l.EmailChanges.Confirm(t.Context(), TokenParams{Token: write(l.move(user, "new@x.test"))}); err != nil {
			t.Errorf("%s, change: %v", name, err)
		}
		if err := l.EmailChanges.Undo(t.Context(), write(l.token(mailer.EmailChanged, "ann@x.test"))); err != nil {
			t.Errorf("%s, undo: %v", name, err)
		}
	}
}

func TestFieldADamagedLinkIsForgivenWhereItsTokenIsWhole(t *testing.T) {
	for name, damage := range map[string]func(token string) string{
		"copied from HTML": func(s string) string { return "?token=" + s + "&amp;email=ann%40x.test" },
		"copied from HTML, with a target": func(s string) string {
			return "?token=" + s + "&amp;email=ann%40x.test&amp;callbackUrl=http%3A%2F%2F127.0.0.1%3A8080%2Fwelcome"
		},
		"cut in the at":   func(s string) string { return "?token=" + s + "&email=ann%4" },
		"cut before it":   func(s string) string { return "?token=" + s + "&email=ann" },
		"without address": func(s string) string { return "?token=" + s },
		"target not allowed any more": func(s string) string {
			return "?token=" + s + "&email=ann%40x.test&callbackUrl=https%3A%2F%2Fold.example%2F"
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiving(t, false)
			_, err := l.signUp("ann@x.test", password(0))
			l.ok(err)
			token := l.token(mailer.SignupConfirmation, "ann@x.test")
			status, body := l.page("/v1" + confirmPath + damage(token))
			if status != http.StatusOK || !strings.Contains(body, "<dd>ann@x.test</dd>") || !strings.Contains(body, `name="email" value="ann@x.test"`) ||
				strings.Contains(body, "old.example") {
				t.Errorf("the page answers %d: %s", status, body)
			}
			if strings.HasSuffix(name, "with a target") && !strings.Contains(body, `name="callbackUrl" value="http://127.0.0.1:8080/welcome"`) {
				t.Errorf("the target is lost: %s", body)
			}
			l.ok(l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}))
			status, body = l.page("/v1" + resetPath + damage(l.token(mailer.PasswordReset, "ann@x.test")))
			if status != http.StatusOK || !strings.Contains(body, "ann@x.test") || !strings.Contains(body, "newPassword") {
				t.Errorf("the page of a reset answers %d: %s", status, body)
			}
		})
	}
}

func TestFieldTheAddressIsOptionalButMustFitWhereItIsGiven(t *testing.T) {
	l := newLiving(t, false)
	_, err := l.signUp("ann@x.test", password(0))
	l.ok(err)
	token := l.token(mailer.SignupConfirmation, "ann@x.test")
	if err := l.Verifications.Confirm(t.Context(), TokenParams{Email: "bob@x.test", Token: token}); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("confirming for another address: %v", err)
	}
	l.ok(l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}))
	reset := ConfirmPasswordResetParams{Email: "bob@x.test", Token: l.token(mailer.PasswordReset, "ann@x.test"), NewPassword: password(1)}
	if _, err := l.PasswordResets.Confirm(t.Context(), reset); !errors.Is(err, ErrVerificationTokenNotFound) {
		t.Errorf("a reset for another address: %v", err)
	}
	reset.Email = ""
	if _, err := l.PasswordResets.Confirm(t.Context(), reset); err != nil {
		t.Errorf("a reset without an address: %v", err)
	}
}

func TestFieldADeadResetLinkIsToldBeforeAPasswordIsTyped(t *testing.T) {
	l := newLiving(t, false)
	l.verified("ann@x.test")
	l.ok(l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}))
	token := l.token(mailer.PasswordReset, "ann@x.test")
	_, err := l.PasswordResets.Confirm(t.Context(), ConfirmPasswordResetParams{Token: token, NewPassword: password(1)})
	l.ok(err)
	for _, dead := range []string{token, strings.Repeat("A", secretLength), "x"} {
		if _, body := l.page("/v1" + resetPath + "?email=ann%40x.test&token=" + dead); strings.Contains(body, "newPassword") || !strings.Contains(body, "That did not work") {
			t.Errorf("a dead link asks for a password: %s", body)
		}
	}
	if _, body := l.page("/v1" + confirmPath + "?token=" + l.token(mailer.SignupConfirmation, "ann@x.test")); !strings.Contains(body, "Done already") || strings.Contains(body, "<form") {
		t.Errorf("a used confirmation says %s", body)
	}
}

func TestFieldTheLocaleOfAMailAndOfANewAccount(t *testing.T) {
	post := func(l living, path, accept, body string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/v1"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept-Language", accept)
		w := httptest.NewRecorder()
		l.Handler().ServeHTTP(w, r)
		if w.Code >= 300 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	l := newLiving(t, false)
	for _, c := range []struct{ email, accept, named, want string }{
		{"a@x.test", "", "pt-BR", "pt-br"}, {"b@x.test", "xx, de-AT;q=0.9, ja;q=0.5", "", "de"}, {"c@x.test", "xx", "", ""}, {"d@x.test", "ja", "de", "de"},
	} {
		post(l, "/auth/email/signup", c.accept, `{"email":"`+c.email+`","password":"`+password(0)+`","name":"A","locale":"`+c.named+`"}`)
		if user, _ := l.at(c.email); user.Locale != c.want {
			t.Errorf("%s: the account has the language %q, want %q", c.email, user.Locale, c.want)
		}
		if mail := l.letters(mailer.SignupConfirmation, c.email); mail[0].Locale != c.want {
			t.Errorf("%s: the mail has the language %q", c.email, mail[0].Locale)
		}
	}
	// The body's, else the account's, else the client's.
	for _, c := range []struct{ email, accept, named, want string }{
		{"b@x.test", "ja", "", "de"}, {"b@x.test", "ja", "ja", "ja"}, {"c@x.test", "ja", "", "ja"},
	} {
		for path, kind := range map[string]mailer.Kind{
			"/auth/password/reset/request": mailer.PasswordReset, "/auth/signup/email/resend": mailer.SignupConfirmation,
			"/auth/email/verify/resend": mailer.SignupConfirmation, "/auth/email/signin": mailer.MagicLink,
		} {
			post(l, path, c.accept, `{"method":"magiclink","email":"`+c.email+`","locale":"`+c.named+`"}`)
			mails := l.letters(kind, c.email)
			if got := mails[len(mails)-1].Locale; got != c.want {
				t.Errorf("%s to %s with %q: language %q, want %q", path, c.email, c.named, got, c.want)
			}
		}
	}
	// A link that makes an account keeps the language it was asked for in.
	_, err := l.MagicLinks.Request(WithLanguages(t.Context(), "ja"), MagicLinkParams{Email: "new@x.test", SignUp: true})
	l.ok(err)
	signed, err := l.MagicLinks.Redeem(context.Background(), l.token(mailer.MagicLink, "new@x.test"))
	if err != nil || signed.User.Locale != "ja" {
		t.Errorf("the new account has the language %q: %v", signed.User.Locale, err)
	}
}

// A page after which nothing is left to do leads on, to the home page of the host.
func TestFieldEveryEndPageHasAWayOn(t *testing.T) {
	l := newLiving(t, false)
	press := func(path string, fields ...string) string {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		r := httptest.NewRequest(http.MethodPost, "/v1"+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		l.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%s %q answered %d: %s", path, fields, w.Code, w.Body)
		}
		return w.Body.String()
	}
	leadsOn := func(name, body string) {
		t.Helper()
		if !strings.Contains(body, `href="http://127.0.0.1:8080/"`) || !strings.Contains(body, "To the home page") {
			t.Errorf("%s leads nowhere: %s", name, body)
		}
	}
	user, err := l.signUp("ann@x.test", password(0))
	l.ok(err)
	token := l.token(mailer.SignupConfirmation, "ann@x.test")
	leadsOn("confirmed", press(confirmPath, "token", token))
	_, done := l.page("/v1" + confirmPath + "?token=" + token)
	leadsOn("confirmed already", done)
	l.ok(l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}))
	leadsOn("the password is set", press(resetPath, "token", l.token(mailer.PasswordReset, "ann@x.test"), "newPassword", password(1)))
	leadsOn("the address is changed", press(verifyConfirmPath, "token", l.move(user, "new@x.test")))
	leadsOn("the change is undone", press(undoPath, "token", l.token(mailer.EmailChanged, "ann@x.test")))
	_, err = l.signUp("bob@x.test", password(0))
	l.ok(err)
	leadsOn("the account is deleted", press(confirmPath, "token", l.token(mailer.SignupConfirmation, "bob@x.test"), "action", actionDelete))
}
