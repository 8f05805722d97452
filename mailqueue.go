package admit

import (
	"context"
	"time"

	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// queuedMail is the sealed content of a waiting message.
type queuedMail struct {
	To     string        `json:"to"`
	Locale string        `json:"locale,omitempty"`
	Values mailer.Values `json:"values"`
}

// newMailQueue returns the queue of mail. It renders and sends a message as the
// configuration says.
func newMailQueue(config Config, ring *sealed.Ring, ids *uuid.Source, letters *letter.Set, holder string) *outbox.Outbox[queuedMail] {
	return outbox.New(outbox.Options[queuedMail]{
		Queue: store.QueueMail, Store: config.Store, Tenant: tenant, Holder: holder, Ring: ring, IDs: ids,
		Now: config.Now, Logger: config.Logger,
		Expires:   func(m queuedMail) time.Time { return m.Values.ExpiresAt },
		Permanent: mailer.Permanent, NeedsOperator: mailer.NeedsOperator,
		Send: func(ctx context.Context, id, kind string, m queuedMail) (err error) {
			message := mailer.Message{ID: id, Kind: mailer.Kind(kind), To: m.To, Locale: m.Locale, Values: m.Values}
			if message, err = write(ctx, &config, letters, message); err != nil {
				return err
			}
			return config.Mailer.Send(ctx, message)
		},
		Tried: func(ctx context.Context, t outbox.Try) {
			tried := config.Instrument.MailTried
			if tried == nil {
				return
			}
			facts := MailFacts{Kind: t.Kind, Outcome: string(t.Outcome), Tries: t.Tries, Age: t.Age}
			tell(ctx, config.Logger, "MailTried", func() { tried(ctx, facts) })
		},
	})
}
