package admit

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/ui"
)

// What a page can ask for beside what it is there for.
const (
	// actionDisown says that the account is not one's own.
	actionDisown = "disown"
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

// readQuery reads the same fields from the address of a page.
func readQuery(r *http.Request) (in formInput, err error) {
	values, err := webio.Query(r)
	if err != nil {
		return in, err
	}
	return in, in.fill(values)
}

func (in *formInput) fill(values url.Values) error {
	return webio.Fields(values, map[string]*string{
		"token": &in.Token, "email": &in.Email, "callbackUrl": &in.CallbackURL,
		"newPassword": &in.NewPassword, "action": &in.Action,
	})
}

// hidden are the fields that a page's form sends along.
func (in *formInput) hidden(action string) []ui.Field {
	fields := []ui.Field{{Name: "token", Value: in.Token}, {Name: "email", Value: in.Email}}
	if in.CallbackURL != "" {
		fields = append(fields, ui.Field{Name: "callbackUrl", Value: in.CallbackURL})
	}
	if action != "" {
		fields = append(fields, ui.Field{Name: "action", Value: action})
	}
	return fields
}

// renewal is the form that asks for a new link to the same address; none where
// there is no address.
func (in formInput) renewal(action string) []ui.Form {
	if showEmail(in.Email) == "" {
		return nil
	}
	in.Token = ""
	return []ui.Form{{Action: action, Button: "Send me a new link", Hidden: in.hidden(actionRenew)}}
}

// renew mails a new link, within the limits of every other request for a mail.
func (k *kernel) renew(w http.ResponseWriter, r *http.Request, isForm bool, in formInput, send func(ctx context.Context, in LinkParams) error) error {
	err := k.spend(r.Context(), ErrTooManyCodeRequests, clientCounter(r.Context(), limitMail)...)
	if err == nil {
		err = send(r.Context(), LinkParams{Email: in.Email, CallbackURL: in.CallbackURL})
	}
	return k.answerForm(w, r, isForm, err, ui.Page{
		Title: "Check your mail",
		Paragraphs: []string{
			"If this address can be used here, a mail with a new link is on its way. It makes older links worthless.",
			"Nothing there after some minutes? Look among the junk mail too.",
		},
		Facts: []ui.Fact{{Label: "Address", Value: showEmail(in.Email)}},
	}, webio.Message("If the address can be used, a mail is on its way."))
}

// answerForm answers a form with a page and a program with JSON. The page of a
// failure offers what else can be done.
func (k *kernel) answerForm(w http.ResponseWriter, r *http.Request, isForm bool, err error, page ui.Page, body any, otherwise ...ui.Form) error {
	asPage := isForm && wantsPage(r)
	switch {
	case err != nil && asPage:
		return k.writeErrorPage(w, r, err, otherwise...)
	case err != nil:
		return err
	case asPage:
		return k.writePage(w, r, http.StatusOK, page)
	}
	return webio.Write(w, http.StatusOK, body)
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

// writePage shows a page.
func (k *kernel) writePage(w http.ResponseWriter, r *http.Request, status int, page ui.Page) error {
	page.SiteName = k.config.SiteName
	page.Languages = append(page.Languages, ui.Accepted(r.Header.Get("Accept-Language"))...)
	if err := k.pages.Write(w, status, page); err != nil {
		return ErrInternal.because(err)
	}
	return nil
}

// writeErrorPage shows an error to a person.
func (k *kernel) writeErrorPage(w http.ResponseWriter, r *http.Request, err error, otherwise ...ui.Form) error {
	answer := asError(err)
	if answer.Status >= http.StatusInternalServerError {
		return err // logged and answered in one place
	}
	answer.failure().Headers(w.Header())
	page := ui.Page{Title: "That did not work", Alert: answer.Message}
	for _, tooOld := range []*Error{ErrInvalidToken, ErrTokenExpired, ErrVerificationTokenNotFound, ErrVerificationTokenExpired} {
		if errors.Is(err, tooOld) {
			page.Paragraphs = []string{"Links work once and only for a while. If this one is too old, ask for a new one."}
			page.Forms = otherwise
		}
	}
	return k.writePage(w, r, answer.Status, page)
}
