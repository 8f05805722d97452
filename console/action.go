package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/admit-go/admit"
)

// action is something that an administrator does to a person. Each is one request to
// the API.
type action struct {
	name string
	// method and path are those of the API; {id} is the person, {what} the query
	// parameter what, such as a session.
	method, path string
	// body is what is sent; nil sends nothing.
	body func(v *visit) map[string]any
	// danger asks on a page of its own, which names what will be lost. An action
	// without it has a button on the page of the person.
	danger bool
	// others refuses the action for the administrator itself.
	others bool
	// typed asks for the address of the person, letter by letter.
	typed bool
	// fields are the inputs of the page: "reason", "until" and "role".
	fields []string
}

func withReason(v *visit) map[string]any { return map[string]any{"reason": v.form.Get("reason")} }

func actions() []action {
	const admin = "/admin/users/{id}"
	return []action{
		{name: "end-sessions", method: http.MethodDelete, path: admin + "/sessions", body: withReason, danger: true, fields: []string{"reason"}},
		{name: "end-session", method: http.MethodDelete, path: admin + "/sessions/{what}", body: withReason, danger: true, fields: []string{"reason"}},
		{name: "reset-factors", method: http.MethodDelete, path: admin + "/factors", body: withReason, danger: true, fields: []string{"reason"}},
		{name: "reset-passkeys", method: http.MethodDelete, path: admin + "/passkeys", body: withReason, danger: true, fields: []string{"reason"}},
		{name: "ban", method: http.MethodPatch, path: "/users/{id}", danger: true, others: true, fields: []string{"reason", "until"}, body: func(v *visit) map[string]any {
			body := map[string]any{"banned": true, "banReason": v.form.Get("reason")}
			if until, ok := v.day("until"); ok {
				body["banExpiresAt"] = until.Format(time.RFC3339)
			}
			return body
		}},
		{name: "unban", method: http.MethodPatch, path: "/users/{id}", body: func(*visit) map[string]any { return map[string]any{"banned": false} }},
		{name: "role", method: http.MethodPatch, path: "/users/{id}/role", danger: true, others: true, fields: []string{"role"}, body: func(v *visit) map[string]any {
			return map[string]any{"role": v.form.Get("role")}
		}},
		{name: "resend-verification", method: http.MethodPost, path: admin + "/resend-verification"},
		{name: "send-reset", method: http.MethodPost, path: admin + "/send-reset"},
		{name: "delete", method: http.MethodDelete, path: "/users/{id}", danger: true, others: true, typed: true},
	}
}

// day reads a date of a form: its first moment in UTC.
func (v *visit) day(field string) (time.Time, bool) {
	at, err := time.Parse("2006-01-02", v.form.Get(field))
	return at, err == nil
}

// actionView is the page of a dangerous action.
type actionView struct {
	Name   string
	Person admit.User
	What   string
	Typed  bool
	Fields []string
	// Lost says what is lost: keys of texts.
	Sessions, Factors, Passkeys, Identities, Organizations int
	Session                                                admit.Session
	Self                                                   bool
}

// find returns the action of the path.
func (v *visit) action() (action, admit.User, error) {
	for _, a := range actions() {
		if a.name != v.params["action"] {
			continue
		}
		person, err := v.person()
		if err == nil && a.others && person.ID == v.user.ID {
			err = errOneself
		}
		return a, person, err
	}
	return action{}, admit.User{}, errNoSuchPage
}

// errOneself keeps administrators from locking themselves out.
var errOneself = &admit.Error{Code: "console/oneself", Status: http.StatusConflict, Message: "You cannot do this to your own account here. Ask another administrator, or use your account page."}

func (v *visit) actionPage() error {
	a, person, err := v.action()
	if err != nil {
		return err
	}
	if !a.danger {
		return v.goTo("people/" + person.ID)
	}
	return v.confirm(a, person, http.StatusOK)
}

// confirm asks once more, and names what will be lost.
func (v *visit) confirm(a action, person admit.User, status int) error {
	ctx := v.r.Context()
	v.view.Section = "people"
	v.view.Title = v.words.Say("do."+a.name+".title", "name", person.Email)
	data := actionView{Name: a.name, Person: person, What: v.query.Get("what"), Typed: a.typed, Fields: a.fields, Self: person.ID == v.user.ID}
	sessions, err := v.auth.Sessions.List(ctx, person.ID, admit.PageParams{Number: 1, Limit: 100})
	if err != nil {
		return err
	}
	data.Sessions = sessions.Total
	for _, s := range sessions.Items {
		if s.ID == data.What {
			data.Session = s
		}
	}
	if a.name == "end-session" && data.Session.ID == "" {
		return admit.ErrSessionNotFound
	}
	factors, err := v.auth.MFA.Factors(ctx, person.ID)
	if err != nil {
		return err
	}
	for _, f := range factors {
		if f.Type == admit.FactorTOTP && !f.ConfirmedAt.IsZero() {
			data.Factors++
		}
	}
	if v.config.Passkeys.Engine != nil {
		passkeys, err := v.auth.Passkeys.List(ctx, person.ID)
		if err != nil {
			return err
		}
		data.Passkeys = len(passkeys)
	}
	if a.typed {
		identities, err := v.auth.Identities.List(ctx, person.ID)
		if err != nil {
			return err
		}
		organizations, err := v.auth.Organizations.List(ctx, person.ID, admit.PageParams{Number: 1, Limit: 1})
		if err != nil {
			return err
		}
		data.Identities, data.Organizations = len(identities), organizations.Total
	}
	v.view.Data = &data
	return v.show(status, "action")
}

// act does what the form of an action asks for. A dangerous action needs the form of
// its page, which says sure.
func (v *visit) act() error {
	a, person, err := v.action()
	if err != nil {
		return err
	}
	if a.danger && v.form.Get("sure") != "yes" {
		return v.confirm(a, person, http.StatusOK)
	}
	if a.typed && v.form.Get("address") != person.Email {
		v.view.Alert = v.words.Say("do.address-differs")
		return v.confirm(a, person, http.StatusUnprocessableEntity)
	}
	var body any
	if a.body != nil {
		body = a.body(v)
	}
	if _, err := v.call(a.method, v.apiPath(a.path, person.ID), body); err != nil {
		refused := asError(err)
		if !a.danger || refused.Status >= http.StatusInternalServerError || refused.Is(admit.ErrReauthenticationRequired) || refused.Is(admit.ErrForbidden) {
			return err
		}
		v.view.Alert = v.explain(refused)
		return v.confirm(a, person, http.StatusUnprocessableEntity)
	}
	if a.name == "delete" {
		return v.done("people", a.name)
	}
	return v.done("people/"+person.ID, a.name)
}

// apiPath fills the parameters of a path of the API.
func (v *visit) apiPath(path, id string) string {
	return strings.NewReplacer("{id}", url.PathEscape(id), "{what}", url.PathEscape(v.query.Get("what"))).Replace(path)
}

// filled fills a path of the API with the parameters of the page.
func (v *visit) filled(path string) string {
	for name, value := range v.params {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	return path
}
