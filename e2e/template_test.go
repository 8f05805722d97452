package e2e_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

const (
	emailTemplates = "/v1/admin/email-templates"
	resetTemplate  = emailTemplates + "/password_reset"
	resetBody      = `<h1>Hello {{userName}}</h1><p>For {{userEmail}}: <a href="{{resetLink}}">Choose a password</a></p>`
)

func resetCategory(*harness.Server, *heldPerson) (map[string]string, harness.J) {
	return map[string]string{"category": "password_reset"}, nil
}

var _ = feeds.add(
	feed{route: "GET " + emailTemplates + "/{category}", prepare: resetCategory},
	feed{route: "DELETE " + emailTemplates + "/{category}", prepare: resetCategory},
	feed{route: "GET " + emailTemplates + "/{category}/history", prepare: resetCategory},
	feed{route: "POST " + emailTemplates + "/{category}/preview", prepare: resetCategory},
	feed{route: "POST " + emailTemplates + "/{category}/test", prepare: resetCategory},
	feed{route: "PATCH " + emailTemplates + "/{category}", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		path, _ := resetCategory(s, p)
		return path, harness.J{"senderName": "App"}
	}},
	feed{route: "POST " + emailTemplates + "/{category}/revert", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		path, _ := resetCategory(s, p)
		for _, name := range []string{"One", "Two"} {
			_, err := s.Auth.Templates.Update(s.T.Context(), admit.UpdateTemplateParams{
				TemplateParams: admit.TemplateParams{Category: "password_reset"}, SenderName: admit.Some(&name),
			})
			if err != nil {
				s.T.Fatal(err)
			}
		}
		return path, harness.J{"number": 1}
	}},
)

func askReset(s *harness.Server, email string) {
	s.T.Helper()
	s.Mail.Clear()
	s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": email}).Want(http.StatusOK)
}

func TestATemplateIsSentInTheLanguageOfItsReaderAndGoesBack(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		ann := verified(s, "ann@x.test")
		ben := verified(s, "ben@x.test")
		s.Change(ben.ID, func(u *store.User) { u.Locale = "de-AT" })
		for _, c := range []struct{ locale, subject string }{{"", "English for {{siteName}}"}, {"?locale=de", "Deutsch für {{userName}}"}} {
			s.Do("PATCH", resetTemplate+c.locale, harness.J{"subject": c.subject, "body": resetBody, "senderName": "Billing", "senderEmail": "billing@app.example"}, admin).Want(http.StatusOK)
		}
		askReset(s, ann.Email)
		m := letterTo(s, mailer.PasswordReset, ann.Email)
		if !strings.HasPrefix(m.Subject, "English for ") || !strings.Contains(m.HTML, "Choose a password") || m.SenderEmail != "billing@app.example" || m.SenderName != "Billing" {
			t.Errorf("the mail is %q from %q %q: %s", m.Subject, m.SenderName, m.SenderEmail, m.HTML)
		}
		if !strings.Contains(m.Text, "Choose a password\n"+m.Values.Link+"\n") {
			t.Errorf("the text is %q", m.Text)
		}
		s.Do("POST", "/v1/auth/password/reset/confirm", harness.J{"token": tokenIn(m), "newPassword": strongPassword}).Want(http.StatusOK)
		askReset(s, ben.Email)
		if m := letterTo(s, mailer.PasswordReset, ben.Email); !strings.HasPrefix(m.Subject, "Deutsch für ") {
			t.Errorf("the subject is %q", m.Subject)
		}
		s.Do("PATCH", resetTemplate, harness.J{"overrideDefaults": false}, admin).Want(http.StatusOK)
		askReset(s, ann.Email)
		if m := letterTo(s, mailer.PasswordReset, ann.Email); !strings.Contains(m.Subject, "Choose a new password") || m.SenderName != "Billing" {
			t.Errorf("the subject is %q", m.Subject)
		}
		list := s.Do("GET", emailTemplates, nil, admin).Want(http.StatusOK)
		if body := string(list.Body); strings.Count(body, `"password_reset"`) != 2 || !strings.Contains(body, `"locale":"de"`) || !strings.Contains(body, "magic_link") {
			t.Errorf("the list is %s", body)
		}
		s.Do("DELETE", resetTemplate+"?locale=de", nil, admin).Want(http.StatusOK)
		got := s.Do("DELETE", resetTemplate, nil, admin).Want(http.StatusOK)
		if got.Get("subject") != nil || got.Get("updatedAt") != nil || got.String("required") != "resetLink" {
			t.Errorf("the template is %s", got.Body)
		}
		askReset(s, ben.Email)
		if m := letterTo(s, mailer.PasswordReset, ben.Email); strings.Contains(m.Subject, "Deutsch für") || m.SenderEmail != "" {
			t.Errorf("the subject is %q", m.Subject)
		}
		if events := s.Events("", "template.changed"); len(events) != 5 || strings.Contains(string(events[0].Data), "Hello") {
			t.Errorf("there are %d events: %s", len(events), events[0].Data)
		}
	}, unlimited, withSender)
}

func withSender(c *admit.Config) { c.Messages.Senders = []string{"billing@app.example"} }

func TestATemplateThatCannotBeSentIsRefusedWithItsPlace(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		for _, c := range []struct {
			body     harness.J
			field    string
			wants    string
			line     float64
			category string
		}{
			{harness.J{"subject": "Hi", "body": "<p>{{resetLink}}</p>\n{{userNmae}}"}, "body", "{{userNmae}}", 2, ""},
			{harness.J{"subject": "Hi {{magicLink}}", "body": resetBody}, "subject", "{{magicLink}}", 1, ""},
			{harness.J{"subject": "Hi", "body": "<p>Hello</p>"}, "body", "{{resetLink}} is missing", 1, ""},
			{harness.J{"subject": "Hi\r\nBcc: eve@evil.example", "body": resetBody}, "subject", "line break", 1, ""},
			{harness.J{"subject": "Hi", "body": resetBody + `{{template "x"}}`}, "body", "only variables", 1, ""},
			{harness.J{"subject": "Hi", "body": resetBody + `<script>{{userName}}</script>`}, "body", "script", 1, ""},
			{harness.J{"body": resetBody}, "subject", "is empty", 1, ""},
			{harness.J{"senderEmail": "ceo@bank.example"}, "senderEmail", "configuration", 0, ""},
			{harness.J{"senderEmail": "billing@app.example\r\nBcc: eve@evil.example"}, "senderEmail", "configuration", 0, ""},
			{harness.J{"senderName": "App\r\nBcc: eve@evil.example"}, "senderName", "control", 0, ""},
			{harness.J{"logoUrl": "http://app.example/logo.png"}, "logoUrl", "https", 0, ""},
			{harness.J{"logoUrl": "javascript:alert(1)"}, "logoUrl", "https", 0, ""},
		} {
			got := s.Do("PATCH", resetTemplate, c.body, admin).Want(http.StatusBadRequest, "auth/invalid-request")
			if !strings.Contains(got.String("error", "details", c.field), c.wants) || c.line != 0 && got.Get("error", "details", "line") != c.line {
				t.Errorf("%v: %s", c.body, got.Body)
			}
			if c.body["body"] != nil && c.body["subject"] != nil {
				s.Do("POST", resetTemplate+"/preview", c.body, admin).Want(http.StatusBadRequest, "auth/invalid-request")
			}
		}
		s.Do("PATCH", resetTemplate, []byte(`{"brandColor":"red;x"}`), admin).Want(http.StatusBadRequest, "auth/invalid-request")
		s.Do("PATCH", resetTemplate+"?locale=x_y", harness.J{"senderName": "App"}, admin).Want(http.StatusBadRequest, "auth/invalid-request")
		s.Do("GET", emailTemplates+"/nothing", nil, admin).Want(http.StatusNotFound, "auth/template-not-found")
		if got := s.Do("GET", resetTemplate, nil, admin).Want(http.StatusOK); got.Get("updatedAt") != nil {
			t.Errorf("something was saved: %s", got.Body)
		}
	}, withSender)
}

func TestTemplatesArePreviewedTestedAndReverted(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		root := s.Admin()
		admin := harness.Bearer(root.Access)
		ann := s.SignUp("ann@x.test")
		s.Change(ann.ID, func(u *store.User) { u.Name = "<b>Ann</b>" })
		draft := harness.J{"subject": "Hi {{userName}}", "body": resetBody}
		if got := s.Do("POST", resetTemplate+"/preview", draft, admin).Want(http.StatusOK); got.String("subject") != "Hi Ada Lovelace" || !strings.Contains(got.String("html"), "?sample") {
			t.Errorf("the preview is %s", got.Body)
		}
		draft["userId"] = ann.ID
		if got := s.Do("POST", resetTemplate+"/preview", draft, admin).Want(http.StatusOK); !strings.Contains(got.String("html"), "ann@x.test") || strings.Contains(got.String("html"), "<b>Ann") {
			t.Errorf("the preview is %s", got.Body)
		}
		if got := s.Do("POST", resetTemplate+"/preview", nil, admin).Want(http.StatusOK); !strings.Contains(got.String("subject"), "Choose a new password") {
			t.Errorf("the preview is %s", got.Body)
		}
		s.Mail.Clear()
		s.Do("PATCH", resetTemplate, harness.J{"subject": "Number 0", "body": resetBody}, admin).Want(http.StatusOK)
		s.Do("POST", resetTemplate+"/test", nil, admin).Want(http.StatusOK)
		if m := letterTo(s, mailer.PasswordReset, root.Email); m.Subject != "Number 0" {
			t.Errorf("the test is %q", m.Subject)
		}
		_, key := s.NewKey("secret")
		s.Do("POST", resetTemplate+"/test", nil, harness.Key(key)).Want(http.StatusForbidden, "auth/forbidden")
		for i := 1; i <= 12; i++ {
			s.Do("PATCH", resetTemplate, harness.J{"subject": "Number " + strconv.Itoa(i)}, admin).Want(http.StatusOK)
		}
		history := string(s.Do("GET", resetTemplate+"/history", nil, admin).Want(http.StatusOK).Body)
		if strings.Count(history, `"number"`) != 10 || !strings.Contains(history, "Number 11") || strings.Contains(history, `"Number 1"`) {
			t.Errorf("the history is %s", history)
		}
		s.Do("POST", resetTemplate+"/revert", harness.J{"number": 1}, admin).Want(http.StatusNotFound, "auth/template-not-found")
		if got := s.Do("POST", resetTemplate+"/revert", harness.J{"number": 5}, admin).Want(http.StatusOK); got.String("subject") != "Number 4" {
			t.Errorf("reverted to %s", got.Body)
		}
		if got := s.Do("POST", resetTemplate+"/revert", harness.J{"number": 13}, admin).Want(http.StatusOK); got.String("subject") != "Number 12" {
			t.Errorf("reverted to %s", got.Body)
		}
	}, unlimited)
}

// A template that is broken in the store, or whose sender is no longer allowed, costs
// nobody a mail.
func TestABrokenTemplateCostsNobodyAMail(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.Log.ExpectErrors()
		ann := verified(s, "ann@x.test")
		for _, data := range []string{`{"v":99}`, `{`, `{"v":1,"subject":"x","body":"{{template}}"}`, `{"v":1,"senderEmail":"ceo@bank.example"}`} {
			if _, err := s.Store.DeleteRecord(t.Context(), "", "mail-template", "password_reset"); err != nil {
				t.Fatal(err)
			}
			if err := s.Store.CreateRecord(t.Context(), store.Record{Kind: "mail-template", ID: "password_reset", Data: []byte(data), CreatedAt: s.Clock.Now(), UpdatedAt: s.Clock.Now()}); err != nil {
				t.Fatal(err)
			}
			askReset(s, ann.Email)
			if m := letterTo(s, mailer.PasswordReset, ann.Email); !strings.Contains(m.Subject, "Choose a new password") || m.SenderEmail != "" {
				t.Errorf("%s: the mail is %q from %q", data, m.Subject, m.SenderEmail)
			}
		}
	}, unlimited)
}

func TestTemplatesThatAreChangedAtOnceLoseNothing(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		bodies := []harness.J{{"subject": "Hi", "body": resetBody}, {"senderName": "App"}, {"logoUrl": "https://app.example/l.png"}, {"brandColor": "#0b57d0"}}
		for _, a := range harness.Parallel(len(bodies), func(i int) *harness.Answer { return s.Do("PATCH", resetTemplate, bodies[i], admin) }) {
			a.Want(http.StatusOK)
		}
		got := s.Do("GET", resetTemplate, nil, admin).Want(http.StatusOK)
		for _, field := range []string{"subject", "senderName", "logoUrl", "brandColor"} {
			if got.Get(field) == nil {
				t.Errorf("%s is lost: %s", field, got.Body)
			}
		}
	}, unlimited)
}

func TestTemplatesNeedTheVeryScope(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		_, wild := s.NewKey("secret", "*:*", "templates:*")
		_, named := s.NewKey("secret", "templates:write")
		s.Clock.Advance(time.Minute)
		s.Do("PATCH", resetTemplate, harness.J{"senderName": "App"}, harness.Key(wild)).Want(http.StatusForbidden, "auth/scope-insufficient")
		s.Do("PATCH", resetTemplate, harness.J{"senderName": "App"}, harness.Key(named)).Want(http.StatusOK)
	})
}
