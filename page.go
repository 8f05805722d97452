package admit

import (
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

// What a page can ask for beside what it is there for.
const (
	// actionDisown says that the account is not one's own. A page then asks once
	// more, and sends actionDelete.
	actionDisown = "disown"
	actionDelete = "delete"
	// actionRenew asks for a new link instead of one that is too old.
	actionRenew = "renew"
)

// formInput is what the pages send, and what programs may send instead.
type formInput struct {
	Token       string `json:"token"`
	Email       string `json:"email"`
	CallbackURL string `json:"callbackUrl"`
	NewPassword string `json:"newPassword"`
	Action      string `json:"action"`
	Locale      string `json:"locale"`
	// RevokeAPIKeys goes with a new password.
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

// readLink reads the same fields from the address of a page. What was damaged on
// its way to a browser is left out: links are copied from HTML source, wrapped
// and cut by mail programs, and a token that is whole is enough to go on. A
// program is told.
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
	// What ParseQuery could read is there, whatever else it could not.
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

// hidden are the fields that a page's form sends along.
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

// linkParams says where a link is to be mailed.
func (in *formInput) linkParams() LinkParams {
	return LinkParams{Email: in.Email, CallbackURL: in.CallbackURL, Locale: in.Locale}
}

// asked is the context of a request that leads to a mail: the mail is in a
// language that the client accepts, where neither body nor account names one.
func asked(r *http.Request) context.Context {
	return WithLanguages(r.Context(), r.Header.Get("Accept-Language"))
}

// renewal is the form that asks for a new link to the same address. The form asks
// for the address where the link has none that can be one.
func (in formInput) renewal(action string) []ui.Form {
	in.Token, in.Email = "", showEmail(in.Email)
	return []ui.Form{{Action: action, Button: "Send me a new link", Hidden: in.hidden(actionRenew), Email: in.Email == ""}}
}

// pagePath is where a browser reaches a page of this API: below the path of
// Config.BaseURL, which a proxy in front of the host may have taken away.
func (k *kernel) pagePath(path string) string {
	base, err := url.Parse(k.config.BaseURL)
	if err != nil { // New has refused it
		return k.config.BasePath + path
	}
	return base.EscapedPath() + k.config.BasePath + path
}

// visitor is a request that can be a browser's, and its answer.
type visitor struct {
	*kernel
	w http.ResponseWriter
	r *http.Request
}

func (k *kernel) visitor(w http.ResponseWriter, r *http.Request) visitor { return visitor{k, w, r} }

// home is the way on from a page where nothing is left to do.
func (v visitor) home() []ui.Link {
	return []ui.Link{{Text: "To the home page", URL: template.URL(v.config.HomeURL)}} //nolint:gosec // from the configuration
}

// languages of a page for whoever got the link, before those of the browser.
func (s seen) languages() []string { return languagesOf(s.user.Locale) }

func languagesOf(locale string) []string {
	if locale == "" {
		return nil
	}
	return []string{locale}
}

// renew mails a new link, within the limits of every other request for a mail.
func (v visitor) renew(isForm bool, in formInput, path string, send func(ctx context.Context, in LinkParams) error) error {
	err := send(asked(v.r), in.linkParams())
	return v.answerForm(isForm, err, ui.Page{
		Title: "Check your mail",
		Paragraphs: []string{
			"If this address can be used here, a mail with a new link is on its way. It makes older links worthless.",
			"Nothing there after some minutes? Look among the junk mail too.",
		},
		Facts: []ui.Fact{{Label: "Address", Value: showEmail(in.Email)}},
	}, webio.Message("If the address can be used, a mail is on its way."), formInput{CallbackURL: in.CallbackURL}.renewal(v.pagePath(path))...)
}

// lookAt is lookAt for the page that answers a form: whose language it is in. The
// rule answers what is wrong with the link.
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

// answerForm answers a form with a page and a program with JSON. The page of a
// failure is in the same languages and offers what else can be done.
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

// wantsJSON says whether a request declares itself a program's: by asking for
// exactly JSON, or by an API key, which was checked before.
func wantsJSON(r *http.Request) bool {
	accept := r.Header["Accept"]
	if c := callerFrom(r.Context()); c != nil && c.key != nil {
		return true
	}
	return len(accept) == 1 && accept[0] == "application/json"
}

// wantsPage says whether a request comes from a browser that shows what it is
// given.
func wantsPage(r *http.Request) bool {
	return !wantsJSON(r) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// writePage shows a page, with a way on where the page has none.
func (v visitor) writePage(status int, page ui.Page) error {
	page.SiteName = v.config.SiteName
	page.Languages = append(slices.Clip(page.Languages), ui.Accepted(v.r.Header.Get("Accept-Language"))...)
	if len(page.Forms)+len(page.Links) == 0 {
		page.Links = v.home()
	}
	// A browser follows the redirect that answers a form only to where the page of
	// the form allows.
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
// page and what a link that is no longer good leaves to do.
func (v visitor) writeErrorPage(err error, otherwise ui.Page) error {
	answer := asError(err)
	if answer.Status >= http.StatusInternalServerError {
		return err // logged and answered in one place
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

// failed answers a link that leads to no page: with a page to a browser.
func (v visitor) failed(err error, otherwise ui.Page) error {
	if wantsPage(v.r) {
		return v.writeErrorPage(err, otherwise)
	}
	return err
}

// againWhereAsked is what the page of a link says that only a signed-in user can
// ask for.
func againWhereAsked(found seen) ui.Page {
	return ui.Page{Languages: found.languages(), Paragraphs: []string{"Links work once and only for a while.", "Ask for a new one where you asked for this one."}}
}
