package admit

import (
	"cmp"
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/ui"
)

// The actions that a form can ask for.
const (
	// actionDisown says that the account does not belong to the reader of the
	// mail. The page asks again and sends actionDelete.
	actionDisown = "disown"
	actionDelete = "delete"
	// actionRenew asks for a new link because the link is too old.
	actionRenew = "renew"
)

// formInput is the input that pages send, and that programs may send instead.
type formInput struct {
	Token       string `json:"token"`
	Email       string `json:"email"`
	CallbackURL string `json:"callbackUrl"`
	NewPassword string `json:"newPassword"`
	Action      string `json:"action"`
	Locale      string `json:"locale"`
	// RevokeAPIKeys is sent together with a new password.
	RevokeAPIKeys bool `json:"revokeApiKeys"`
}

// readForm reads a body that is JSON or a form, and says which.
func readForm(w http.ResponseWriter, r *http.Request) (in formInput, isForm bool, err error) {
	if !webio.IsForm(r) {
		return in, false, webio.Decode(r, &in)
	}
	values, err := webio.Form(w, r)
	if err != nil {
		return in, true, err
	}
	return in, true, in.fill(values)
}

// readLink reads the same fields from the query of a page. For a browser it
// leaves out damaged fields, because mail programs wrap and cut links, and
// people copy links from HTML source. A complete token is enough. A program
// gets an error instead.
func (v visitor) readLink() (in formInput, err error) {
	if !wantsPage(v.r) {
		values, err := webio.Query(v.r)
		if err == nil {
			err = in.fill(values)
		}
		if err == nil {
			err = v.checkCallback(in.CallbackURL)
		}
		return in, err
	}
	// ParseQuery returns what it could read, even with an error.
	values, _ := url.ParseQuery(strings.ReplaceAll(v.r.URL.RawQuery, "&amp;", "&"))
	for name, field := range in.fields() {
		if webio.Fields(values, map[string]*string{name: field}) != nil {
			*field = ""
		}
	}
	in.Token = cleanSecret(in.Token)
	if v.checkCallback(in.CallbackURL) != nil {
		in.CallbackURL = ""
	}
	return in, nil
}

func (in *formInput) fill(values url.Values) error {
	var revoke string
	fields := in.fields()
	fields["revokeApiKeys"] = &revoke
	err := webio.Fields(values, fields)
	in.RevokeAPIKeys = revoke == "true"
	return err
}

func (in *formInput) fields() map[string]*string {
	return map[string]*string{
		"token": &in.Token, "email": &in.Email, "callbackUrl": &in.CallbackURL,
		"newPassword": &in.NewPassword, "action": &in.Action, "locale": &in.Locale,
	}
}

// hidden returns the hidden fields of a form on a page.
func (in *formInput) hidden(action string) []ui.Field {
	var fields []ui.Field
	if in.Token != "" {
		fields = append(fields, ui.Field{Name: "token", Value: in.Token})
	}
	if in.Email != "" {
		fields = append(fields, ui.Field{Name: "email", Value: in.Email})
	}
	if in.CallbackURL != "" {
		fields = append(fields, ui.Field{Name: "callbackUrl", Value: in.CallbackURL})
	}
	if action != "" {
		fields = append(fields, ui.Field{Name: "action", Value: action})
	}
	return fields
}

// linkParams returns the input of a rule that mails a link.
func (in *formInput) linkParams() LinkParams {
	return LinkParams{Email: in.Email, CallbackURL: in.CallbackURL, Locale: in.Locale}
}

// asked returns the context of a request that leads to a mail. If neither the
// body nor the account names a language, the mail is in a language that the
// client accepts.
func asked(r *http.Request) context.Context {
	return WithLanguages(r.Context(), r.Header.Get("Accept-Language"))
}

// renewal returns the form that asks for a new link to the same address. If the
// link has no valid address, the form asks for the address.
func (in formInput) renewal(action string) []ui.Form {
	in.Token, in.Email = "", showEmail(in.Email)
	return []ui.Form{{Action: action, Button: "Send me a new link", Hidden: in.hidden(actionRenew), Email: in.Email == ""}}
}

// pagePath returns the path at which a browser reaches a page of this API. It
// starts with the path of Config.BaseURL, which a proxy in front of the host
// may have removed.
func (k *kernel) pagePath(path string) string { return sitePath(k, k.config.BasePath+path) }

// sitePath returns the path at which a browser reaches a path of the host.
func sitePath(k *kernel, path string) string {
	base, err := url.Parse(k.config.BaseURL)
	if err != nil { // New has refused it
		return path
	}
	return base.EscapedPath() + path
}

// visitor is a request that may come from a browser, and its answer.
type visitor struct {
	*kernel
	w http.ResponseWriter
	r *http.Request
}

func (k *kernel) visitor(w http.ResponseWriter, r *http.Request) visitor { return visitor{k, w, r} }

// home returns the link of a page where nothing is left to do.
func (v visitor) home() []ui.Link {
	return []ui.Link{{Text: "To the home page", URL: template.URL(cmp.Or(v.hosted.Home, v.config.HomeURL))}} //nolint:gosec // from the configuration
}

// languages returns the language of the account. A page uses it before the
// languages of the browser.
func (s seen) languages() []string { return languagesOf(s.user.Locale) }

func languagesOf(locale string) []string {
	if locale == "" {
		return nil
	}
	return []string{locale}
}

// renew mails a new link. It spends the same budgets as every other request for
// a mail.
func (v visitor) renew(isForm bool, in formInput, path string, send func(ctx context.Context, in LinkParams) error) error {
	err := send(asked(v.r), in.linkParams())
	return v.answerForm(isForm, err, ui.Page{
		Title: "Check your mail",
		Paragraphs: []string{
			"If this address can be used here, a mail with a new link is on its way. Older links stop working.",
			"Nothing there after some minutes? Look in your junk mail too.",
		},
		Facts: []ui.Fact{{Label: "Address", Value: showEmail(in.Email)}},
	}, webio.Message("If the address can be used, a mail is on its way."), formInput{CallbackURL: in.CallbackURL}.renewal(v.pagePath(path))...)
}

// lookAt finds the account for the language of the page that answers a form. It
// returns no error about the link, because the rule returns it.
func (v visitor) lookAt(secret string, kinds ...string) (seen, error) {
	if !wantsPage(v.r) {
		return seen{}, nil
	}
	found, err := lookAt(v.r.Context(), v.kernel, secret, kinds...)
	if err != nil && asError(err).Status >= http.StatusInternalServerError {
		return seen{}, err
	}
	return found, nil
}

// answerForm answers a form with a page and a program with JSON. The page after
// a failure is in the same languages and has the forms in otherwise.
func (v visitor) answerForm(isForm bool, err error, page ui.Page, body any, otherwise ...ui.Form) error {
	asPage := isForm && wantsPage(v.r)
	switch {
	case err != nil && asPage:
		return v.writeErrorPage(err, ui.Page{Languages: page.Languages, Forms: otherwise})
	case err != nil:
		return err
	case asPage:
		return v.writePage(http.StatusOK, page)
	}
	return webio.Write(v.w, http.StatusOK, body)
}

// wantsJSON reports whether a request declares itself a program's: it accepts
// exactly JSON, or it has an API key, which was checked before.
func wantsJSON(r *http.Request) bool {
	accept := r.Header["Accept"]
	if c := callerFrom(r.Context()); c != nil && c.key != nil {
		return true
	}
	return len(accept) == 1 && accept[0] == "application/json"
}

// wantsPage reports whether a request comes from a browser that displays the
// answer.
func wantsPage(r *http.Request) bool {
	return !wantsJSON(r) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// navigatesToPage reports whether a browser shows the answer to a person. A
// script that fetches something cannot use a page.
func navigatesToPage(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	return r.Header.Get("Authorization") == "" && r.Header.Get("X-Api-Key") == "" &&
		r.Header.Get("X-Requested-With") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// writePage writes a page. If the page has no form and no link, it gets a link
// to the home page.
func (v visitor) writePage(status int, page ui.Page) error {
	page.SiteName = v.config.SiteName
	page.Languages = append(slices.Clip(page.Languages), ui.Accepted(v.r.Header.Get("Accept-Language"))...)
	if len(page.Forms)+len(page.Links) == 0 {
		page.Links = v.home()
	}
	// After a form, a browser follows a redirect only to the targets that the
	// page of the form allows.
	for _, form := range page.Forms {
		for _, field := range form.Hidden {
			if source := v.redirects.FormAction(field.Value); field.Name == "callbackUrl" && source != "" {
				page.FormActions = append(page.FormActions, source)
			}
		}
	}
	if err := v.pages.Write(v.w, status, page); err != nil {
		return ErrInternal.because(err)
	}
	return nil
}

// writeErrorPage shows an error to a person. otherwise has the languages of the
// page, and the paragraphs and forms for a link that does not work.
func (v visitor) writeErrorPage(err error, otherwise ui.Page) error {
	answer := asError(err)
	if answer.Status >= http.StatusInternalServerError {
		return err // serve logs and answers it
	}
	return v.showError(answer, otherwise)
}

func (v visitor) showError(answer *Error, otherwise ui.Page) error {
	answer.failure().Headers(v.w.Header())
	page := ui.Page{Languages: otherwise.Languages, Title: "That did not work", Alert: answer.Message, Links: v.home()}
	if reference, ok := answer.Details["requestId"].(string); ok {
		page.Facts = []ui.Fact{{Label: "Reference", Value: reference}}
	}
	switch {
	case errors.Is(answer, ErrInvalidToken), errors.Is(answer, ErrVerificationTokenNotFound):
		page.Alert = "This link is not valid, or was used already."
	case errors.Is(answer, ErrTokenExpired), errors.Is(answer, ErrVerificationTokenExpired):
		page.Alert = "This link is too old."
	case errors.Is(answer, ErrInvalidEmail) && len(otherwise.Forms) > 0:
	case answer.Status == http.StatusNotFound:
		page.Paragraphs = []string{"The link may have been cut on its way. Open it from the mail once more, or copy the whole of it."}
		return v.writePage(answer.Status, page)
	default:
		return v.writePage(answer.Status, page)
	}
	page.Paragraphs, page.Forms = otherwise.Paragraphs, otherwise.Forms
	if len(page.Paragraphs) == 0 {
		page.Paragraphs = []string{"Links work once and only for a while."}
	}
	return v.writePage(answer.Status, page)
}

// failed answers a failure of a link: a browser gets a page, and a program gets
// the error.
func (v visitor) failed(err error, otherwise ui.Page) error {
	if wantsPage(v.r) {
		return v.writeErrorPage(err, otherwise)
	}
	return err
}

// againWhereAsked is the page for a link that only a signed-in user can ask for
// again.
func againWhereAsked(found seen) ui.Page {
	return ui.Page{Languages: found.languages(), Paragraphs: []string{"Links work once and only for a while.", "Ask for a new one where you asked for this one."}}
}
