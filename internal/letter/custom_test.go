package letter

import (
	"errors"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

const goodBody = `<p>Hello {{userName}}</p><p><a href="{{resetLink}}">Choose a password</a></p>`

func resetTo(name string) mailer.Message {
	return mailer.Message{Kind: mailer.PasswordReset, To: "ann@x.test", Values: mailer.Values{
		SiteName: "App", UserName: name, UserEmail: "ann@x.test", Verified: true, Link: "https://app.example/reset?token=abc&email=ann%40x.test",
	}}
}

func set(t *testing.T) *Set {
	t.Helper()
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestACustomMessageRunsNothingAndNamesThePlaceOfItsMistake(t *testing.T) {
	for _, c := range []struct{ subject, body, want string }{
		{"Hi", goodBody, ""},
		{"Hi {{ userName }}", goodBody, ""},
		{"Hi", "<p>Hi</p>\n<p>é{{userNmae}} {{resetLink}}</p>", "body, line 2, column 5: there is no variable {{userNmae}}"},
		{"Hi {{magicLink}}", goodBody, "subject, line 1, column 4: there is no variable {{magicLink}}"},
		{"Hi\r\nBcc: eve@evil.example", goodBody, "subject, line 1, column 1: there is a line break"},
		{"Hi\u2028x", goodBody, "subject, line 1"},
		{" ", goodBody, "subject, line 1, column 1: is empty"},
		{"Hi", "<p>Hello</p>", "{{resetLink}} is missing"},
		{"Hi", goodBody + `{{template "x"}}`, "only variables"},
		{"Hi", goodBody + `{{define "x"}}{{end}}`, "only variables"},
		{"Hi", goodBody + `{{.}}`, "only variables"},
		{"Hi", goodBody + `{{.Link}}`, "only variables"},
		{"Hi", goodBody + `{{userName | html}}`, "only variables"},
		{"Hi", goodBody + `{{printf "%s" userName}}`, "only variables"},
		{"Hi", goodBody + `{{if userName}}`, "only variables"},
		{"Hi", goodBody + `{{range}}`, "there is no variable {{range}}"},
		{"Hi", goodBody + `{{- userName}}`, "only variables"},
		{"Hi", goodBody + `{{/* x */}}`, "only variables"},
		{"Hi", goodBody + `{{`, "only variables"},
		{"Hi", goodBody + `{{{userName}}}`, "only variables"},
		{"Hi", goodBody + `{{"{{"}}`, "only variables"},
		{"Hi", goodBody + `<script>alert("{{userName}}")</script>`, "script is not for mails"},
		{"Hi", goodBody + `<SCRIPT SRC=//evil.example>`, "script is not for mails"},
		{"Hi", goodBody + `<img src=x onerror=alert(1)>`, "onerror is not for mails"},
		{"Hi", goodBody + `<a href=" java	script:alert(1)">x</a>`, "begins with javascript"},
		{"Hi", goodBody + `<a href="javascript&#58;alert(1)">x</a>`, "begins with javascript"},
		{"Hi", goodBody + `<form action="https://evil.example">`, "form is not for mails"},
		{"Hi", goodBody + `<iframe srcdoc="x">`, "iframe is not for mails"},
		{"Hi", goodBody + `<style>p{color:{{userName}}}</style>`, "style sheet"},
		{"Hi", goodBody + `<p style="color:{{userName}}">`, "in a style"},
		{"Hi", goodBody + `<!-- {{userName}} -->`, "in a comment"},
		{"Hi", goodBody + `<p {{userName}}>`, "body"},
		{"Hi", `<p>{{resetLink}}</p><a href="{{userName}}`, "body"},
	} {
		err := Custom{Subject: c.subject, Body: c.body}.Check(mailer.PasswordReset)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: %v, want %q", c.subject, c.body, err, c.want)
		}
		if _, ok := errors.AsType[*CustomError](err); err != nil && !ok {
			t.Errorf("%q: %T", c.body, err)
		}
	}
}

func TestACustomMessageShowsNoValueAsMarkup(t *testing.T) {
	m := resetTo(`<img src=x onerror=alert(1)> {{resetLink}} "x' https://evil.example`)
	got, err := set(t).RenderCustom(m, Custom{Subject: "For {{userName}}", Body: goodBody + `<p title="{{userName}}" class={{userName}}>x</p>`, LogoURL: "https://app.example/logo.png", Color: "#0b57d0"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.HTML, "<img src=x") || strings.Contains(got.HTML, "https://evil.example") || strings.Count(got.HTML, "token=abc") != 1 {
		t.Errorf("the HTML is %s", got.HTML)
	}
	if !strings.Contains(got.HTML, `href="https://app.example/reset?token=abc&amp;email=ann%40x.test"`) || !strings.Contains(got.HTML, "#0b57d0") || !strings.Contains(got.HTML, "logo.png") {
		t.Errorf("the HTML is %s", got.HTML)
	}
	if !strings.Contains(got.Text, "Choose a password\nhttps://app.example/reset?token=abc&email=ann%40x.test\n") {
		t.Errorf("the text is %q", got.Text)
	}
	if strings.ContainsAny(got.Subject, "\r\n") || strings.Contains(got.Subject, "token") {
		t.Errorf("the subject is %q", got.Subject)
	}
}

func TestACustomMessageShowsNoNameThatNobodyVerified(t *testing.T) {
	m := resetTo("You have won")
	m.Values.Verified = false
	got, err := set(t).RenderCustom(m, Custom{Subject: "For {{userName}}", Body: goodBody})
	if err != nil || strings.Contains(got.Subject+got.HTML+got.Text, "won") || !strings.Contains(got.Text, "Hello ann@x.test") {
		t.Errorf("the message is %q %q, %v", got.Subject, got.Text, err)
	}
}

func FuzzACustomBodyIsRefusedOrRunsNothing(f *testing.F) {
	f.Add(goodBody)
	f.Add(`<p>{{resetLink}}</p><style>{{.}}`)
	f.Fuzz(func(t *testing.T, body string) {
		c := Custom{Subject: "x", Body: body}
		if c.Check(mailer.PasswordReset) != nil {
			return
		}
		got, err := set(t).RenderCustom(resetTo("<b>canary</b>"), c)
		if err == nil && strings.Contains(got.HTML, "<b>canary") {
			t.Errorf("%q shows a value as markup", body)
		}
	})
}
