package admit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webhook"
	"github.com/admit-go/admit/store"
)

// This file keeps webhooks and their deliveries, and makes messages of events.
// webhookqueue.go sends the messages.

// The refusals of webhooks.
var (
	ErrWebhookNotFound = &Error{Code: "webhook/not-found", Status: http.StatusNotFound, Message: "There is no such webhook."}
	ErrWebhookDisabled = &Error{Code: "webhook/disabled", Status: http.StatusConflict, Message: "The webhook is switched off. Switch it on first."}
	ErrWebhookLimit    = &Error{Code: "webhook/limit", Status: http.StatusConflict, Message: "There are 50 webhooks already."}
)

// The kinds of record. The id of a recordHookHealth is that of the webhook, and there
// is one only while the webhook fails. A recordHookDelivery has the id of the message
// and the ref of the webhook, and expires after deliveryKept.
const (
	recordHook         = "webhook"
	recordHookHealth   = "webhook-health"
	recordHookDelivery = "webhook-delivery"
)

const (
	hookVersion = 1
	hookPurpose = "webhook"
	// maxHooks is how many webhooks there may be.
	maxHooks = 50
	// deliveryKept is how long it is shown what has become of a message.
	deliveryKept = 7 * 24 * time.Hour
	// hookQueue is the start of the names of queues. Each webhook has its own, so that
	// no webhook waits for another.
	hookQueue = store.QueueWebhook + "/"
)

// hookData is what the record of a webhook holds.
type hookData struct {
	Version     int      `json:"v"`
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	Events      []string `json:"events"`
	Signature   string   `json:"signature"`
	PublicKey   string   `json:"publicKey,omitempty"`
	// Sealed holds the keys, the latest first.
	Sealed []byte `json:"sealed"`
	// DisabledAt is when the webhook was switched off, DisabledFor why.
	DisabledAt  time.Time `json:"disabledAt,omitzero"`
	DisabledFor string    `json:"disabledFor,omitempty"`
	// DeletedAt is set until the messages of a deleted webhook are removed.
	DeletedAt time.Time `json:"deletedAt,omitzero"`
}

// hookKey is a key of a webhook.
type hookKey struct {
	Key string `json:"key"`
	// ExpiresAt is when a replaced key signs no longer. Zero is never.
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
}

// storedHook is a record with its data read.
type storedHook struct {
	record store.Record
	hookData
}

func (h *storedHook) works() bool { return h.DisabledAt.IsZero() && h.DeletedAt.IsZero() }

func readHook(r store.Record) (storedHook, error) {
	h := storedHook{record: r}
	err := json.Unmarshal(r.Data, &h.hookData)
	if err == nil && h.Version != hookVersion {
		err = fmt.Errorf("version %d", h.Version)
	}
	if err != nil {
		return h, ErrInternal.because(fmt.Errorf("webhook %s: %w", r.ID, err))
	}
	return h, nil
}

func (h *hookData) encode() ([]byte, error) {
	h.Version = hookVersion
	data, err := json.Marshal(h)
	if err != nil {
		return nil, ErrInternal.because(err)
	}
	return data, nil
}

// seal puts the keys of a webhook into its data.
func (h *hookData) seal(k *kernel, id string, keys []hookKey) error {
	plain, err := json.Marshal(keys)
	if err == nil {
		h.Sealed, err = k.ring.Seal(hookPurpose, []byte(id), plain)
	}
	if err != nil {
		return ErrInternal.because(err)
	}
	return nil
}

// keys returns the keys of a webhook that sign now, the latest first.
func (h *storedHook) keys(k *kernel) (keys []hookKey, err error) {
	plain, err := k.ring.Open(hookPurpose, []byte(h.record.ID), h.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &keys)
	}
	if err != nil {
		return nil, ErrInternal.because(fmt.Errorf("the keys of webhook %s cannot be opened: %w", h.record.ID, err))
	}
	now := k.now()
	return slices.DeleteFunc(keys, func(key hookKey) bool { return !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt) }), nil
}

// allHooks returns all webhooks, oldest first, also those that were deleted and still
// have messages.
func allHooks(ctx context.Context, s store.Store) ([]storedHook, error) {
	records, _, err := s.ListRecords(ctx, tenant, recordHook, "", store.Page{Number: 1, Limit: 1000})
	if err != nil {
		return nil, fault(err)
	}
	hooks := make([]storedHook, len(records))
	for i, r := range records {
		if hooks[i], err = readHook(r); err != nil {
			return nil, err
		}
	}
	return hooks, nil
}

// hookOf returns a webhook, or ErrWebhookNotFound.
func hookOf(ctx context.Context, s store.Store, id string) (storedHook, error) {
	if !uuid.Valid(id) {
		return storedHook{}, ErrWebhookNotFound
	}
	r, err := s.Record(ctx, tenant, recordHook, id)
	if errors.Is(err, store.ErrNotFound) {
		return storedHook{}, ErrWebhookNotFound
	}
	if err != nil {
		return storedHook{}, fault(err)
	}
	h, err := readHook(r)
	if err == nil && !h.DeletedAt.IsZero() {
		err = ErrWebhookNotFound
	}
	return h, err
}

// hostOf is the part of a URL that may stand in logs, events and mails. The path can
// be a secret of the receiver.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// hookHealth is what is kept of a webhook that fails.
type hookHealth struct {
	Version int `json:"v"`
	// Since is when the first of the attempts failed that have failed without a
	// success between them.
	Since time.Time `json:"since"`
	// HeldUntil is when the next attempt may be made.
	HeldUntil time.Time `json:"heldUntil,omitzero"`
}

// healthsOf returns what is kept of each webhook that fails.
func healthsOf(ctx context.Context, s store.Store) (map[string]hookHealth, error) {
	records, _, err := s.ListRecords(ctx, tenant, recordHookHealth, "", store.Page{Number: 1, Limit: 1000})
	if err != nil {
		return nil, fault(err)
	}
	healths := map[string]hookHealth{}
	for _, r := range records {
		if healths[r.ID], err = openHealth(r); err != nil {
			return nil, err
		}
	}
	return healths, nil
}

// healthOf reads how a webhook does. One that never failed has no record.
func healthOf(ctx context.Context, s store.Store, id string) (hookHealth, error) {
	r, err := s.Record(ctx, tenant, recordHookHealth, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return hookHealth{}, nil
	case err != nil:
		return hookHealth{}, fault(err)
	}
	return openHealth(r)
}

func openHealth(r store.Record) (health hookHealth, err error) {
	if err := json.Unmarshal(r.Data, &health); err != nil {
		return hookHealth{}, ErrInternal.because(err)
	}
	return health, nil
}

// hookDelivery is what is kept of a message that was tried.
type hookDelivery struct {
	Version    int       `json:"v"`
	MessageID  string    `json:"message"`
	Kind       string    `json:"kind"`
	Status     string    `json:"status"`
	Attempts   int       `json:"attempts"`
	StatusCode int       `json:"statusCode,omitzero"`
	Latency    int64     `json:"latency,omitzero"` // milliseconds
	Error      string    `json:"error,omitempty"`
	NextAt     time.Time `json:"nextAt,omitzero"`
}

func hookRef(id string) string { return "webhook/" + id }

// hookMessage is the sealed content of a message.
type hookMessage struct {
	// ID is what the receiver tells messages apart by: the id of the event.
	ID   string `json:"id"`
	Kind string `json:"kind"`
	Body []byte `json:"body"`
}

// hookBody is what a receiver gets. It has ids and no other facts, so that nobody has
// to be told of a person more than the receiver asks the API for.
func hookBody(e *store.Event) ([]byte, error) {
	data := map[string]string{}
	var facts map[string]jsontext.Value
	if len(e.Data) > 0 {
		if err := json.Unmarshal(e.Data, &facts); err != nil {
			return nil, err
		}
	}
	for name, value := range facts {
		if id := strings.Trim(string(value), `"`); uuid.Valid(id) {
			data[name] = id
		}
	}
	data["eventId"] = e.ID
	for name, id := range map[string]string{"actorId": e.ActorID, "subjectId": e.SubjectID} {
		if id != "" {
			data[name] = id
		}
	}
	return json.Marshal(struct {
		Type      string            `json:"type"`
		Timestamp string            `json:"timestamp"`
		Data      map[string]string `json:"data"`
	}{e.Kind, e.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"), data}, json.Deterministic(true))
}

// hookMail makes the message of an event to a webhook ready for the outbox.
func hookMail(k *kernel, hookID, id string, e *store.Event) (store.Mail, error) {
	body, err := hookBody(e)
	if err != nil {
		return store.Mail{}, ErrInternal.because(err)
	}
	plain, err := json.Marshal(hookMessage{ID: e.ID, Kind: e.Kind, Body: body})
	if err != nil {
		return store.Mail{}, ErrInternal.because(err)
	}
	box, err := k.ring.Seal(outbox.Purpose, []byte(id), plain)
	if err != nil {
		return store.Mail{}, ErrInternal.because(err)
	}
	now := k.now()
	return store.Mail{Tenant: tenant, ID: id, Queue: hookQueue + hookID, Kind: e.Kind, Sealed: box, CreatedAt: now, NextAt: now}, nil
}

func openHookMail(k *kernel, m *store.Mail) (message hookMessage, err error) {
	plain, err := k.ring.Open(outbox.Purpose, []byte(m.ID), m.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &message)
	}
	return message, err
}

// deliveryID is the id of the message about an event to a webhook. A process that makes
// the message a second time makes the same id. Ids sort as the events do.
func deliveryID(eventID, hookID string) string {
	id, ok := uuid.Parse(eventID)
	if !ok {
		return ""
	}
	sum := sha256.Sum256([]byte(eventID + " " + hookID))
	copy(id[8:], sum[:8])
	id[8] = id[8]&0x3f | 0x80
	return uuid.Format(id)
}

// fanOut queues a message for each of the events and each webhook that wants it. The
// events are passed on one after the other by one process. Events that were passed on
// before are passed over.
func fanOut(ctx context.Context, k *kernel, events []store.Event) error {
	hooks, err := allHooks(ctx, k.store)
	if err != nil {
		return err
	}
	var mails []store.Mail
	for i := range events {
		for j := range hooks {
			e, h := &events[i], &hooks[j]
			id := deliveryID(e.ID, h.record.ID)
			if !h.works() || id == "" || e.At.Before(h.record.CreatedAt) || !webhook.Matches(h.Events, e.Kind) {
				continue
			}
			switch _, err := k.store.Record(ctx, tenant, recordHookDelivery, id); {
			case err == nil:
				continue // it was tried already
			case !errors.Is(err, store.ErrNotFound):
				return err
			}
			mail, err := hookMail(k, h.record.ID, id, e)
			if err != nil {
				return err
			}
			mails = append(mails, mail)
		}
	}
	if len(mails) == 0 {
		return nil
	}
	// A message that waits already is left as it is.
	if _, err := k.store.Write(ctx, store.Batch{Mails: mails}); err != nil {
		return err
	}
	k.hooks.Wake()
	return nil
}

// noteHooks remembers whether there are webhooks.
func noteHooks(k *kernel, hooks []storedHook) int32 {
	state := noHooks
	if len(hooks) > 0 {
		state = someHooks
	}
	k.hooked.Store(state)
	return state
}

// awaited says whether somebody waits for new events: the host, or a webhook. The
// first event of a process asks the store. After that the webhook worker keeps the
// answer up to date, and an event costs nothing.
func awaited(ctx context.Context, t *txn) (bool, error) {
	if t.config.OnEvent != nil {
		return true, nil
	}
	state := t.hooked.Load()
	if state == hooksUnknown {
		hooks, err := allHooks(ctx, t.Store)
		if err != nil {
			return false, err
		}
		state = noteHooks(t.kernel, hooks)
	}
	return state == someHooks, nil
}

// window returns the items from one place of a list to another, by pages of a size.
func window[T any](from, until, size int, list func(page store.Page) ([]T, int, error)) ([]T, error) {
	var items []T
	for number := from/size + 1; (number-1)*size < until; number++ {
		part, _, err := list(store.Page{Number: number, Limit: size})
		if err != nil {
			return nil, err
		}
		items = append(items, part...)
	}
	skip := min(from%size, len(items))
	return items[skip:min(skip+until-from, len(items))], nil
}

// listHookMail lists the messages of all webhooks, one webhook after the other.
func listHookMail(ctx context.Context, k *kernel, dead bool, page store.Page) (found []store.Mail, total int, err error) {
	hooks, err := allHooks(ctx, k.store)
	if err != nil {
		return nil, 0, err
	}
	from, until := page.Offset(), page.Offset()+page.Limit
	for i := range hooks {
		list := func(page store.Page) ([]store.Mail, int, error) {
			return k.store.ListMail(ctx, tenant, hookQueue+hooks[i].record.ID, dead, page)
		}
		_, count, err := list(store.Page{Number: 1, Limit: 1})
		if err != nil {
			return nil, 0, err
		}
		if first, last := max(from-total, 0), min(until-total, count); first < last {
			part, err := window(first, last, page.Limit, list)
			if err != nil {
				return nil, 0, err
			}
			for j := range part {
				part[j].Queue = store.QueueWebhook
			}
			found = append(found, part...)
		}
		total += count
	}
	return found, total, nil
}
