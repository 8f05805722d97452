package admit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/outbound"
	"github.com/admit-go/admit/internal/webhook"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file sends the messages of webhooks. A webhook gets one message at a time, in
// the order of the events. A message that fails keeps its place for a few attempts,
// and the messages behind it wait. Then it steps aside and comes again later.

const (
	// hookTimeout bounds one attempt.
	hookTimeout = 15 * time.Second
	// hookDrain is how much of an answer is read, so that the connection can be used
	// again. What it says does not count.
	hookDrain = 16 << 10
	// hookInPlace is how many attempts a message makes before the messages behind it
	// may pass it.
	hookInPlace = 3
	// hookFailsFor is how long a webhook may fail before it is switched off.
	hookFailsFor = 3 * 24 * time.Hour
	// hookToldAdmins is how many administrators are told at most.
	hookToldAdmins = 20
)

// Why a webhook was switched off.
const (
	hookOffByOperator = "operator"
	hookOffGone       = "gone"
	hookOffFailed     = "failed"
)

// What has become of a message.
const (
	deliveryDelivered = "delivered"
	deliveryWaiting   = "waiting"
	deliveryFailed    = "failed"
)

// hookWorker delivers what the sender claims.
type hookWorker struct {
	*kernel
	holder string
	client *outbound.Client
}

// newHookSender returns the sender of the messages of webhooks.
func newHookSender(k *kernel, holder string) *webhook.Sender {
	private := k.config.Webhooks.AllowPrivate
	w := &hookWorker{k, holder, outbound.New(outbound.Options{AllowLoopback: private, AllowPrivate: private, Timeout: hookTimeout})}
	return webhook.NewSender(webhook.Options{
		Store: k.store, Tenant: tenant, Holder: holder, Now: k.config.Now, Logger: k.log, Queues: w.queues, Open: w.open,
		Deliver: w.deliver, Idle: w.client.CloseIdle,
	})
}

// queues lists the queues that may be worked now, and notes whether there are
// webhooks.
func (w *hookWorker) queues(ctx context.Context) ([]string, error) {
	hooks, err := allHooks(ctx, w.store)
	if err != nil {
		return nil, err
	}
	if noteHooks(w.kernel, hooks) == noHooks {
		return nil, nil
	}
	healths, err := healthsOf(ctx, w.store)
	if err != nil {
		return nil, err
	}
	now := w.now()
	var queues []string
	for i := range hooks {
		h := &hooks[i]
		if !h.DeletedAt.IsZero() {
			if err := w.drain(ctx, h); err != nil {
				return nil, err
			}
			continue
		}
		if h.works() && !now.Before(healths[h.record.ID].HeldUntil) {
			queues = append(queues, hookQueue+h.record.ID)
		}
	}
	return queues, nil
}

// open reports whether no attempt that failed holds a queue.
func (w *hookWorker) open(ctx context.Context, queue string) (bool, error) {
	health, err := healthOf(ctx, w.store, strings.TrimPrefix(queue, hookQueue))
	return !w.now().Before(health.HeldUntil), err
}

// drain removes some messages of a deleted webhook, and the webhook after the last.
func (w *hookWorker) drain(ctx context.Context, h *storedHook) error {
	const some = 100
	queue, now := hookQueue+h.record.ID, w.now()
	dead, _, err := w.store.ListMail(ctx, tenant, queue, true, store.Page{Number: 1, Limit: some})
	if err != nil {
		return err
	}
	for _, m := range dead {
		if _, err := w.store.ReviveMail(ctx, tenant, m.ID, now); err != nil {
			return err
		}
	}
	// Messages that wait for a later attempt are claimed too.
	claimed, err := w.store.ClaimMail(ctx, tenant, queue, w.holder, now.Add(2*webhook.MaxRetryAfter), now.Add(2*webhook.MaxRetryAfter+time.Minute), some)
	if err != nil {
		return err
	}
	for _, m := range claimed {
		if _, err := w.store.RemoveMail(ctx, tenant, m.ID, w.holder); err != nil {
			return err
		}
	}
	next, err := w.store.NextMail(ctx, tenant, queue)
	if err != nil || !next.IsZero() || len(dead) > 0 {
		return err
	}
	if _, err := w.store.DeleteRecord(ctx, tenant, recordHookHealth, h.record.ID); err != nil {
		return err
	}
	_, err = w.store.DeleteRecord(ctx, tenant, recordHook, h.record.ID)
	return err
}

// hookAnswer is the result of one attempt.
type hookAnswer struct {
	status     int
	latency    time.Duration
	retryAfter time.Duration
	err        error
}

// why is the result in words for operators. It has nothing that the receiver said
// except its status.
func (a *hookAnswer) why() string {
	switch {
	case a.err != nil:
		text := a.err.Error()
		return text[:min(len(text), 300)]
	case a.status < 200 || a.status > 299:
		return fmt.Sprintf("the receiver answered %d", a.status)
	}
	return ""
}

// deliver tries to deliver a message and stores the result.
func (w *hookWorker) deliver(ctx context.Context, queue string, m store.Mail) (next bool, err error) {
	h, err := hookOf(ctx, w.store, strings.TrimPrefix(queue, hookQueue))
	switch {
	case errors.Is(err, ErrWebhookNotFound):
		_, err = w.store.RemoveMail(ctx, tenant, m.ID, w.holder)
		return true, err
	case err != nil:
		return false, err
	case !h.works():
		_, err = w.store.DeferMail(ctx, tenant, m.ID, w.holder, m.NextAt, m.LastError)
		return false, err
	}
	message, err := openHookMail(w.kernel, &m)
	if err != nil {
		w.log.ErrorContext(ctx, "a message of a webhook cannot be read", "webhook", m.ID, "error", err)
		_, err = w.store.BuryMail(ctx, tenant, m.ID, w.holder, w.now(), "the stored message cannot be read")
		return true, err
	}
	answer := w.post(ctx, &h, &message)
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.config.RequestTimeout)
	defer cancel()
	if interrupted {
		_, err = w.store.DeferMail(ctx, tenant, m.ID, w.holder, m.NextAt, m.LastError)
		return false, err
	}
	err = w.tx(ctx, func(ctx context.Context, t *txn) error {
		next, err = w.settle(ctx, t, &h, &m, &message, &answer)
		return err
	})
	return next && err == nil, err
}

// post makes one attempt.
func (w *hookWorker) post(ctx context.Context, h *storedHook, message *hookMessage) (a hookAnswer) {
	now := w.now()
	keys, err := h.keys(w.kernel)
	if err != nil {
		return hookAnswer{err: errors.New("the keys of the webhook cannot be opened")}
	}
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.Key
	}
	signature, err := webhook.Sign(message.ID, now, message.Body, texts...)
	if err != nil {
		return hookAnswer{err: err}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(message.Body))
	if err != nil {
		return hookAnswer{err: errors.New("the URL cannot be called")}
	}
	webhook.SetHeaders(request.Header, message.ID, now, signature)
	began := time.Now()
	response, err := w.client.HTTP.Do(request)
	a.latency = time.Since(began)
	if err != nil {
		a.err = fmt.Errorf("ask %s: %w", hostOf(h.URL), outbound.Bare(err))
		return a
	}
	// The status decides. A receiver that breaks off its answer has the message.
	_, _ = io.CopyN(io.Discard, response.Body, hookDrain)
	_ = response.Body.Close()
	a.status, a.retryAfter = response.StatusCode, webhook.RetryAfter(response.Header, now)
	return a
}

// settle stores the result of an attempt. It reports whether the next message may
// follow at once.
func (w *hookWorker) settle(ctx context.Context, t *txn, h *storedHook, m *store.Mail, message *hookMessage, a *hookAnswer) (bool, error) {
	now := t.now()
	seen, err := t.Record(ctx, tenant, recordHookDelivery, m.ID)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	d := hookDelivery{Version: hookVersion, MessageID: message.ID, Kind: message.Kind}
	if known {
		if err := json.Unmarshal(seen.Data, &d); err != nil {
			return false, ErrInternal.because(err)
		}
		if d.Status == deliveryFailed {
			d.Attempts = 0 // an operator has sent it again
		}
	}
	d.Attempts++
	d.StatusCode, d.Latency, d.Error, d.NextAt = a.status, a.latency.Milliseconds(), a.why(), time.Time{}
	mine, next, err := w.conclude(ctx, t, h, m, &d, a)
	if err != nil || !mine {
		return false, err // another process has taken the message over
	}
	data, err := json.Marshal(d)
	if err != nil {
		return false, ErrInternal.because(err)
	}
	if !known {
		return next, t.CreateRecord(ctx, store.Record{
			Tenant: tenant, Kind: recordHookDelivery, ID: m.ID, Refs: []string{hookRef(h.record.ID)}, Data: data, CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(deliveryKept),
		})
	}
	seen.Data, seen.UpdatedAt, seen.ExpiresAt = data, now, now.Add(deliveryKept)
	_, err = t.SwapRecord(ctx, seen)
	return next, err
}

// conclude decides what becomes of a message after an attempt. Mine says whether this
// process still had the claim on it.
func (w *hookWorker) conclude(ctx context.Context, t *txn, h *storedHook, m *store.Mail, d *hookDelivery, a *hookAnswer) (mine, next bool, err error) {
	now, id := t.now(), h.record.ID
	if d.Error == "" {
		d.Status = deliveryDelivered
		if mine, err = t.RemoveMail(ctx, tenant, m.ID, w.holder); err != nil || !mine {
			return mine, false, err
		}
		_, err = t.DeleteRecord(ctx, tenant, recordHookHealth, id)
		return true, true, err
	}
	pause, again := webhook.Pause(d.Attempts)
	pause = max(pause, a.retryAfter)
	switch {
	case !again:
		d.Status = deliveryFailed
		mine, err = t.BuryMail(ctx, tenant, m.ID, w.holder, now, d.Error)
	case d.Attempts < hookInPlace:
		d.Status, d.NextAt = deliveryWaiting, now.Add(pause)
		mine, err = t.DeferMail(ctx, tenant, m.ID, w.holder, m.NextAt, d.Error)
	default:
		d.Status, d.NextAt = deliveryWaiting, now.Add(pause)
		mine, err = t.DeferMail(ctx, tenant, m.ID, w.holder, d.NextAt, d.Error)
	}
	if err != nil || !mine {
		return mine, false, err
	}
	t.log.WarnContext(ctx, "a webhook failed", "webhook", id, "message", d.MessageID, "attempts", d.Attempts, "next", d.NextAt, "error", d.Error)
	held := time.Time{}
	if again && d.Attempts < hookInPlace {
		held = d.NextAt
	} else if a.retryAfter > 0 {
		held = now.Add(a.retryAfter)
	}
	since, err := noteHookFailure(ctx, t, id, held)
	if err != nil {
		return true, false, err
	}
	why := ""
	if a.status == http.StatusGone {
		why = hookOffGone
	} else if now.Sub(since) >= hookFailsFor {
		why = hookOffFailed
	}
	if why != "" {
		return true, false, switchOff(ctx, t, id, why)
	}
	return true, held.IsZero(), nil
}

// noteHookFailure keeps that a webhook has failed. It returns since when.
func noteHookFailure(ctx context.Context, t *txn, id string, held time.Time) (since time.Time, err error) {
	now := t.now()
	err = changeRecord(ctx, t, recordHookHealth, id, func(data []byte) ([]byte, error) {
		health := hookHealth{Version: hookVersion, Since: now}
		if data != nil {
			if err := json.Unmarshal(data, &health); err != nil {
				return nil, ErrInternal.because(err)
			}
		}
		health.HeldUntil = held
		since = health.Since
		return json.Marshal(health)
	})
	return since, err
}

// switchOff disables a webhook that fails, and tells administrators.
func switchOff(ctx context.Context, t *txn, id, why string) error {
	r, err := t.Record(ctx, tenant, recordHook, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	h, err := readHook(r)
	if err != nil || !h.works() {
		return err
	}
	h.DisabledAt, h.DisabledFor = t.now(), why
	if h.record.Data, err = h.encode(); err != nil {
		return err
	}
	h.record.UpdatedAt = t.now()
	won, err := t.SwapRecord(ctx, h.record)
	if err != nil || !won {
		return err // an operator changes it now: the next failure tries again
	}
	told := 0
	_, err = otherAdmin(ctx, t.kernel, t, "", func(admin *store.User) (bool, error) {
		told++
		values := t.about(context.Background(), admin, mailer.Values{ResourceName: hostOf(h.URL)})
		return told >= hookToldAdmins, t.mail(ctx, mailer.WebhookDisabled, admin.Email, admin.Locale, values)
	})
	if err != nil {
		return err
	}
	t.log.WarnContext(ctx, "a webhook was switched off", "webhook", id, "why", why)
	return t.record(ctx, event{kind: eventWebhookDisabled, data: eventData{"webhook": id, "reason": why, "host": hostOf(h.URL)}})
}
