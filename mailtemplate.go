package admit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file keeps the mails that operators have written. The queue of mail reads
// them for each message, so a change takes effect with the next message.

// recordTemplate are the records of templates, recordTemplateHistory what they were
// before. Their id is the kind of the mail, and "/" and the language if there is one.
const (
	recordTemplate        = "mail-template"
	recordTemplateHistory = "mail-template-history"
	templateFormat        = 1
	// maxTemplateHistory is how many former states are kept.
	maxTemplateHistory = 10
)

// templateData is what a record of a template holds.
type templateData struct {
	Version     int    `json:"v"`
	Subject     string `json:"subject,omitempty"`
	Body        string `json:"body,omitempty"`
	SenderEmail string `json:"senderEmail,omitempty"`
	SenderName  string `json:"senderName,omitempty"`
	LogoURL     string `json:"logoUrl,omitempty"`
	BrandColor  string `json:"brandColor,omitempty"`
	// Paused sends the built-in text in place of Subject and Body.
	Paused bool `json:"paused,omitzero"`
	// At is when the template was saved, in microseconds since 1970.
	At int64 `json:"at"`
}

// templateHistory is what a record of former states holds.
type templateHistory struct {
	Version int `json:"v"`
	// Last is the number of the last state. Numbers are never given twice.
	Last   int              `json:"last"`
	States []formerTemplate `json:"states"`
}

type formerTemplate struct {
	Number int          `json:"number"`
	Data   templateData `json:"data"`
}

func templateID(kind mailer.Kind, tag string) string {
	if tag == "" {
		return string(kind)
	}
	return string(kind) + "/" + tag
}

func readTemplate(data []byte) (d templateData, err error) {
	if data == nil {
		return d, nil
	}
	if err = json.Unmarshal(data, &d); err == nil && d.Version != templateFormat {
		err = fmt.Errorf("version %d", d.Version)
	}
	if err != nil {
		err = ErrInternal.because(fmt.Errorf("a template of mails: %w", err))
	}
	return d, err
}

func readTemplateHistory(data []byte) (h templateHistory, err error) {
	if data == nil {
		return h, nil
	}
	if err = json.Unmarshal(data, &h); err == nil && h.Version != templateFormat {
		err = fmt.Errorf("version %d", h.Version)
	}
	if err != nil {
		err = ErrInternal.because(fmt.Errorf("former templates of mails: %w", err))
	}
	return h, err
}

// writes says whether the text of the template is sent.
func (d *templateData) writes() bool { return d.Body != "" && !d.Paused }

func (d *templateData) custom() letter.Custom {
	return letter.Custom{Subject: d.Subject, Body: d.Body, LogoURL: d.LogoURL, Color: d.BrandColor}
}

func (d *templateData) savedAt() time.Time {
	if d.At == 0 {
		return time.Time{}
	}
	return time.UnixMicro(d.At).UTC()
}

// templateFor finds the template for a reader: that of the language, else that of a
// less exact language, else that without a language.
func templateFor(ctx context.Context, s store.Store, kind mailer.Kind, tag string) (templateData, error) {
	for _, tag := range append(slices.Clone(locale.Chain(tag)), "") {
		r, err := s.Record(ctx, tenant, recordTemplate, templateID(kind, tag))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return templateData{}, err
		}
		return readTemplate(r.Data)
	}
	return templateData{}, nil
}

// maySend says whether the configuration allows an address as the sender.
func maySend(c *Config, address string) bool {
	given, err := emailaddress.Parse(address)
	return err == nil && slices.ContainsFunc(c.Messages.Senders, func(allowed string) bool {
		a, err := emailaddress.Parse(allowed)
		return err == nil && a.Key == given.Key
	})
}

// write makes a message as its template says. A template that does not work costs
// nobody a mail: the built-in text is sent, and the log has the reason.
func write(ctx context.Context, config *Config, letters *letter.Set, m mailer.Message) (mailer.Message, error) {
	d, err := templateFor(ctx, config.Store, m.Kind, m.Locale)
	if err != nil {
		if _, unreadable := errors.AsType[*Error](err); !unreadable {
			return m, err // the store is down: the message is tried again
		}
		config.Logger.ErrorContext(ctx, "a template of mails cannot be read, the built-in text is sent", "kind", m.Kind, "error", err)
		d = templateData{}
	}
	if d.SenderEmail == "" || maySend(config, d.SenderEmail) {
		m.SenderEmail, m.SenderName = d.SenderEmail, d.SenderName
	} else {
		config.Logger.ErrorContext(ctx, "the sender of a template of mails is none of Messages.Senders any longer", "kind", m.Kind)
	}
	if d.writes() {
		written, err := letters.RenderCustom(m, d.custom())
		if err == nil {
			return written, nil
		}
		config.Logger.ErrorContext(ctx, "a template of mails failed, the built-in text is sent", "kind", m.Kind, "error", err)
	}
	written, err := letters.RenderMessage(m)
	if err != nil {
		err = &mailer.PermanentError{Err: err}
	}
	return written, err
}
