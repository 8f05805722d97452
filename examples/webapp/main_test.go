package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
)

// browser keeps cookies, follows redirects and sends forms.
type browser struct {
	t    *testing.T
	base string
	http.Client
}

func (b *browser) ask(path string, form url.Values) (string, int) {
	b.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text), answer.StatusCode
}

func TestANotesAppWithoutSecurityCode(t *testing.T) {
	t.Chdir(t.TempDir())
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	auth, err := open(server.URL, &mailer.Recorder{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = auth.Close(context.Background()) }()
	mux.Handle("/", routes(auth))
	open := func() *browser {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &browser{t, server.URL, http.Client{Jar: jar}}
	}

	ada, ben := open(), open()
	for name, b := range map[string]*browser{"Ada": ada, "Ben": ben} {
		if text, _ := b.ask("/", nil); !strings.Contains(text, "<h1>Sign in</h1>") {
			t.Fatal(text)
		}
		text, _ := b.ask("/auth/sign-up", url.Values{"name": {name}, "email": {name + "@x.test"}, "newPassword": {"quiet harbour lamp"}, "return_to": {"/"}})
		if !strings.Contains(text, "Notes of "+name) {
			t.Fatal(text)
		}
	}
	if text, _ := ada.ask("/notes", url.Values{"note": {"<b>buy milk</b>"}}); !strings.Contains(text, "&lt;b&gt;buy milk") {
		t.Error(text)
	}
	if text, _ := ben.ask("/", nil); strings.Contains(text, "milk") {
		t.Error("Ben reads the notes of Ada")
	}
	if _, status := ada.ask("/admin", nil); status != http.StatusForbidden {
		t.Errorf("a user opens the page of administrators: %d", status)
	}
	_, err = auth.Users.Create(t.Context(), admit.CreateUserParams{Email: "root@x.test", InsecurePassword: "quiet harbour lamp", Name: "Root", Role: admit.RoleAdmin, EmailVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	root := open()
	if text, _ := root.ask("/auth/sign-in", url.Values{"email": {"root@x.test"}, "currentPassword": {"quiet harbour lamp"}, "return_to": {"/admin"}}); !strings.Contains(text, "Notes of all users") {
		t.Error(text)
	}
	if text, _ := ada.ask("/auth/sign-out", url.Values{}); !strings.Contains(text, "You are signed out") {
		t.Error(text)
	}
	if text, _ := ada.ask("/", nil); !strings.Contains(text, "<h1>Sign in</h1>") {
		t.Error("signing out leaves the notes open")
	}
}
