package admit

import (
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
)

// This file has the routes of webhook.go.

const (
	webhookPath = "/admin/webhooks"
	// webhookScope is the scope that a key needs to change webhooks. No wildcard covers
	// it, because a caller with the scope can have every event sent to any address.
	webhookScope = "webhooks:write"
)

// webhookDoors are the routes of webhooks.
type webhookDoors struct {
	*kernel
	webhooks *Webhooks
}

func (d *webhookDoors) feature() feature {
	const one = webhookPath + "/{id}"
	return feature{
		name:  "webhook",
		holds: holding{nothing: "webhooks are of the host, and messages hold ids alone"},
		routes: []route{
			{method: http.MethodPost, path: webhookPath, who: adminGroup, scope: webhookScope, exact: true, serve: d.handleCreate},
			{method: http.MethodGet, path: webhookPath, who: adminGroup, scope: "webhooks:read", serve: d.handleList},
			{method: http.MethodGet, path: one, who: adminGroup, scope: "webhooks:read", serve: d.handleGet},
			{method: http.MethodPatch, path: one, who: adminGroup, scope: webhookScope, exact: true, serve: d.handleUpdate},
			{method: http.MethodDelete, path: one, who: adminGroup, scope: webhookScope, exact: true, serve: d.handleDelete},
			{method: http.MethodPost, path: one + "/rotate", who: adminGroup, scope: webhookScope, exact: true, serve: d.handleRotate},
			{method: http.MethodPost, path: one + "/test", who: adminGroup, scope: webhookScope, exact: true, serve: d.handleTest},
			{method: http.MethodPost, path: one + "/replay", who: adminGroup, scope: webhookScope, exact: true, serve: d.handleReplay},
			{method: http.MethodGet, path: one + "/deliveries", who: adminGroup, scope: "webhooks:read", serve: d.handleDeliveries},
		},
		mails: []mailer.Kind{mailer.WebhookDisabled},
		events: []string{
			eventWebhookCreated, eventWebhookUpdated, eventWebhookDeleted, eventWebhookRotated, eventWebhookDisabled, eventWebhookReplayed,
		},
		errors: []*Error{ErrWebhookNotFound, ErrWebhookDisabled, ErrWebhookLimit},
	}
}

// webhookBody is a webhook in an answer. The secret is in the answer that made it, and
// in no other.
type webhookBody struct {
	ID             string         `json:"id"`
	URL            string         `json:"url"`
	Description    webio.Optional `json:"description"`
	Events         []string       `json:"events"`
	Signature      string         `json:"signature"`
	PublicKey      webio.Optional `json:"publicKey"`
	Enabled        bool           `json:"enabled"`
	DisabledAt     webio.Instant  `json:"disabledAt"`
	DisabledReason webio.Optional `json:"disabledReason"`
	FailingSince   webio.Instant  `json:"failingSince"`
	CreatedAt      webio.Instant  `json:"createdAt"`
	UpdatedAt      webio.Instant  `json:"updatedAt"`
	Secret         string         `json:"secret,omitempty"`
}

func showWebhook(h Webhook) webhookBody {
	return webhookBody{
		ID: h.ID, URL: h.URL, Description: webio.Optional(h.Description), Events: h.Events, Signature: h.Signature, PublicKey: webio.Optional(h.PublicKey),
		Enabled: h.DisabledAt.IsZero(), DisabledAt: webio.Instant(h.DisabledAt), DisabledReason: webio.Optional(h.DisabledFor),
		FailingSince: webio.Instant(h.FailingSince), CreatedAt: webio.Instant(h.CreatedAt), UpdatedAt: webio.Instant(h.UpdatedAt),
	}
}

// writeKeyed answers with a webhook that has a new key.
func writeKeyed(w http.ResponseWriter, made CreatedWebhook, err error) error {
	if err != nil {
		return err
	}
	body := showWebhook(made.Webhook)
	body.Secret = made.Secret
	return webio.Write(w, http.StatusCreated, body)
}

type createWebhookInput struct {
	URL         string   `json:"url"`
	Events      []string `json:"events"`
	Description string   `json:"description"`
	Signature   string   `json:"signature"`
}

func (d *webhookDoors) handleCreate(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	var in createWebhookInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	made, err := d.webhooks.Create(r.Context(), CreateWebhookParams(in))
	return writeKeyed(w, made, err)
}

func (d *webhookDoors) handleList(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	list, err := d.webhooks.List(r.Context(), PageParams(page))
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, page, showWebhook)
}

func (d *webhookDoors) handleGet(w http.ResponseWriter, r *http.Request) error {
	h, err := d.webhooks.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showWebhook(h))
}

type updateWebhookInput struct {
	URL         Optional[string]   `json:"url"`
	Events      Optional[[]string] `json:"events"`
	Description Optional[string]   `json:"description"`
	Enabled     Optional[*bool]    `json:"enabled"`
}

func (d *webhookDoors) handleUpdate(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	var in updateWebhookInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	if in.Enabled.Set && in.Enabled.Value == nil {
		return ErrInvalidRequest.detail("enabled", "must be true or false")
	}
	h, err := d.webhooks.Update(r.Context(), UpdateWebhookParams{
		ID: r.PathValue("id"), URL: in.URL, Events: in.Events, Description: in.Description, Enabled: flat(in.Enabled),
	})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showWebhook(h))
}

func (d *webhookDoors) handleDelete(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	if err := d.webhooks.Delete(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The webhook was removed."))
}

type rotateWebhookInput struct {
	// Overlap is a number of seconds.
	Overlap Optional[int64] `json:"overlap"`
}

func (d *webhookDoors) handleRotate(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	var in rotateWebhookInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	if seconds := in.Overlap.Value; seconds < 0 || seconds > int64(maxHookOverlap/time.Second) {
		return ErrInvalidRequest.detail("overlap", "must be from 0 to 604800 seconds")
	}
	made, err := d.webhooks.Rotate(r.Context(), RotateWebhookParams{
		ID: r.PathValue("id"), Overlap: Optional[time.Duration]{Set: in.Overlap.Set, Value: time.Duration(in.Overlap.Value) * time.Second},
	})
	return writeKeyed(w, made, err)
}

func (d *webhookDoors) handleTest(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	id, err := d.webhooks.Test(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusAccepted, struct {
		MessageID string `json:"messageId"`
	}{id})
}

type replayWebhookInput struct {
	Since string `json:"since"`
}

func (d *webhookDoors) handleReplay(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	var in replayWebhookInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	since, err := time.Parse(time.RFC3339, in.Since)
	if err != nil {
		return ErrInvalidRequest.detail("since", "must be an RFC 3339 time")
	}
	done, err := d.webhooks.Replay(r.Context(), ReplayWebhookParams{ID: r.PathValue("id"), Since: since})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusAccepted, struct {
		Queued int           `json:"queued"`
		Next   webio.Instant `json:"next"`
	}{done.Queued, webio.Instant(done.Next)})
}

// webhookDeliveryBody is a delivery in an answer.
type webhookDeliveryBody struct {
	ID            string         `json:"id"`
	MessageID     string         `json:"messageId"`
	Type          string         `json:"type"`
	Status        string         `json:"status"`
	Attempts      int            `json:"attempts"`
	StatusCode    *int           `json:"statusCode"`
	LatencyMillis int64          `json:"latencyMs"`
	Error         webio.Optional `json:"error"`
	LastAttemptAt webio.Instant  `json:"lastAttemptAt"`
	NextAttemptAt webio.Instant  `json:"nextAttemptAt"`
}

func (d *webhookDoors) handleDeliveries(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	list, err := d.webhooks.Deliveries(r.Context(), ListWebhookDeliveriesParams{ID: r.PathValue("id"), Page: PageParams(page)})
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, page, func(one WebhookDelivery) webhookDeliveryBody {
		body := webhookDeliveryBody{
			ID: one.ID, MessageID: one.MessageID, Type: one.Type, Status: one.Status, Attempts: one.Attempts, LatencyMillis: one.Latency.Milliseconds(),
			Error: webio.Optional(one.Error), LastAttemptAt: webio.Instant(one.LastAt), NextAttemptAt: webio.Instant(one.NextAt),
		}
		if one.StatusCode != 0 {
			body.StatusCode = &one.StatusCode
		}
		return body
	})
}
