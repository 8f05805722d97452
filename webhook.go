package admit

import (
	"context"

	"slices"
	"time"

	"github.com/admit-go/admit/internal/webhook"
	"github.com/admit-go/admit/store"
)

// This file has the rules of webhooks: webhookroutes.go serves them, and
// webhookqueue.go sends the messages.

// Webhooks tells other programs of events by signed HTTP requests, as the Standard
// Webhooks specification says.
type Webhooks struct {
	*kernel
}

// The kinds of signature of a webhook.
const (
	signatureV1  = "v1"
	signatureV1a = "v1a"
)

// Webhook is a receiver of events. Times are UTC, to the microsecond.
type Webhook struct {
	// ID is a UUIDv7.
	ID string
	// URL is where the messages are sent to.
	URL         string
	Description string
	// Events are the kinds of event that are sent: a kind, a group such as "user.*",
	// or "*".
	Events []string
	// Signature is "v1" (HMAC-SHA256) or "v1a" (Ed25519).
	Signature string
	// PublicKey checks signatures v1a; "" for v1.
	PublicKey string
	// DisabledAt is when the webhook was switched off; zero while it works.
	DisabledAt time.Time
	// DisabledFor is "operator", "gone" (the receiver answered 410) or "failed" (for
	// three days); "" while the webhook works.
	DisabledFor string
	// FailingSince is when the first of the attempts failed that have failed without a
	// success between them; zero if the last attempt did not fail.
	FailingSince time.Time
	// CreatedAt is when the webhook was made, UpdatedAt when it last changed.
	CreatedAt, UpdatedAt time.Time
}

// CreatedWebhook is a webhook with a new key.
type CreatedWebhook struct {
	Webhook
	// Secret is the key that the receiver checks signatures v1 with. It is shown only
	// this once. It is "" for v1a, where the receiver needs PublicKey alone.
	Secret string
}

// CreateWebhookParams is the input of Webhooks.Create.
type CreateWebhookParams struct {
	// URL starts with https:// and leads to a public address: see WebhookConfig.
	URL string
	// Events are 1 to 100 kinds of event: see Webhook.Events.
	Events []string
	// Description tells operators what the webhook is for, in at most 500 characters.
	Description string
	// Signature is "v1" or "v1a". Default "v1".
	Signature string
}

// Create makes a webhook. It gets the events that are recorded from now on, in other
// processes from at most 3 seconds later. It returns ErrInvalidRequest with the field
// that is wrong, ErrWebhookLimit or ErrUnavailable.
func (w *Webhooks) Create(ctx context.Context, in CreateWebhookParams) (CreatedWebhook, error) {
	h := storedHook{hookData: hookData{URL: in.URL, Description: in.Description, Events: in.Events, Signature: in.Signature}}
	if h.Signature == "" {
		h.Signature = signatureV1
	}
	if h.Signature != signatureV1 && h.Signature != signatureV1a {
		return CreatedWebhook{}, ErrInvalidRequest.detail("signature", "must be v1 or v1a")
	}
	if err := h.check(w.kernel); err != nil {
		return CreatedWebhook{}, err
	}
	now := w.now()
	h.record = store.Record{Tenant: tenant, Kind: recordHook, ID: w.newID(), CreatedAt: now, UpdatedAt: now}
	secret, err := h.addKey(w.kernel, nil)
	if err != nil {
		return CreatedWebhook{}, err
	}
	err = w.tx(ctx, func(ctx context.Context, tx *txn) error {
		hooks, err := allHooks(ctx, tx)
		if err != nil {
			return err
		}
		if len(slices.DeleteFunc(hooks, func(h storedHook) bool { return !h.DeletedAt.IsZero() })) >= maxHooks {
			return ErrWebhookLimit
		}
		if err := tx.CreateRecord(ctx, h.record); err != nil {
			return err
		}
		// This process sends from now on. Others see the webhook when they look next.
		tx.then = append(tx.then, func() { tx.hooked.Store(someHooks) })
		return tx.record(ctx, event{kind: eventWebhookCreated, data: eventData{"webhook": h.record.ID, "host": hostOf(h.URL), "events": h.Events}})
	})
	if err != nil {
		return CreatedWebhook{}, err
	}
	return CreatedWebhook{Webhook: h.shown(hookHealth{}), Secret: secret}, nil
}

// check answers ErrInvalidRequest for a webhook that cannot work.
func (h *hookData) check(k *kernel) error {
	if err := webhook.CheckTarget(h.URL, k.config.Webhooks.AllowPrivate); err != nil {
		return ErrInvalidRequest.detail("url", err.Error())
	}
	if !plainText(h.Description, 500) {
		return ErrInvalidRequest.detail("description", "must have at most 500 characters and no control characters")
	}
	if len(h.Events) < 1 || len(h.Events) > 100 {
		return ErrInvalidRequest.detail("events", "must be 1 to 100 kinds of event")
	}
	for _, filter := range h.Events {
		known := filter == "*"
		for kind := range k.kinds {
			known = known || webhook.Matches([]string{filter}, kind)
		}
		if !known {
			return ErrInvalidRequest.detail("events", "must be kinds of event, groups such as user.*, or *")
		}
	}
	h.Events = slices.Clone(h.Events)
	return nil
}

// addKey makes a new key before the keys that a webhook has, and encodes the record.
// It returns the key if the receiver needs it.
func (h *storedHook) addKey(k *kernel, before []hookKey) (secret string, err error) {
	key := hookKey{}
	if h.Signature == signatureV1a {
		if key.Key, h.PublicKey, err = webhook.NewKeyPair(); err != nil {
			return "", ErrInternal.because(err)
		}
	} else {
		key.Key = webhook.NewSecret()
		secret = key.Key
	}
	if err := h.seal(k, h.record.ID, append([]hookKey{key}, before...)); err != nil {
		return "", err
	}
	h.record.Data, err = h.encode()
	return secret, err
}

func (h *storedHook) shown(health hookHealth) Webhook {
	return Webhook{
		ID: h.record.ID, URL: h.URL, Description: h.Description, Events: slices.Clone(h.Events), Signature: h.Signature, PublicKey: h.PublicKey,
		DisabledAt: h.DisabledAt, DisabledFor: h.DisabledFor, FailingSince: health.Since, CreatedAt: h.record.CreatedAt, UpdatedAt: h.record.UpdatedAt,
	}
}

// List returns one page of the webhooks, oldest first, and their total.
func (w *Webhooks) List(ctx context.Context, page PageParams) (Page[Webhook], error) {
	hooks, err := allHooks(ctx, w.store)
	if err != nil {
		return Page[Webhook]{}, err
	}
	healths, err := healthsOf(ctx, w.store)
	if err != nil {
		return Page[Webhook]{}, err
	}
	hooks = slices.DeleteFunc(hooks, func(h storedHook) bool { return !h.DeletedAt.IsZero() })
	from := min(store.Page(page).Offset(), len(hooks))
	part := hooks[from:min(from+page.Limit, len(hooks))]
	return pageOf(part, len(hooks), func(h *storedHook) Webhook { return h.shown(healths[h.record.ID]) }), nil
}

// Get returns a webhook. ErrWebhookNotFound or ErrUnavailable.
func (w *Webhooks) Get(ctx context.Context, id string) (Webhook, error) {
	h, err := hookOf(ctx, w.store, id)
	if err != nil {
		return Webhook{}, err
	}
	healths, err := healthsOf(ctx, w.store)
	return h.shown(healths[id]), err
}

// UpdateWebhookParams is what an operator changes of a webhook. A field that is not
// set stays as it is.
type UpdateWebhookParams struct {
	ID          string
	URL         Optional[string]
	Events      Optional[[]string]
	Description Optional[string]
	// Enabled switches the webhook off and on. The messages that wait are sent when it
	// is on again. Events that are recorded while it is off are not sent: see Replay.
	Enabled Optional[bool]
}

// Update changes a webhook. It returns ErrWebhookNotFound, ErrInvalidRequest with the
// field that is wrong, or ErrUnavailable.
func (w *Webhooks) Update(ctx context.Context, in UpdateWebhookParams) (Webhook, error) {
	var fields []string
	h, err := w.change(ctx, in.ID, func(ctx context.Context, t *txn, h *storedHook) error {
		fields = nil
		override(&h.URL, in.URL, "url", &fields)
		override(&h.Events, in.Events, "events", &fields)
		override(&h.Description, in.Description, "description", &fields)
		switch {
		case !in.Enabled.Set || in.Enabled.Value == h.DisabledAt.IsZero():
		case in.Enabled.Value:
			h.DisabledAt, h.DisabledFor = time.Time{}, ""
			fields = append(fields, "enabled")
		default:
			h.DisabledAt, h.DisabledFor = t.now(), hookOffByOperator
			fields = append(fields, "enabled")
		}
		if in.Enabled.Value || in.URL.Set {
			if _, err := t.DeleteRecord(ctx, tenant, recordHookHealth, in.ID); err != nil {
				return err
			}
		}
		if err := h.check(t.kernel); err != nil {
			return err
		}
		t.then = append(t.then, t.hooks.Wake)
		return t.record(ctx, event{kind: eventWebhookUpdated, data: eventData{"webhook": in.ID, "host": hostOf(h.URL), "fields": fields}})
	})
	if err != nil {
		return Webhook{}, err
	}
	return h.shown(hookHealth{}), nil
}

// change replaces a webhook by what change makes of it, only if nobody has changed the
// webhook since.
func (w *Webhooks) change(ctx context.Context, id string, change func(ctx context.Context, t *txn, h *storedHook) error) (h storedHook, err error) {
	err = untilUnmoved(ctx, w.kernel, func(ctx context.Context, tx *txn) error {
		if h, err = hookOf(ctx, tx, id); err != nil {
			return err
		}
		if err := change(ctx, tx, &h); err != nil {
			return err
		}
		if h.record.Data, err = h.encode(); err != nil {
			return err
		}
		h.record.UpdatedAt = tx.now()
		won, err := tx.SwapRecord(ctx, h.record)
		if err == nil && !won {
			err = errMoved
		}
		return err
	})
	return onlyDone(h, err)
}

// Delete removes a webhook and the messages that wait for it. It returns
// ErrWebhookNotFound or ErrUnavailable.
func (w *Webhooks) Delete(ctx context.Context, id string) error {
	_, err := w.change(ctx, id, func(ctx context.Context, t *txn, h *storedHook) error {
		h.DeletedAt = t.now()
		if err := h.seal(t.kernel, id, nil); err != nil { // the keys are gone at once
			return err
		}
		t.then = append(t.then, t.hooks.Wake)
		return t.record(ctx, event{kind: eventWebhookDeleted, data: eventData{"webhook": id, "host": hostOf(h.URL)}})
	})
	return err
}

// RotateWebhookParams is the input of Webhooks.Rotate.
type RotateWebhookParams struct {
	ID string
	// Overlap is how long the replaced key signs beside the new key: at most 7 days; 0
	// ends the replaced key at once. Default, if it is not set: 24 hours.
	Overlap Optional[time.Duration]
}

// maxHookKeys is how many keys of a webhook sign at most.
const maxHookKeys = 4

// Rotate gives a webhook a new key. While the replaced key signs too, each message has
// a signature by each key, so that a receiver can change its key at any time. It
// returns ErrWebhookNotFound, ErrInvalidRequest or ErrUnavailable.
func (w *Webhooks) Rotate(ctx context.Context, in RotateWebhookParams) (CreatedWebhook, error) {
	overlap := defaultHookOverlap
	if in.Overlap.Set {
		overlap = in.Overlap.Value
	}
	if overlap < 0 || overlap > maxHookOverlap {
		return CreatedWebhook{}, ErrInvalidRequest.detail("overlap", "must be from 0 to 7 days")
	}
	var secret string
	h, err := w.change(ctx, in.ID, func(ctx context.Context, t *txn, h *storedHook) error {
		keys, err := h.keys(t.kernel)
		if err != nil {
			return err
		}
		ends := t.now().Add(overlap)
		for i := range keys {
			if keys[i].ExpiresAt.IsZero() || keys[i].ExpiresAt.After(ends) {
				keys[i].ExpiresAt = ends
			}
		}
		if secret, err = h.addKey(t.kernel, keys[:min(len(keys), maxHookKeys-1)]); err != nil {
			return err
		}
		return t.record(ctx, event{kind: eventWebhookRotated, data: eventData{"webhook": in.ID, "overlap": int(overlap.Seconds())}})
	})
	if err != nil {
		return CreatedWebhook{}, err
	}
	return CreatedWebhook{Webhook: h.shown(hookHealth{}), Secret: secret}, nil
}

const (
	defaultHookOverlap = 24 * time.Hour
	maxHookOverlap     = 7 * 24 * time.Hour
)
