package admit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

const (
	outboxPurpose = "outbox"
	// mailLease is how long a worker has for what it claimed, mailBatch how
	// many it claims, and mailTimeout how long one message may take: together
	// they stay below the lease.
	mailLease   = time.Minute
	mailBatch   = 4
	mailTimeout = 14 * time.Second
	// mailPoll is how often a worker looks for mail of other processes.
	mailPoll = 5 * time.Second
	// mailTries bounds how often a message is tried; with the back-off it is
	// given up after about two days.
	mailTries = 24
)

// decoyMail is a message that is never sent: it stands for the one that a known
// address would have got, so that asking costs the same.
const decoyMail = "decoy"

// errMailExpired says that a message came too late to be of use.
var errMailExpired = errors.New("what the message offers has expired")

// queuedMail is what is sealed in the store until a message is sent.
type queuedMail struct {
	To     string        `json:"to"`
	Locale string        `json:"locale,omitempty"`
	Values mailer.Values `json:"values"`
}

// outbox sends the mail that rules put into the store.
type outbox struct {
	config  Config
	ring    *sealed.Ring
	ids     *uuid.Source
	letters *letter.Set
	holder  string
	worker  *worker
}

func newOutbox(config Config, ring *sealed.Ring, ids *uuid.Source, letters *letter.Set) *outbox {
	o := &outbox{config: config, ring: ring, ids: ids, letters: letters, holder: ids.New(time.Now())}
	o.worker = newWorker("the mail worker", o.sendDue)
	return o
}

func (o *outbox) now() time.Time { return o.config.Now().UTC().Truncate(time.Microsecond) }

// mailKey finds in a transaction's context whether mail was added in it, of
// which the worker is told after the commit.
type mailKey struct{}

// add puts a message into the outbox, in the transaction of what causes it.
func (o *outbox) add(ctx context.Context, tx store.Outbox, kind mailer.Kind, to, locale string, values mailer.Values) error {
	values.SiteName = o.config.SiteName
	plain, err := json.Marshal(queuedMail{To: to, Locale: locale, Values: values})
	if err != nil {
		return ErrInternal.because(err)
	}
	now := o.now()
	id := o.ids.New(now)
	box, err := o.ring.Seal(outboxPurpose, []byte(id), plain)
	if err != nil {
		return ErrInternal.because(err)
	}
	if mail, ok := ctx.Value(mailKey{}).(*bool); ok {
		*mail = true
	}
	return tx.AddMail(ctx, store.Mail{
		Tenant: tenant, ID: id, Queue: store.QueueMail, Kind: string(kind), Sealed: box, CreatedAt: now, NextAt: now,
	})
}

// sendDue sends what is due and returns how long to wait for more.
func (o *outbox) sendDue(ctx context.Context) time.Duration {
	for {
		sent, err := o.sendBatch(ctx)
		if err != nil {
			o.config.Logger.WarnContext(ctx, "the outbox cannot be worked", "error", err)
			return mailPoll
		}
		if sent == 0 {
			break
		}
		if o.worker.isStopping() {
			return 0
		}
	}
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	next, err := o.config.Store.NextMail(ctx, tenant, store.QueueMail)
	if err != nil || next.IsZero() {
		return mailPoll
	}
	return min(max(next.Sub(o.now()), 10*time.Millisecond), mailPoll)
}

func (o *outbox) sendBatch(ctx context.Context) (int, error) {
	now := o.now()
	claim, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	// Looking is cheaper than claiming, and mostly there is nothing.
	next, err := o.config.Store.NextMail(claim, tenant, store.QueueMail)
	if err != nil || next.IsZero() || next.After(now) {
		return 0, err
	}
	batch, err := o.config.Store.ClaimMail(claim, tenant, store.QueueMail, o.holder, now, now.Add(mailLease), mailBatch)
	if err != nil {
		return 0, err
	}
	for _, mail := range batch {
		if err := o.sendOne(ctx, mail); err != nil {
			return 0, err
		}
	}
	return len(batch), nil
}

// sendOne sends a message and notes how it went. It fails only when the note
// could not be made: then the message is sent again after its lease.
func (o *outbox) sendOne(ctx context.Context, mail store.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	failed := o.deliver(ctx, mail)
	cancel()
	// The note is worth its own time even if the message took all of its.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), mailTimeout)
	defer cancel()
	now := o.now()
	outcome := mailSent
	var err error
	switch {
	case failed == nil:
		_, err = o.config.Store.RemoveMail(ctx, tenant, mail.ID, o.holder)
	case mailer.Permanent(failed) || mail.Tries >= mailTries:
		outcome = mailDead
		level := slog.LevelError
		if errors.Is(failed, errMailExpired) {
			level = slog.LevelWarn // nobody can mend that, and nobody needs it any more
		}
		o.config.Logger.Log(ctx, level, "a message was given up", "mail", mail.ID, "kind", mail.Kind, "tries", mail.Tries, "error", failed)
		_, err = o.config.Store.BuryMail(ctx, tenant, mail.ID, o.holder, now, reason(failed))
	default:
		outcome = mailDeferred
		next := now.Add(backOff(mail.Tries))
		o.config.Logger.WarnContext(ctx, "a message was not sent and is tried again", "mail", mail.ID, "kind", mail.Kind, "tries", mail.Tries, "next", next, "error", failed)
		_, err = o.config.Store.DeferMail(ctx, tenant, mail.ID, o.holder, next, reason(failed))
	}
	o.mailTried(ctx, mail, outcome)
	return err
}

func (o *outbox) deliver(ctx context.Context, mail store.Mail) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the mailer panicked: %v", cause)
		}
	}()
	plain, err := o.ring.Open(outboxPurpose, []byte(mail.ID), mail.Sealed)
	if err != nil {
		return &mailer.PermanentError{Err: err}
	}
	var queued queuedMail
	if err := json.Unmarshal(plain, &queued); err != nil {
		return &mailer.PermanentError{Err: err}
	}
	if mail.Kind == decoyMail {
		return nil
	}
	if expires := queued.Values.ExpiresAt; !expires.IsZero() && !o.now().Before(expires) {
		return &mailer.PermanentError{Err: errMailExpired}
	}
	message := mailer.Message{ID: mail.ID, Kind: mailer.Kind(mail.Kind), To: queued.To, Locale: queued.Locale, Values: queued.Values}
	message.Subject, message.Text, message.HTML, err = o.letters.Render(message.Kind, message.Locale, message.Values)
	if err != nil {
		return &mailer.PermanentError{Err: err}
	}
	return o.config.Mailer.Send(ctx, message)
}

// backOff is how long to wait after a number of tries: about 3 seconds, then
// three times as long each time, up to 3 hours, give or take a third.
func backOff(tries int) time.Duration {
	wait := 3 * time.Second
	for range min(max(tries-1, 0), 9) {
		wait *= 3
	}
	wait = min(wait, 3*time.Hour)
	return wait*2/3 + rand.N(wait*2/3)
}

// reason is an error as the store keeps it: short, and one line.
func reason(err error) string {
	text := []rune(err.Error())
	if len(text) > 300 {
		text = text[:300]
	}
	for i, r := range text {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			text[i] = ' '
		}
	}
	return string(text)
}

// close stops the worker and sends what is due.
func (o *outbox) close(ctx context.Context) error {
	ran, err := o.worker.close(ctx)
	if err != nil || !ran {
		return err
	}
	for ctx.Err() == nil {
		sent, err := o.sendBatch(ctx)
		if err != nil || sent == 0 {
			return err
		}
	}
	return ctx.Err()
}
