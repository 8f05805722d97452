package admit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webhook"
	"github.com/admit-go/admit/store"
)

// This file tests webhooks, sends events again, and lists deliveries.

// eventWebhookTest is the kind of the message that Test sends. It is not in the audit
// log.
const eventWebhookTest = "webhook.test"

// Test queues a message of the type "webhook.test" and returns its id. Deliveries
// tells what has become of it. It returns ErrWebhookNotFound, ErrWebhookDisabled or
// ErrUnavailable.
func (w *Webhooks) Test(ctx context.Context, id string) (messageID string, err error) {
	err = w.tx(ctx, func(ctx context.Context, tx *txn) error {
		if _, err := workingHook(ctx, tx, id); err != nil {
			return err
		}
		messageID = w.newID()
		mail, err := hookMail(w.kernel, id, w.newID(), &store.Event{ID: messageID, Kind: eventWebhookTest, At: w.now()})
		if err != nil {
			return err
		}
		tx.batch.Mails = append(tx.batch.Mails, mail)
		tx.then = append(tx.then, tx.hooks.Wake)
		return nil
	})
	return onlyDone(messageID, err)
}

// workingHook returns a webhook that is not switched off.
func workingHook(ctx context.Context, s store.Store, id string) (storedHook, error) {
	h, err := hookOf(ctx, s, id)
	if err == nil && !h.works() {
		err = ErrWebhookDisabled
	}
	return h, err
}

// ReplayWebhookParams is the input of Webhooks.Replay.
type ReplayWebhookParams struct {
	ID string
	// Since is the time from which events are sent again.
	Since time.Time
}

// ReplayedWebhook is the result of Webhooks.Replay.
type ReplayedWebhook struct {
	// Queued is how many messages were queued.
	Queued int
	// Next is what Since is for the rest; zero says that there is no rest.
	Next time.Time
}

// maxReplayed is how many events one replay reads at most, replayedAtOnce how many it
// reads at once.
const (
	maxReplayed    = 5000
	replayedAtOnce = 500
)

// Replay sends events again that were recorded since a time, in their order and with
// the ids that they had. It reads 5000 events at most. It returns ErrWebhookNotFound,
// ErrWebhookDisabled, ErrInvalidRequest or ErrUnavailable.
func (w *Webhooks) Replay(ctx context.Context, in ReplayWebhookParams) (ReplayedWebhook, error) {
	var done ReplayedWebhook
	if in.Since.IsZero() || in.Since.After(w.now()) {
		return done, ErrInvalidRequest.detail("since", "must be a time in the past")
	}
	err := w.tx(ctx, func(ctx context.Context, tx *txn) error {
		done = ReplayedWebhook{}
		h, err := workingHook(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		after := uuid.First(in.Since)
		for read := 0; ; {
			events, err := tx.ListEvents(ctx, store.EventQuery{Tenant: tenant, After: after, Limit: replayedAtOnce})
			if err != nil {
				return err
			}
			for i := range events {
				e := &events[i]
				if after = e.ID; read >= maxReplayed && e.At.After(in.Since) {
					done.Next = e.At
					break
				}
				read++
				if !webhook.Matches(h.Events, e.Kind) {
					continue
				}
				mail, err := hookMail(w.kernel, in.ID, w.newID(), e)
				if err != nil {
					return err
				}
				tx.batch.Mails = append(tx.batch.Mails, mail)
				done.Queued++
			}
			if len(events) < replayedAtOnce || !done.Next.IsZero() {
				break
			}
		}
		tx.then = append(tx.then, tx.hooks.Wake)
		return tx.record(ctx, event{kind: eventWebhookReplayed, data: eventData{"webhook": in.ID, "since": in.Since.UTC(), "queued": done.Queued}})
	})
	return onlyDone(done, err)
}

// WebhookDelivery is what has become of a message that was tried. It is kept for 7
// days after the last attempt.
type WebhookDelivery struct {
	// ID is a UUIDv7. MessageID is the header webhook-id: the id of the event.
	ID, MessageID string
	// Type is the kind of the event.
	Type string
	// Status is "delivered", "waiting" (for another attempt) or "failed" (given up).
	Status string
	// Attempts counts the attempts. StatusCode, Latency and Error are of the last:
	// StatusCode is 0 if there was no answer, and Error is "" if it was 2xx.
	Attempts   int
	StatusCode int
	Latency    time.Duration
	Error      string
	// LastAt is when the last attempt ended; NextAt is when the next begins, or zero.
	LastAt, NextAt time.Time
}

// ListWebhookDeliveriesParams is the input of Webhooks.Deliveries.
type ListWebhookDeliveriesParams struct {
	ID   string
	Page PageParams
}

// Deliveries returns one page of the deliveries of a webhook, the latest message first, and
// their total. It returns ErrWebhookNotFound or ErrUnavailable.
func (w *Webhooks) Deliveries(ctx context.Context, in ListWebhookDeliveriesParams) (Page[WebhookDelivery], error) {
	var none Page[WebhookDelivery]
	if _, err := hookOf(ctx, w.store, in.ID); err != nil {
		return none, err
	}
	list := func(page store.Page) ([]store.Record, int, error) {
		return w.store.ListRecords(ctx, tenant, recordHookDelivery, hookRef(in.ID), page)
	}
	_, total, err := list(store.Page{Number: 1, Limit: 1})
	if err != nil {
		return none, fault(err)
	}
	// The store lists the oldest first, so the page is a part from the end.
	until := total - store.Page(in.Page).Offset()
	from := max(until-in.Page.Limit, 0)
	if until <= 0 {
		return Page[WebhookDelivery]{Total: total}, nil
	}
	records, err := window(from, until, in.Page.Limit, list)
	if err != nil {
		return none, fault(err)
	}
	slices.Reverse(records)
	page := Page[WebhookDelivery]{Total: total}
	for _, r := range records {
		var d hookDelivery
		if err := json.Unmarshal(r.Data, &d); err != nil {
			return none, ErrInternal.because(errors.New("a delivery cannot be read"))
		}
		page.Items = append(page.Items, WebhookDelivery{
			ID: r.ID, MessageID: d.MessageID, Type: d.Kind, Status: d.Status, Attempts: d.Attempts, StatusCode: d.StatusCode,
			Latency: time.Duration(d.Latency) * time.Millisecond, Error: d.Error, LastAt: r.UpdatedAt, NextAt: d.NextAt,
		})
	}
	return page, nil
}
