package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// host serves a page of the host's at an origin of its own.
func host(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>host</title><h1>The host's page</h1>"))
	}))
	t.Cleanup(server.Close)
	return server
}

// redirecting are the pages whose form ends in a redirect to a callbackUrl, and
// how to come by their link.
var redirecting = map[string]func(s *harness.Server, callbackURL string) mailer.Message{
	"Confirm your address": func(s *harness.Server, callbackURL string) mailer.Message {
		s.SignUp("a@x.test")
		letterTo(s, mailer.SignupConfirmation, "a@x.test")
		s.Mail.Clear()
		s.Do("POST", "/v1/auth/signup/email/resend", harness.J{"email": "a@x.test", "callbackUrl": callbackURL}).Want(200)
		return letterTo(s, mailer.SignupConfirmation, "a@x.test")
	},
	"Confirm this address": func(s *harness.Server, callbackURL string) mailer.Message {
		p := verified(s, "a@x.test")
		s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "b@x.test", "callbackUrl": callbackURL}, harness.Bearer(p.Access)).Want(200)
		return letterTo(s, mailer.EmailVerification, "b@x.test")
	},
}

func TestBrowserArrivesAtTheCallbackOnAnotherOrigin(t *testing.T) {
	for title, link := range redirecting {
		app := host(t)
		s := harness.New(t, func(c *admit.Config) { c.AllowedRedirects = []string{app.URL + "/welcome"} })
		ctx := openBrowser(t, 1280, 900)
		var at string
		if err := chromedp.Run(ctx, chromedp.Navigate(here(s, link(s, app.URL+"/welcome"))), heading(title), press(1),
			heading("The host's page"), chromedp.Location(&at)); err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		if !strings.HasPrefix(at, app.URL+"/welcome?verified=true&email=") {
			t.Errorf("%s leads to %s", title, at)
		}
	}
}

func TestBrowserArrivesAtTheRouteOfAHashRouter(t *testing.T) {
	app := host(t)
	s := harness.New(t, func(c *admit.Config) { c.AllowedRedirects = []string{app.URL + "/#/welcome"} })
	ctx := openBrowser(t, 1280, 900)
	var at string
	if err := chromedp.Run(ctx, chromedp.Navigate(here(s, redirecting["Confirm your address"](s, app.URL+"/#/welcome"))),
		heading("Confirm your address"), press(1), heading("The host's page"), chromedp.Location(&at)); err != nil {
		t.Fatal(err)
	}
	if at != app.URL+"/#/welcome?verified=true&email=a%40x.test" {
		t.Errorf("the page leads to %s", at)
	}
	s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "a@x.test", "callbackUrl": app.URL + "/#/welcome"}).Want(200)
	if link := letterTo(s, mailer.PasswordReset, "a@x.test").Values.Link; !strings.HasPrefix(link, app.URL+"/#/welcome?token=") {
		t.Errorf("the mail leads to %s", link)
	}
}

// Chromium asks for the address of an app as it asks for any other, and then
// finds that no program of this machine opens it.
func TestBrowserIsLetGoToAnApp(t *testing.T) {
	for title, link := range redirecting {
		s := harness.New(t, func(c *admit.Config) { c.AllowedRedirects = []string{"myapp://welcome"} })
		ctx := openBrowser(t, 1280, 900)
		asked, blocked := make(chan string, 8), make(chan string, 8)
		chromedp.ListenTarget(ctx, func(event any) {
			switch e := event.(type) {
			case *network.EventRequestWillBeSent:
				if strings.HasPrefix(e.Request.URL, "myapp:") {
					asked <- e.Request.URL
				}
			case *network.EventLoadingFailed:
				if e.BlockedReason == network.BlockedReasonCsp {
					blocked <- e.ErrorText
				}
			}
		})
		var policy string
		if err := chromedp.Run(ctx, network.Enable(), chromedp.Navigate(here(s, link(s, "myapp://welcome"))), heading(title),
			chromedp.Evaluate(`window.blocked = ""; addEventListener("securitypolicyviolation", e => window.blocked = e.blockedURI || "something"); "on"`, &policy),
			press(1)); err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		select {
		case at := <-asked:
			if !strings.HasPrefix(at, "myapp://welcome?verified=true&email=") {
				t.Errorf("%s leads to %s", title, at)
			}
		case why := <-blocked:
			t.Errorf("%s: the policy of the page forbids the redirect: %s", title, why)
		case <-time.After(harness.Patience):
			t.Errorf("%s: the browser never asked for the app", title)
		}
		var violated string
		look, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := chromedp.Run(look, chromedp.Evaluate(`window.blocked`, &violated))
		cancel()
		if err == nil && violated != "" {
			t.Errorf("%s: the policy of the page forbids %s", title, violated)
		}
	}
}

// below serves an Auth the way a proxy does that takes a prefix away.
func below(t *testing.T, prefix string) (s *harness.Server, base string) {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	s = harness.New(t, func(c *admit.Config) { c.BaseURL = server.URL + prefix })
	handler = http.StripPrefix(prefix, s.Auth.Handler())
	return s, server.URL + prefix
}

func TestBrowserStaysBelowThePathOfBaseURL(t *testing.T) {
	s, base := below(t, "/tools")
	ctx := openBrowser(t, 1280, 900)
	var home string
	p := s.SignUp("a@x.test")
	link := letterTo(s, mailer.SignupConfirmation, "a@x.test").Values.Link
	if !strings.HasPrefix(link, base+"/v1/") {
		t.Fatalf("the mail leads to %s", link)
	}
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("Confirm your address"), press(2), heading("Delete this account?"),
		press(2), heading("Confirm your address"), press(1), heading("Your address is confirmed"), chromedp.AttributeValue("a", "href", &home, nil)); err != nil {
		t.Fatal(err)
	}
	if home != base+"/" {
		t.Errorf("the way home is %s", home)
	}
	resetToken(s, "a@x.test")
	link = letterTo(s, mailer.PasswordReset, "a@x.test").Values.Link
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("Choose a new password"), chromedp.SendKeys("#newPassword", otherPassword+"\r"),
		heading("Your password is set"), chromedp.Navigate(link), heading("That did not work"), press(1), heading("Check your mail")); err != nil {
		t.Fatal(err)
	}
	p.Tokens = s.SignIn("a@x.test", otherPassword).Want(200).Tokens()
	moveMail(s, p, "b@x.test")
	link = letterTo(s, mailer.EmailVerification, "b@x.test").Values.Link
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("Confirm this address"), press(1), heading("Your address is confirmed")); err != nil {
		t.Fatal(err)
	}
	link = letterTo(s, mailer.EmailChanged, "a@x.test").Values.Link
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("Take the change of address back"), press(1), heading("Your address is back")); err != nil {
		t.Fatal(err)
	}
}

func moveMail(s *harness.Server, p harness.Person, to string) {
	s.T.Helper()
	s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": to}, harness.Bearer(p.Access)).Want(200)
}

// A browser that followed a link gets a page, whatever became of the link.
func TestBrowserNeverGetsJSONFromALink(t *testing.T) {
	s := harness.New(t)
	paths := []string{confirmPath, "/v1/auth/email/verify/confirm", "/v1/auth/email/verify/undo", "/v1/auth/password/reset/confirm", "/v1/auth/email/callback"}
	for _, path := range paths {
		for _, query := range []string{"", "?token=x", "?token=%ff&email=%4", "?token=a&token=b", "?email=a%00@x.test", "?callbackUrl=https://evil.test/", "?token=x;email=y", "?token=" + strings.Repeat("A", 43) + "&amp;email=a%40x.test"} {
			for _, key := range []harness.Set{browser(), harness.Key("sk_broken")} {
				answer := s.Do("GET", path+query, nil, key, browser())
				body := string(answer.Body)
				if answer.Status < 400 || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, "To the home page") {
					t.Errorf("%s%s is answered %d %s", path, query, answer.Status, body)
				}
				if strings.Contains(body, "evil") {
					t.Errorf("%s%s: the page repeats what the link says", path, query)
				}
			}
		}
		if path == "/v1/auth/email/callback" {
			continue // takes no form
		}
		if page := sendForm(s, path, "token=x&email=a%40x.test&callbackUrl=https://evil.test/&newPassword=x"); !strings.Contains(string(page.Body), "<h1>That did not work</h1>") {
			t.Errorf("a form to %s is answered %s", path, page.Body)
		}
		s.Do("GET", path[:len(path)-2], nil, browser()).Want(404)
		if page := s.Do("GET", path[:len(path)-2], nil, browser()); !strings.Contains(string(page.Body), "There is nothing here.") {
			t.Errorf("a link cut in its path is answered %s", page.Body)
		}
	}
	s.Do("GET", "/v1/auth/me", nil, browser()).Want(401, "auth/unauthorized")
	s.Do("GET", "/v1/nothing", nil).Want(404, "auth/not-found")
}

// A damaged link works where its token is whole, and else offers a new one.
func TestBrowserDamagedLinkIsForgivenWhereItsTokenIsWhole(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	confirmation := tokenIn(letterTo(s, mailer.SignupConfirmation, "a@x.test"))
	resetToken(s, "a@x.test")
	reset := tokenIn(letterTo(s, mailer.PasswordReset, "a@x.test"))
	for path, token := range map[string]string{confirmPath: confirmation, "/v1/auth/password/reset/confirm": reset} {
		for name, query := range map[string]string{
			"copied from HTML":     "?token=" + token + "&amp;email=a%40x.test",
			"cut in an escape":     "?token=" + token + "&email=a%4",
			"cut before the email": "?token=" + token,
			"a full stop behind":   "?email=a%40x.test&token=" + token + ".",
			"a bracket behind":     "?email=a%40x.test&token=%3C" + token + "%3E",
			"a line break behind":  "?email=a%40x.test&token=" + token + "%0D%0A",
			"another address":      "?email=victim%40x.test&token=" + token,
			"a callback not taken": "?email=a%40x.test&token=" + token + "&callbackUrl=https%3A%2F%2Fevil.test%2F",
		} {
			body := string(s.Do("GET", path+query, nil, browser()).Want(200).Body)
			if !strings.Contains(body, "<dd>a@x.test</dd>") || !strings.Contains(body, `value="`+token+`"`) || strings.Contains(body, "victim") || strings.Contains(body, "evil") {
				t.Errorf("%s, %s: the page is %s", path, name, body)
			}
		}
		if body := string(s.Do("GET", path+"?token="+token[:40]+"&email=a%40x.test", nil, browser()).Body); !strings.Contains(body, "Send me a new link") || strings.Contains(body, `id="email"`) {
			t.Errorf("a link with a cut token offers no new one: %s", body)
		}
		if body := string(s.Do("GET", path+"?token="+token[:40], nil, browser()).Body); !strings.Contains(body, `id="email"`) {
			t.Errorf("a link without an address does not ask for one: %s", body)
		}
	}
	confirm(s, "a@x.test", " "+confirmation+".\n").Want(200)
	s.Do("POST", "/v1/auth/password/reset/confirm", harness.J{"email": "a@x.test", "token": reset + ">", "newPassword": otherPassword}).Want(200)
}

func TestBrowserIsToldOfADeadResetLinkBeforeAPasswordIsTyped(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	const path = "/v1/auth/password/reset/confirm"
	old := tokenFor(s, "a@x.test")
	used := tokenFor(s, "a@x.test")
	dead := func(token, why string, status int) {
		t.Helper()
		body := string(s.Do("GET", path+query("a@x.test", token), nil, browser()).Want(status).Body)
		if strings.Contains(body, "newPassword") || !strings.Contains(body, why) || !strings.Contains(body, "Send me a new link") {
			t.Errorf("the page says %s", body)
		}
	}
	dead(old, "not valid, or was used already", 404)
	s.Do("POST", path, harness.J{"email": "a@x.test", "token": used, "newPassword": otherPassword}).Want(200)
	dead(used, "not valid, or was used already", 404)
	late := tokenFor(s, "a@x.test")
	s.Clock.Advance(24 * time.Hour)
	dead(late, "too old", 401)
}

func tokenFor(s *harness.Server, email string) string {
	s.T.Helper()
	s.Mail.Clear() // letterTo takes the newest that has come
	s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": email}).Want(200)
	return tokenIn(letterTo(s, mailer.PasswordReset, email))
}

func TestBrowserIsToldThatAnAddressIsConfirmedAlready(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	token := tokenIn(letterTo(s, mailer.SignupConfirmation, "a@x.test"))
	confirm(s, "a@x.test", token).Want(200)
	for link, way := range map[string]string{
		query("victim@x.test", token):                                     `href="https://app.example/"`,
		query("a@x.test", token, "callbackUrl", "https://app.example/in"): `href="https://app.example/in?verified=true&amp;email=a%40x.test"`,
	} {
		for _, path := range []string{confirmPath, "/v1/auth/email/verify/confirm"} {
			body := string(s.Do("GET", path+link, nil, browser()).Want(200).Body)
			if !strings.Contains(body, "<h1>Done already</h1>") || !strings.Contains(body, "a@x.test") || strings.Contains(body, "victim") || strings.Contains(body, "<button") || !strings.Contains(body, way) {
				t.Errorf("%s: the page is %s", path, body)
			}
		}
	}
}

// S26: a page shows nothing of the link that is not what it should be.
func TestS26_PagesRepeatNothingFromTheLink(t *testing.T) {
	s := harness.New(t)
	p := verified(s, "a@x.test")
	moveMail(s, p, "b@x.test")
	change := tokenIn(letterTo(s, mailer.EmailVerification, "b@x.test"))
	s.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "c@x.test"}).Want(201)
	magic := tokenIn(letterTo(s, mailer.MagicLink, "c@x.test"))
	reset := tokenFor(s, "a@x.test")
	const evil = "Call +1 555 0100 at once"
	for _, page := range []struct{ path, token string }{
		{confirmPath, "x"}, {confirmPath, strings.Repeat("A", 43)}, {"/v1/auth/email/verify/confirm", change}, {"/v1/auth/email/verify/confirm", "x"},
		{"/v1/auth/email/verify/undo", "x"}, {"/v1/auth/password/reset/confirm", reset}, {"/v1/auth/password/reset/confirm", evil}, {"/v1/auth/email/callback", magic},
	} {
		link := page.path + "?" + url.Values{"token": {page.token}, "email": {evil}, "callbackUrl": {"https://evil.test/" + evil}, "action": {evil}}.Encode()
		if body := string(s.Do("GET", link, nil, browser()).Body); strings.Contains(body, "0100") || !strings.Contains(body, "<h1>") {
			t.Errorf("%s: the page is %s", page.path, body)
		}
	}
	// The owner of the new address learns which account asks, and not its address.
	body := string(s.Do("GET", "/v1/auth/email/verify/confirm"+query("b@x.test", change), nil, browser()).Body)
	if strings.Contains(body, "a@x.test") || !strings.Contains(body, "<dd>a•••@x.test</dd>") {
		t.Errorf("the page is %s", body)
	}
}

func TestBrowserAsksOnceMoreBeforeAnAccountIsDeleted(t *testing.T) {
	s := harness.New(t)
	p := s.SignUp("a@x.test")
	token := tokenIn(letterTo(s, mailer.SignupConfirmation, "a@x.test"))
	form := url.Values{"email": {"a@x.test"}, "token": {token}, "action": {"disown"}}
	page := string(sendForm(s, confirmPath, form.Encode()).Want(200).Body)
	if !strings.Contains(page, "<h1>Delete this account?</h1>") || !strings.Contains(page, `value="delete"`) || !strings.Contains(page, "Keep the account") {
		t.Errorf("the page is %s", page)
	}
	s.Me(p.Access).Want(200)
	form.Set("action", "delete")
	sendForm(s, confirmPath, form.Encode()).Want(200)
	s.Dead(p.Tokens)
	form.Set("action", "disown")
	sendForm(s, confirmPath, form.Encode()).Want(401)
}

func TestBrowserPageSpeaksTheLanguageOfTheAccount(t *testing.T) {
	s := harness.New(t)
	p := verified(s, "a@x.test")
	s.Change(p.ID, func(u *store.User) { u.Locale = "ja" })
	token := tokenFor(s, "a@x.test")
	page := string(s.Do("GET", "/v1/auth/password/reset/confirm"+query("a@x.test", token), nil, browser(), harness.Header("Accept-Language", "de")).Want(200).Body)
	if !strings.Contains(page, `<html lang="ja">`) {
		t.Errorf("the page is %s", page)
	}
}

// A code is read as people type and paste it.
func TestBrowserCodeIsTakenAsPeopleTypeIt(t *testing.T) {
	s := harness.New(t)
	ask := func() (requestID, code string) {
		s.Mail.Clear()
		requestID = s.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "a@x.test"}).Want(201).String("requestId")
		return requestID, letterTo(s, mailer.MagicLink, "a@x.test").Values.Code
	}
	full := strings.NewReplacer("0", "０", "1", "１", "2", "２", "3", "３", "4", "４", "5", "５", "6", "６", "7", "７", "8", "８", "9", "９")
	arabic := strings.NewReplacer("0", "٠", "1", "١", "2", "٢", "3", "٣", "4", "٤", "5", "٥", "6", "٦", "7", "٧", "8", "٨", "9", "٩")
	for name, write := range map[string]func(code string) string{
		"a blank": func(c string) string { return c[:3] + " " + c[3:] }, "a hyphen": func(c string) string { return c[:3] + "-" + c[3:] },
		"a long dash": func(c string) string { return c[:3] + "–" + c[3:] }, "a line break": func(c string) string { return c + "\r\n" },
		"no width": func(c string) string { return "\u200b" + c[:2] + "\u2060" + c[2:] }, "full width": full.Replace, "Arabic": arabic.Replace,
	} {
		requestID, code := ask()
		if answer := s.Do("POST", "/v1/auth/email/callback", harness.J{"requestId": requestID, "code": write(code)}); answer.Status != 200 {
			t.Errorf("a code with %s is answered %s", name, answer.Body)
		}
		s.Clock.Advance(2 * time.Hour)
	}
	requestID, code := ask()
	for range 8 { // no try is spent
		answer := s.Do("POST", "/v1/auth/email/callback", harness.J{"requestId": requestID, "code": code[:5]}).Want(401, "auth/invalid-token")
		if !strings.Contains(answer.String("error", "message"), "six digits") {
			t.Errorf("answered %s", answer.Body)
		}
	}
	s.Do("POST", "/v1/auth/email/callback", harness.J{"requestId": requestID, "code": code}).Want(200)
}
