package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/webio"
)

// This file has the routes of template.go.

const (
	templatesPath = "/admin/email-templates"
	templatePath  = templatesPath + "/{category}"
	// templateScope is the scope that a key needs to change mails. No wildcard covers
	// it: who writes mails can lead their readers anywhere.
	templateScope = "templates:write"
)

// templateDoors are the routes of templates.
type templateDoors struct {
	*kernel
	templates *Templates
}

func (d *templateDoors) feature() feature {
	return feature{
		name: "template",
		routes: []route{
			{method: http.MethodGet, path: templatesPath, who: adminGroup, scope: "templates:read", serve: d.handleList},
			{method: http.MethodGet, path: templatePath, who: adminGroup, scope: "templates:read", serve: d.handleGet},
			{method: http.MethodPatch, path: templatePath, who: adminGroup, scope: templateScope, exact: true, serve: d.handleUpdate},
			{method: http.MethodDelete, path: templatePath, who: adminGroup, scope: templateScope, exact: true, serve: d.handleReset},
			{method: http.MethodGet, path: templatePath + "/history", who: adminGroup, scope: "templates:read", serve: d.handleHistory},
			{method: http.MethodPost, path: templatePath + "/revert", who: adminGroup, scope: templateScope, exact: true, serve: d.handleRevert},
			{method: http.MethodPost, path: templatePath + "/preview", who: adminGroup, scope: templateScope, exact: true, serve: d.handlePreview},
			{method: http.MethodPost, path: templatePath + "/test", who: adminGroup, scope: templateScope, exact: true, serve: d.handleTest},
		},
		holds:  holding{nothing: "templates are of the host, not of people"},
		events: []string{eventTemplateChanged},
		errors: []*Error{ErrTemplateNotFound},
	}
}

// templateBody is a template in an answer.
type templateBody struct {
	Category         string         `json:"category"`
	Locale           webio.Optional `json:"locale"`
	Subject          webio.Optional `json:"subject"`
	Body             webio.Optional `json:"body"`
	SenderEmail      webio.Optional `json:"senderEmail"`
	SenderName       webio.Optional `json:"senderName"`
	LogoURL          webio.Optional `json:"logoUrl"`
	BrandColor       webio.Optional `json:"brandColor"`
	OverrideDefaults bool           `json:"overrideDefaults"`
	Variables        []string       `json:"variables"`
	Required         webio.Optional `json:"required"`
	UpdatedAt        webio.Instant  `json:"updatedAt"`
	Number           int            `json:"number,omitzero"`
}

func showTemplate(t EmailTemplate) templateBody {
	return templateBody{
		Category: t.Category, Locale: webio.Optional(t.Locale), Subject: webio.Optional(t.Subject), Body: webio.Optional(t.Body),
		SenderEmail: webio.Optional(t.SenderEmail), SenderName: webio.Optional(t.SenderName), LogoURL: webio.Optional(t.LogoURL),
		BrandColor: webio.Optional(t.BrandColor), OverrideDefaults: t.OverrideDefaults, Variables: t.Variables, Required: webio.Optional(t.Required),
		UpdatedAt: webio.Instant(t.UpdatedAt), Number: t.Number,
	}
}

// asked reads which template a request is about.
func (d *templateDoors) asked(r *http.Request) (TemplateParams, error) {
	in := TemplateParams{Category: r.PathValue("category")}
	query, err := webio.Query(r)
	if err == nil {
		err = webio.Fields(query, map[string]*string{"locale": &in.Locale})
	}
	return in, err
}

// changing is asked after a recent proof.
func (d *templateDoors) changing(r *http.Request) (TemplateParams, error) {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return TemplateParams{}, err
	}
	return d.asked(r)
}

func (d *templateDoors) answer(w http.ResponseWriter, t EmailTemplate, err error) error {
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showTemplate(t))
}

func (d *templateDoors) answerList(w http.ResponseWriter, list []EmailTemplate, err error) error {
	if err != nil {
		return err
	}
	bodies := make([]templateBody, len(list))
	for i, t := range list {
		bodies[i] = showTemplate(t)
	}
	return webio.Write(w, http.StatusOK, bodies)
}

func (d *templateDoors) handleList(w http.ResponseWriter, r *http.Request) error {
	list, err := d.templates.List(r.Context())
	return d.answerList(w, list, err)
}

func (d *templateDoors) handleGet(w http.ResponseWriter, r *http.Request) error {
	in, err := d.asked(r)
	if err != nil {
		return err
	}
	t, err := d.templates.Get(r.Context(), in)
	return d.answer(w, t, err)
}

type updateTemplateInput struct {
	Subject          Optional[*string] `json:"subject"`
	Body             Optional[*string] `json:"body"`
	SenderEmail      Optional[*string] `json:"senderEmail"`
	SenderName       Optional[*string] `json:"senderName"`
	LogoURL          Optional[*string] `json:"logoUrl"`
	BrandColor       Optional[*string] `json:"brandColor"`
	OverrideDefaults Optional[*bool]   `json:"overrideDefaults"`
}

func (d *templateDoors) handleUpdate(w http.ResponseWriter, r *http.Request) error {
	of, err := d.changing(r)
	if err != nil {
		return err
	}
	var in updateTemplateInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	t, err := d.templates.Update(r.Context(), UpdateTemplateParams{
		TemplateParams: of, Subject: in.Subject, Body: in.Body, SenderEmail: in.SenderEmail, SenderName: in.SenderName,
		LogoURL: in.LogoURL, BrandColor: in.BrandColor, OverrideDefaults: in.OverrideDefaults,
	})
	return d.answer(w, t, err)
}

func (d *templateDoors) handleReset(w http.ResponseWriter, r *http.Request) error {
	of, err := d.changing(r)
	if err != nil {
		return err
	}
	t, err := d.templates.Reset(r.Context(), of)
	return d.answer(w, t, err)
}

func (d *templateDoors) handleHistory(w http.ResponseWriter, r *http.Request) error {
	of, err := d.asked(r)
	if err != nil {
		return err
	}
	list, err := d.templates.History(r.Context(), of)
	return d.answerList(w, list, err)
}

type revertTemplateInput struct {
	Number int `json:"number"`
}

func (d *templateDoors) handleRevert(w http.ResponseWriter, r *http.Request) error {
	of, err := d.changing(r)
	if err != nil {
		return err
	}
	var in revertTemplateInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	t, err := d.templates.Revert(r.Context(), RevertTemplateParams{TemplateParams: of, Number: in.Number})
	return d.answer(w, t, err)
}

type previewTemplateInput struct {
	Subject string `json:"subject"`
	Body    string `json:"body"`
	Locale  string `json:"locale"`
	UserID  string `json:"userId"`
}

func (d *templateDoors) handlePreview(w http.ResponseWriter, r *http.Request) error {
	of, err := d.changing(r)
	if err != nil {
		return err
	}
	var in previewTemplateInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	if in.Locale != "" {
		of.Locale = in.Locale
	}
	preview, err := d.templates.Preview(r.Context(), PreviewTemplateParams{TemplateParams: of, Subject: in.Subject, Body: in.Body, UserID: in.UserID})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, preview)
}

func (d *templateDoors) handleTest(w http.ResponseWriter, r *http.Request) error {
	of, err := d.changing(r)
	if err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if !c.signedIn {
		return ErrForbidden // a key has no mailbox
	}
	if err := d.templates.SendTest(r.Context(), TestTemplateParams{TemplateParams: of, UserID: c.user.ID}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("A test is on its way to your address."))
}
