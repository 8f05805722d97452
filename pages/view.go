package pages

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/texts"
)

// View is what a template sees. docs/pages.md has an example for each part.
type View struct {
	// Page is the name of the template, such as "sign-in". Status is the HTTP status.
	Page   string
	Status int
	// Title is the heading. Language (BCP 47) and Direction ("ltr", "rtl") are for the
	// html element. Nonce is for each script and style element.
	Title, Language, Direction, Nonce string
	// Wide asks the frame for more room.
	Wide bool
	// Brand, Home and Base are those of the host. ReturnTo is where the visitor comes
	// back to; "" is Home.
	Brand          Brand
	Home, ReturnTo string
	// Alert is what went wrong with the whole form, and Done what has just succeeded.
	Alert, Done string
	// Reference is the id of the request in the log, after an error of the server.
	Reference string
	// SignedIn says whether somebody is signed in: User.
	SignedIn bool
	User     admit.User
	// Email is the address that a page is about.
	Email string
	// Offers are the ways in that the host has.
	Offers Offers
	// Kind tells what a mail was about: "sign-up", "link", "reset", "verify" or
	// "expired".
	Kind string
	// Token is that of a mailed link.
	Token string
	// Passkey says that a passkey can complete the step. StartOver says that the
	// reader can retire an account that somebody else has made.
	Passkey, StartOver bool
	// FactorAlone says that the page takes a second factor, and nothing else.
	FactorAlone bool
	// Setup is an authenticator app that is being set up, Codes are new recovery codes.
	Setup *Setup
	Codes []string
	// Passkeys, Sessions, Devices and Factors belong to the account.
	Passkeys []admit.Passkey
	Sessions []SessionRow
	Devices  []admit.RememberedDevice
	Factor   *admit.Factor
	// Settings are those pages of the account that not every account needs.
	Settings Settings
	// Team is for organisations and invitations.
	Team Team
	// Languages are those that the reader can choose; empty where there is one.
	Languages []Language

	site    *site
	words   *texts.Catalogue
	values  map[string]string
	errors  map[string]string
	focused bool
	secret  bool
	back    string
	current string
	// roles are those that an invitation may give.
	roles  []string
	policy admit.PasswordPolicy
}

// Setup is an authenticator app that is being set up.
type Setup struct {
	// Secret is to be typed, URI to be opened on the same device, and QR is a picture.
	Secret string
	URI    template.URL
	QR     template.URL
}

// SessionRow is a device that is signed in.
type SessionRow struct {
	admit.Session
	// Device names it, and Current says that it is this one.
	Device  string
	Current bool
}

// Language is one that the reader can choose.
type Language struct {
	Tag, Name string
	Current   bool
}

// Field is one input of a form, for the template "field".
type Field struct {
	Name, Label, Type, Value, Hint, Error string
	// Autocomplete is for password managers (HTML, 4.10.18.7).
	Autocomplete, InputMode, Class string
	// Accept are the types of a file.
	Accept          string
	Least, Most     int
	Required, Focus bool
	// Options make a list to choose from, with Value chosen.
	Options []Option
	// Link and LinkText stand beside the label.
	Link, LinkText string
}

func (s *site) newView(v *visit) *View {
	view := &View{
		Status: http.StatusOK, Language: v.words.Tag, Direction: v.words.Direction, Brand: s.pages.Brand, Home: s.home,
		SignedIn: v.signedIn, User: v.user, site: s, words: v.words, values: map[string]string{}, errors: map[string]string{},
	}
	view.Offers, view.policy = s.offers(v)
	view.current = v.session.OrganizationID
	if v.r != nil {
		view.ReturnTo = v.returnTo()
	}
	if all := s.texts.Catalogues(); len(all) > 1 {
		for _, c := range all {
			view.Languages = append(view.Languages, Language{c.Tag, c.Name(), c == v.words})
		}
	}
	return view
}

// T returns a text by its key, in the language of the reader. values are the names
// and the values of its placeholders in turn.
func (v *View) T(key string, values ...any) (string, error) { return v.words.Text(key, values...) }

// To returns the link to a page, such as "sign-up". The page keeps ReturnTo.
func (v *View) To(page string) string { return v.site.to(page, v.ReturnTo) }

// Action returns where the forms of a page are sent, such as "sign-up". ReturnTo goes
// along in a hidden field.
func (v *View) Action(page string) string { return v.site.prefix + "/" + page }

// Current is the id of the organisation that the session works in, or "".
func (v *View) Current() string { return v.current }

// Back is the page, below Pages.Path, to which a change of language leads.
func (v *View) Back() string { return v.back }

// Asset returns the URL of "style.css" or "pages.js".
func (v *View) Asset(name string) string {
	return v.site.prefix + "/assets/" + v.site.assets.name(name)
}

// Value returns what the reader typed into a field: never a password.
func (v *View) Value(field string) string { return v.values[field] }

// Error returns what is wrong with a field, or "".
func (v *View) Error(field string) string { return v.errors[field] }

// HasErrors reports whether anything is wrong.
func (v *View) HasErrors() bool { return v.Alert != "" || len(v.errors) > 0 }

// SupportURL is the link to Brand.Support.
func (v *View) SupportURL() template.URL { return template.URL(v.Brand.SupportURL()) } //nolint:gosec // checked by New

// ProviderURL is the link of a provider's button, with where it comes back to.
func (v *View) ProviderURL(p Provider) string {
	to := v.site.config.BaseURL + v.site.pages.Path + "/provider"
	if v.ReturnTo != "" {
		to += "?" + url.Values{"return_to": {v.ReturnTo}}.Encode()
	}
	separator := "?"
	if strings.Contains(p.URL, "?") {
		separator = "&"
	}
	return p.URL + separator + "mode=cookie&callbackUrl=" + template.URLQueryEscaper(to)
}

// Field returns an input by its name. The first field of a page, or the first with
// an error, has the keyboard.
func (v *View) Field(name string) (Field, error) {
	f, ok := fields()[name]
	if !ok {
		return f, fmt.Errorf("there is no field %q", name)
	}
	f.Name = name
	var err error
	if f.Label, err = v.T("field." + name); err != nil {
		return f, err
	}
	if f.Type != "password" {
		f.Value = v.values[name]
	}
	f.Error = v.errors[name]
	f.Required = !strings.HasPrefix(f.Class, "optional")
	switch name {
	case "newPassword":
		f.Least = v.policy.MinLength
		if f.Hint, err = v.T("hint.newPassword", "count", f.Least); err == nil {
			f.Hint, err = v.rules(f.Hint)
		}
	case "currentPassword":
		if v.Page == "sign-in" {
			f.Link = v.To("forgot")
			f.LinkText, err = v.T("sign-in.forgot")
		}
	default:
		if v.words.Has("hint." + name) {
			f.Hint, err = v.T("hint." + name)
		}
	}
	if err != nil {
		return f, err
	}
	if f.Options, err = v.options(name); err != nil {
		return f, err
	}
	if v.Page == "organization-invitations" {
		f.Autocomplete = "off" // it is the address of somebody else
	}
	if v.Page == "sign-in" && name == "email" && v.Offers.Passkey {
		f.Autocomplete = "username webauthn"
	}
	if !v.focused && (f.Error != "" || len(v.errors) == 0) {
		f.Focus, v.focused = true, true
	}
	return f, err
}

// rules appends to hint what a password needs beside its length, a sentence each.
func (v *View) rules(hint string) (string, error) {
	p := v.policy
	sentences := []string{hint}
	for _, rule := range []struct {
		on  bool
		key string
	}{
		{p.RequireUppercase, "hint.uppercase"}, {p.RequireLowercase, "hint.lowercase"},
		{p.RequireNumbers, "hint.digit"}, {p.RequireSpecialChars, "hint.special"},
	} {
		if !rule.on {
			continue
		}
		text, err := v.T(rule.key)
		if err != nil {
			return "", err
		}
		sentences = append(sentences, text)
	}
	return strings.Join(sentences, " "), nil
}

// fields are the inputs of all pages.
func fields() map[string]Field {
	code := Field{Type: "text", Autocomplete: "one-time-code", InputMode: "numeric", Class: "code", Most: 32}
	recovery := code
	recovery.InputMode = "text"
	return map[string]Field{
		"email":           {Type: "email", Autocomplete: "username", InputMode: "email", Most: 254},
		"newEmail":        {Type: "email", Autocomplete: "email", InputMode: "email", Most: 254},
		"name":            {Type: "text", Autocomplete: "name", Most: 100},
		"currentPassword": {Type: "password", Autocomplete: "current-password", Most: 128},
		"proofPassword":   {Type: "password", Autocomplete: "current-password", Most: 128, Class: "optional"},
		"newPassword":     {Type: "password", Autocomplete: "new-password", Most: 128},
		"mailCode":        code,
		"factorCode":      recovery,
		"setUpCode":       code,
		"passkeyName":     {Type: "text", Autocomplete: "off", Most: 100, Class: "optional"},
		"picture":         {Type: "file", Accept: "image/jpeg,image/png,image/gif,image/webp"},
		"locale":          {Type: "select", Class: "optional"},
		"timezone":        {Type: "text", Autocomplete: "off", Most: 64, Class: "optional"},
		"keyName":         {Type: "text", Autocomplete: "off", Most: 100},
		"keyDays":         {Type: "select"},
		"teamName":        {Type: "text", Autocomplete: "organization", Most: 100},
		"role":            {Type: "select"},
		"uses":            {Type: "text", InputMode: "numeric", Autocomplete: "off", Most: 5},
		"link":            {Type: "text", Autocomplete: "off", Most: 1024},
	}
}

// templates are the parsed templates by name.
type templates map[string]*template.Template

// frame are the templates that all pages share.
func frame() []string { return []string{"layout.html", "parts.html"} }

// parseTemplates parses the built-in templates and those of the host, which win.
func parseTemplates(own fs.FS) (templates, error) {
	var wrong []error
	known := frame()
	for name := range titles() {
		known = append(known, name+".html")
	}
	slices.Sort(known)
	source := func(name string) (string, error) {
		if own != nil {
			raw, err := fs.ReadFile(own, name)
			if err == nil || !errors.Is(err, fs.ErrNotExist) {
				return string(raw), err
			}
		}
		raw, err := templateFiles.ReadFile("templates/" + name)
		return string(raw), err
	}
	if own != nil {
		found, err := fs.Glob(own, "*.html")
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			if !slices.Contains(known, name) {
				wrong = append(wrong, fmt.Errorf("%s: there is no such page; the templates are %s", name, strings.Join(known, ", ")))
			}
		}
	}
	base := template.New("base")
	for _, name := range frame() {
		text, err := source(name)
		if err == nil {
			_, err = base.New(name).Parse(text)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	all := templates{}
	for name := range titles() {
		text, err := source(name + ".html")
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s.html: %w", name, err))
			continue
		}
		one, err := base.Clone()
		if err == nil {
			_, err = one.New("content").Parse(text)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s.html: %w", name, err))
			continue
		}
		all[name] = one
	}
	return all, errors.Join(wrong...)
}

// rehearse executes each template once, so that a mistake in a template stops New
// and not a visitor.
func (s *site) rehearse() error {
	var wrong []error
	for _, name := range Names() {
		v := &visit{site: s, words: s.texts.Match(nil)}
		v.user, v.signedIn = admit.User{Name: "Ada", Email: "ada@app.example"}, true
		view := s.newView(v)
		view.Email, view.Kind, view.Token = "ada@app.example", flowLink, "token"
		view.Passkey, view.StartOver = true, true
		view.Codes = []string{"code"}
		view.Setup = &Setup{Secret: "SECRET", URI: "otpauth://totp/x", QR: "data:,"}
		view.Passkeys, view.Devices = []admit.Passkey{{Name: "Phone"}}, []admit.RememberedDevice{{Device: "Firefox"}}
		view.Sessions = []SessionRow{{Device: "Firefox on Linux"}}
		view.Settings, view.Team = rehearsedSettings(), rehearsedTeam()
		if _, err := s.execute(view, name); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// wide are the pages that need more room.
func wide() []string {
	return []string{"account", "account-devices", "account-passkeys", "account-links", "account-keys", "organizations", "organization", "organization-invitations"}
}

// execute writes a page into memory.
func (s *site) execute(view *View, name string) ([]byte, error) {
	view.Page, view.Wide = name, slices.Contains(wide(), name)
	var err error
	if view.Title, err = view.T(titles()[name]); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := s.templates[name].ExecuteTemplate(&body, "layout.html", view); err != nil {
		return nil, fmt.Errorf("%s.html: %w", name, err)
	}
	return body.Bytes(), nil
}

// titles are the keys of the titles of all pages, by the name of their template.
func titles() map[string]string {
	all := map[string]string{}
	for _, name := range []string{
		"sign-in", "sign-up", "sign-out", "signed-out", "forgot", "check-mail", "link", "reset", "confirmed", "second-step",
		"set-up", "recovery-codes", "verify", "expired", "banned", "dead-link", "reauthenticate", "error", "not-found",
		"account", "account-name", "account-email", "account-password", "account-two-step", "account-passkeys", "account-devices",
		"account-picture", "account-links", "leaving", "account-notifications", "account-preferences", "account-keys", "account-export",
		"account-delete", "account-deleted", "organizations", "organization", "organization-invitations", "invitation",
	} {
		all[name] = name + ".title"
	}
	return all
}

// show writes a page.
func (v *visit) show(status int, name string) error {
	var raw [16]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return err
	}
	v.view.Nonce, v.view.Status = base64.RawStdEncoding.EncodeToString(raw[:]), status
	body, err := v.execute(v.view, name)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.view.Language)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", v.imports.with(v.view.Nonce))
	// With no-referrer, browsers send the forms of a page with the origin "null".
	// The pages of mailed links need it: their URL has a token.
	h.Set("Referrer-Policy", "same-origin")
	if v.view.secret {
		h.Set("Referrer-Policy", "no-referrer")
	}
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Language, Cookie")
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(body) // a reader who left is not our error
	}
	return nil
}
