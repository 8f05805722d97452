package console

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/admit-go/admit"
)

// templateRow is one category, with the languages that have a template.
type templateRow struct {
	Category  string
	Languages []string
}

func (v *visit) templatesPage() error {
	v.view.Section = "templates"
	list, err := v.auth.Templates.List(v.r.Context())
	if err != nil {
		return err
	}
	var rows []templateRow
	for _, t := range list {
		if len(rows) == 0 || rows[len(rows)-1].Category != t.Category {
			rows = append(rows, templateRow{Category: t.Category})
		}
		if !t.UpdatedAt.IsZero() {
			last := &rows[len(rows)-1]
			last.Languages = append(last.Languages, t.Locale)
		}
	}
	v.view.Data = rows
	return v.show(http.StatusOK, "templates")
}

// templateView is the page of one template.
type templateView struct {
	admit.EmailTemplate
	History   []admit.EmailTemplate
	Languages []string
	// Saved names the state that the form began with.
	Saved string
}

// languages are those that a template can be written in; "" is for everybody else.
func languages() []string { return []string{"", "ar", "de", "en", "es", "fr", "ja", "ko", "pt", "zh"} }

func (v *visit) asked() admit.TemplateParams {
	return admit.TemplateParams{Category: v.params["category"], Locale: v.query.Get("locale")}
}

func (v *visit) templatePage() error { return v.showTemplate(http.StatusOK) }

func (v *visit) showTemplate(status int) error {
	v.view.Section = "templates"
	var data templateView
	var err error
	if data.EmailTemplate, err = v.auth.Templates.Get(v.r.Context(), v.asked()); err != nil {
		return err
	}
	if data.History, err = v.auth.Templates.History(v.r.Context(), v.asked()); err != nil {
		return err
	}
	data.Languages = languages()
	if !slices.Contains(data.Languages, data.Locale) {
		data.Languages = append(data.Languages, data.Locale)
	}
	data.Saved = v.view.Typed("saved", saved(data.EmailTemplate))
	v.view.Title = v.view.Or("mail.", data.Category)
	v.view.Data = &data
	return v.show(status, "template")
}

// saved names the state of a template, so that a form knows which one it began with.
func saved(t admit.EmailTemplate) string {
	if t.UpdatedAt.IsZero() {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{
		t.UpdatedAt.UTC().Format(time.RFC3339Nano), t.Subject, t.Body, t.SenderName, t.LogoURL, t.BrandColor, strconv.FormatBool(t.OverrideDefaults),
	}))
	return hex.EncodeToString(sum[:8])
}

// saveTemplate writes a template, or goes back to an older one, unless somebody else
// has saved it since the page was opened.
func (v *visit) saveTemplate() error {
	path := "/admin/email-templates/" + url.PathEscape(v.params["category"])
	query := "?locale=" + url.QueryEscape(v.query.Get("locale"))
	page := "templates/" + v.params["category"] + query
	action := v.form.Get("action")
	if action != "test" {
		now, err := v.auth.Templates.Get(v.r.Context(), v.asked())
		if err != nil {
			return err
		}
		if saved(now) != v.form.Get("saved") {
			v.view.Alert = v.words.Say("template.meanwhile")
			v.form.Set("saved", saved(now))
			return v.showTemplate(http.StatusConflict)
		}
	}
	var err error
	switch action {
	case "test":
		_, err = v.call(http.MethodPost, path+"/test"+query, nil)
	case "reset":
		_, err = v.call(http.MethodDelete, path+query, nil)
	case "revert":
		number, wrong := strconv.Atoi(v.form.Get("number"))
		if wrong != nil {
			return admit.ErrInvalidRequest
		}
		_, err = v.call(http.MethodPost, path+"/revert"+query, map[string]any{"number": number})
	default:
		action = "save"
		body := map[string]any{}
		for _, name := range []string{"subject", "body", "senderName", "logoUrl", "brandColor"} {
			body[name] = orNull(strings.ReplaceAll(v.form.Get(name), "\r\n", "\n"))
		}
		body["overrideDefaults"] = v.form.Get("overrideDefaults") == "true"
		_, err = v.call(http.MethodPatch, path+query, body)
	}
	if err != nil {
		refused := asError(err)
		if refused.Status != http.StatusBadRequest && refused.Status != http.StatusConflict {
			return err
		}
		v.view.Alert = v.explain(refused)
		return v.showTemplate(http.StatusUnprocessableEntity)
	}
	return v.done(page, "template-"+action)
}

// framePolicy is that of a preview: nothing runs, nothing is sent, and no page but
// those of this origin shows it.
const framePolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox"

// previewMessage is the frame where there is no mail to show.
var previewMessage = template.Must(template.New("message").Parse(`<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>.</title><p style="font:1rem system-ui,sans-serif">{{.}}</p>`))

// previewTemplate shows the mail that the form would make, inside a frame.
func (v *visit) previewTemplate() error {
	answer, err := v.call(http.MethodPost, "/admin/email-templates/"+url.PathEscape(v.params["category"])+"/preview", map[string]any{
		"subject": v.form.Get("subject"), "body": strings.ReplaceAll(v.form.Get("body"), "\r\n", "\n"), "locale": v.query.Get("locale"),
	})
	if err != nil {
		refused := asError(err)
		return v.framed(refused.Status, v.explain(refused))
	}
	var preview admit.EmailPreview
	if err := json.Unmarshal(answer, &preview); err != nil {
		return err
	}
	v.write(http.StatusOK, []byte(withSubject(preview)), framePolicy, "SAMEORIGIN")
	return nil
}

// withSubject puts the subject before the body of a mail.
func withSubject(preview admit.EmailPreview) string {
	line := `<p style="margin:0 0 1em;padding:.5em;border-bottom:1px solid;font:bold 1rem system-ui,sans-serif">` + template.HTMLEscapeString(preview.Subject) + `</p>`
	if at := strings.Index(preview.HTML, "<body"); at >= 0 {
		if end := strings.IndexByte(preview.HTML[at:], '>'); end >= 0 {
			return preview.HTML[:at+end+1] + line + preview.HTML[at+end+1:]
		}
	}
	return "<!doctype html>" + line + preview.HTML
}

// framed says something in the place of a preview.
func (v *visit) framed(status int, text string) error {
	var body strings.Builder
	if err := previewMessage.Execute(&body, text); err != nil {
		return err
	}
	v.write(status, []byte(body.String()), framePolicy, "SAMEORIGIN")
	return nil
}
