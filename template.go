package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file has the rules of mails that operators write: templateroutes.go serves
// them.

// ErrTemplateNotFound means that there is no mail of the category, or no former state
// of the number.
var ErrTemplateNotFound = &Error{Code: "auth/template-not-found", Status: http.StatusNotFound, Message: "There is no such template."}

// Templates changes at run time what mails say. A change takes effect with the next
// message, in every process.
type Templates struct {
	*kernel
}

// EmailTemplate is what an operator has written for a mail. Every text is "" where
// the built-in mail counts.
type EmailTemplate struct {
	// Category is the kind of the mail, such as "password_reset". Locale is the
	// language (BCP 47, in lower case); "" is for readers whose language has no
	// template.
	Category, Locale string
	// Subject is text, Body HTML. Both may have the Variables in double braces.
	Subject, Body string
	// SenderEmail is one of MessageConfig.Senders.
	SenderEmail, SenderName string
	// LogoURL is an https URL, BrandColor is #rrggbb.
	LogoURL, BrandColor string
	// OverrideDefaults says whether Subject and Body are sent in place of the
	// built-in text.
	OverrideDefaults bool
	// Variables are those of the category, Required the one that Body must have; "" if
	// none.
	Variables []string
	Required  string
	// UpdatedAt is when the template was saved; zero if there is none.
	UpdatedAt time.Time
	// Number is that of a former state: see History. It is 0 otherwise.
	Number int
}

// TemplateParams names the template of a category and a language.
type TemplateParams struct {
	Category, Locale string
}

// UpdateTemplateParams is what an operator changes. A field that is not set stays as
// it is; nil goes back to the built-in mail.
type UpdateTemplateParams struct {
	TemplateParams
	// Subject has at most 200 characters, Body at most 32 KiB.
	Subject, Body           Optional[*string]
	SenderEmail, SenderName Optional[*string]
	LogoURL, BrandColor     Optional[*string]
	// OverrideDefaults false sends the built-in text, and keeps Subject and Body.
	OverrideDefaults Optional[*bool]
}

// PreviewTemplateParams is a mail to look at. With Subject and Body "" it is the mail
// that is sent now.
type PreviewTemplateParams struct {
	TemplateParams
	Subject, Body string
	// UserID is an account whose name and address are shown. Default: a sample.
	UserID string
}

// EmailPreview is a mail as its reader gets it, with a sample of a link.
type EmailPreview struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
}

// RevertTemplateParams names a former state of a template.
type RevertTemplateParams struct {
	TemplateParams
	Number int
}

// clean checks the category, and brings the language into one form.
func (in TemplateParams) clean() (TemplateParams, error) {
	if !slices.Contains(mailer.Kinds(), mailer.Kind(in.Category)) {
		return in, ErrTemplateNotFound
	}
	if in.Locale != "" {
		if in.Locale = strings.ToLower(locale.Parse(in.Locale)); in.Locale == "" {
			return in, ErrInvalidRequest.detail("locale", "must be a language tag such as de or pt-BR")
		}
	}
	return in, nil
}

func (in TemplateParams) id() string { return templateID(mailer.Kind(in.Category), in.Locale) }

// shown is a template for operators.
func (in TemplateParams) shown(d *templateData) EmailTemplate {
	names, required := letter.Variables(mailer.Kind(in.Category))
	return EmailTemplate{
		Category: in.Category, Locale: in.Locale, Subject: d.Subject, Body: d.Body, SenderEmail: d.SenderEmail, SenderName: d.SenderName,
		LogoURL: d.LogoURL, BrandColor: d.BrandColor, OverrideDefaults: d.writes(), Variables: names, Required: required, UpdatedAt: d.savedAt(),
	}
}

// List returns a template for each category, and one more for each language that has
// a template. ErrUnavailable.
func (t *Templates) List(ctx context.Context) ([]EmailTemplate, error) {
	saved := map[string]templateData{}
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		records, total, err := t.store.ListRecords(ctx, tenant, recordTemplate, "", page)
		if err != nil {
			return nil, fault(err)
		}
		for _, r := range records {
			if saved[r.ID], err = readTemplate(r.Data); err != nil {
				return nil, err
			}
		}
		if len(records) == 0 || page.Number*page.Limit >= total {
			break
		}
	}
	var list []EmailTemplate
	for _, kind := range mailer.Kinds() {
		d := saved[string(kind)]
		list = append(list, TemplateParams{Category: string(kind)}.shown(&d))
		var tags []string
		for id := range saved {
			if tag, ok := strings.CutPrefix(id, string(kind)+"/"); ok {
				tags = append(tags, tag)
			}
		}
		slices.Sort(tags)
		for _, tag := range tags {
			d := saved[templateID(kind, tag)]
			list = append(list, TemplateParams{string(kind), tag}.shown(&d))
		}
	}
	return list, nil
}

// Get returns the template of a category and a language. It returns
// ErrTemplateNotFound, ErrInvalidRequest or ErrUnavailable.
func (t *Templates) Get(ctx context.Context, in TemplateParams) (EmailTemplate, error) {
	in, err := in.clean()
	if err != nil {
		return EmailTemplate{}, err
	}
	r, err := recordOrNone(ctx, t.store, recordTemplate, in.id())
	if err != nil {
		return EmailTemplate{}, err
	}
	d, err := readTemplate(r.Data)
	return in.shown(&d), err
}

// check refuses a template that could not be sent.
func (d *templateData) check(c *Config, kind mailer.Kind) error {
	switch logo, err := url.Parse(d.LogoURL); {
	case d.SenderEmail != "" && !maySend(c, d.SenderEmail):
		return ErrInvalidRequest.detail("senderEmail", "must be one of the addresses that the configuration allows")
	case !plainText(d.SenderName, 100):
		return ErrInvalidRequest.detail("senderName", "must have at most 100 characters and no control characters")
	case d.LogoURL != "" && (err != nil || logo.Scheme != "https" || logo.Host == "" || logo.User != nil || len(d.LogoURL) > 500):
		return ErrInvalidRequest.detail("logoUrl", "must be an https URL")
	case d.BrandColor != "" && (len(d.BrandColor) != 7 || d.BrandColor[0] != '#' || strings.Trim(d.BrandColor[1:], "0123456789abcdefABCDEF") != ""):
		return ErrInvalidRequest.detail("brandColor", "must be #rrggbb")
	case len([]rune(d.Subject)) > 200:
		return ErrInvalidRequest.detail("subject", "must have at most 200 characters")
	case len(d.Body) > 32<<10:
		return ErrInvalidRequest.detail("body", "must have at most 32 KiB")
	case d.Subject == "" && d.Body == "":
		return nil
	}
	return checkCustom(d.custom(), kind)
}

// checkCustom names the place of a mistake.
func checkCustom(c letter.Custom, kind mailer.Kind) error {
	err := c.Check(kind)
	if wrong, ok := errors.AsType[*letter.CustomError](err); ok {
		return ErrInvalidRequest.detail(wrong.Part, wrong.Reason).detail("line", wrong.Line).detail("column", wrong.Column)
	}
	return err
}

// Update changes a template in one step. It refuses a variable that the category does
// not have, a body without the link that the mail is about, and HTML that no mail
// needs, with the place of the mistake. It returns ErrTemplateNotFound,
// ErrInvalidRequest or ErrUnavailable.
func (t *Templates) Update(ctx context.Context, in UpdateTemplateParams) (EmailTemplate, error) {
	return t.change(ctx, in.TemplateParams, func(d *templateData) (fields []string) {
		override(&d.Subject, flat(in.Subject), "subject", &fields)
		override(&d.Body, flat(in.Body), "body", &fields)
		override(&d.SenderEmail, flat(in.SenderEmail), "senderEmail", &fields)
		override(&d.SenderName, flat(in.SenderName), "senderName", &fields)
		override(&d.LogoURL, flat(in.LogoURL), "logoUrl", &fields)
		override(&d.BrandColor, flat(in.BrandColor), "brandColor", &fields)
		on := in.OverrideDefaults
		override(&d.Paused, Optional[bool]{Value: on.Value != nil && !*on.Value, Set: on.Set}, "overrideDefaults", &fields)
		return fields
	})
}

// Reset goes back to the built-in mail. It returns ErrTemplateNotFound,
// ErrInvalidRequest or ErrUnavailable.
func (t *Templates) Reset(ctx context.Context, in TemplateParams) (EmailTemplate, error) {
	return t.change(ctx, in, func(d *templateData) []string {
		if d.Version == 0 {
			return nil
		}
		*d = templateData{}
		return []string{"all"}
	})
}

// History returns the last ten former states of a template, the latest first. It
// returns ErrTemplateNotFound, ErrInvalidRequest or ErrUnavailable.
func (t *Templates) History(ctx context.Context, in TemplateParams) ([]EmailTemplate, error) {
	in, err := in.clean()
	if err != nil {
		return nil, err
	}
	r, err := recordOrNone(ctx, t.store, recordTemplateHistory, in.id())
	if err != nil {
		return nil, err
	}
	history, err := readTemplateHistory(r.Data)
	if err != nil {
		return nil, err
	}
	list := make([]EmailTemplate, 0, len(history.States))
	for _, former := range slices.Backward(history.States) {
		shown := in.shown(&former.Data)
		shown.Number = former.Number
		list = append(list, shown)
	}
	return list, nil
}

// Revert makes a former state the template again; the present one becomes a former
// one. It returns ErrTemplateNotFound, ErrInvalidRequest if the state could not be
// saved today, or ErrUnavailable.
func (t *Templates) Revert(ctx context.Context, in RevertTemplateParams) (EmailTemplate, error) {
	cleaned, err := in.clean()
	if err != nil {
		return EmailTemplate{}, err
	}
	r, err := recordOrNone(ctx, t.store, recordTemplateHistory, cleaned.id())
	if err != nil {
		return EmailTemplate{}, err
	}
	history, err := readTemplateHistory(r.Data)
	if err != nil {
		return EmailTemplate{}, err
	}
	// A state is never changed, so it is the same inside the transaction.
	i := slices.IndexFunc(history.States, func(f formerTemplate) bool { return f.Number == in.Number })
	if i < 0 {
		return EmailTemplate{}, ErrTemplateNotFound
	}
	return t.change(ctx, cleaned, func(d *templateData) []string {
		*d = history.States[i].Data
		return []string{"all"}
	})
}

// change changes a template, keeps its former state, and records the change. Change
// returns the names of what it has set.
func (t *Templates) change(ctx context.Context, in TemplateParams, change func(d *templateData) []string) (now EmailTemplate, err error) {
	if in, err = in.clean(); err != nil {
		return now, err
	}
	err = untilUnmoved(ctx, t.kernel, func(ctx context.Context, tx *txn) error {
		var before templateData
		var fields []string
		err := changeRecord(ctx, tx, recordTemplate, in.id(), func(data []byte) ([]byte, error) {
			d, err := readTemplate(data)
			if err != nil {
				return nil, err
			}
			before = d
			fields = change(&d)
			now = in.shown(&d)
			if len(fields) == 0 {
				return data, nil
			}
			d.Version, d.At = 0, 0
			if d == (templateData{}) {
				now = in.shown(&d)
				return nil, nil
			}
			if err := d.check(&tx.config, mailer.Kind(in.Category)); err != nil {
				return nil, err
			}
			d.Version, d.At = templateFormat, tx.now().UnixMicro()
			now = in.shown(&d)
			return json.Marshal(d)
		})
		if err != nil || len(fields) == 0 {
			return err
		}
		if before.Version != 0 {
			if err := remember(ctx, tx, in.id(), before); err != nil {
				return err
			}
		}
		return tx.record(ctx, event{kind: eventTemplateChanged, data: eventData{"template": in.Category, "locale": in.Locale, "fields": fields}})
	})
	return onlyDone(now, err)
}

// remember keeps a former state of a template.
func remember(ctx context.Context, t *txn, id string, former templateData) error {
	return changeRecord(ctx, t, recordTemplateHistory, id, func(data []byte) ([]byte, error) {
		history, err := readTemplateHistory(data)
		if err != nil {
			return nil, err
		}
		history.Version, history.Last = templateFormat, history.Last+1
		history.States = append(history.States, formerTemplate{history.Last, former})
		if extra := len(history.States) - maxTemplateHistory; extra > 0 {
			history.States = history.States[extra:]
		}
		return json.Marshal(history)
	})
}

// sample are the facts of a mail to look at. Its link leads nowhere.
func (t *Templates) sample(user *store.User) mailer.Values {
	now := t.now()
	return mailer.Values{
		SiteName: t.config.SiteName, UserName: user.Name, UserEmail: user.Email, Verified: true, NewEmail: "new@example.com", Provider: "Google",
		Link: t.config.BaseURL + "/?sample", Code: "123456", Device: "Firefox on Linux", IPAddress: "192.0.2.1", At: now, ExpiresAt: now.Add(time.Hour),
	}
}

// Preview returns a mail as its reader would get it. It returns ErrTemplateNotFound,
// ErrInvalidRequest with the place of a mistake, ErrUserNotFound or ErrUnavailable.
func (t *Templates) Preview(ctx context.Context, in PreviewTemplateParams) (EmailPreview, error) {
	of, err := in.clean()
	if err != nil {
		return EmailPreview{}, err
	}
	user := store.User{Name: "Ada Lovelace", Email: "ada@example.com"}
	if in.UserID != "" {
		if !uuid.Valid(in.UserID) {
			return EmailPreview{}, ErrUserNotFound
		}
		if user, err = existing(t.store.User(ctx, tenant, in.UserID)); err != nil {
			return EmailPreview{}, err
		}
	}
	kind := mailer.Kind(of.Category)
	message := mailer.Message{Kind: kind, To: user.Email, Locale: of.Locale, Values: t.sample(&user)}
	if in.Subject == "" && in.Body == "" {
		message, err = write(ctx, &t.config, t.letters, message)
	} else {
		draft := templateData{Subject: in.Subject, Body: in.Body}
		present, failed := templateFor(ctx, t.store, kind, of.Locale)
		if failed != nil {
			return EmailPreview{}, fault(failed)
		}
		draft.LogoURL, draft.BrandColor = present.LogoURL, present.BrandColor
		if err := draft.check(&t.config, kind); err != nil {
			return EmailPreview{}, err
		}
		message, err = t.letters.RenderCustom(message, draft.custom())
	}
	if err != nil {
		return EmailPreview{}, ErrInternal.because(fmt.Errorf("a preview: %w", err))
	}
	return EmailPreview{Subject: message.Subject, Text: message.Text, HTML: message.HTML}, nil
}

// TestTemplateParams says to whom a test of a template is mailed.
type TestTemplateParams struct {
	TemplateParams
	// UserID is the account of the operator: a test goes to nobody else.
	UserID string
}

// SendTest mails the template that is sent now, with a sample of a link. It returns
// ErrTemplateNotFound, ErrInvalidRequest, ErrUserNotFound or ErrUnavailable.
func (t *Templates) SendTest(ctx context.Context, in TestTemplateParams) error {
	of, err := in.clean()
	if err != nil {
		return err
	}
	return onAccount(ctx, t.kernel, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		if user.Email == "" {
			return ErrInvalidRequest.detail("email", "is missing: the account has no address")
		}
		return tx.mail(ctx, mailer.Kind(of.Category), user.Email, of.Locale, t.sample(user))
	})
}
