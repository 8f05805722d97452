package admit

import (
	"context"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// Outbox shows what waits to be sent and what was given up, sends it again, and
// deletes it.
type Outbox struct {
	*kernel
}

// ListOutboxParams selects messages of the outbox.
type ListOutboxParams struct {
	// Queue is "mail", "webhook" or "revocation". Default: "mail".
	Queue string
	// Dead selects the messages that were given up, otherwise those that wait.
	Dead bool
	Page PageParams
}

// List returns one page of the messages of a queue, oldest first, and the number of
// all of them. The messages of webhooks are listed one webhook after the other. ErrInvalidRequest or ErrUnavailable.
func (o *Outbox) List(ctx context.Context, in ListOutboxParams) (Page[Mail], error) {
	switch in.Queue {
	case "", store.QueueMail, store.QueueWebhook, store.QueueRevocation:
	default:
		return Page[Mail]{}, ErrInvalidRequest.detail("queue", "must be mail, webhook or revocation")
	}
	if in.Queue == store.QueueWebhook {
		list, total, err := listHookMail(ctx, o.kernel, in.Dead, store.Page(in.Page))
		return pageOf(list, total, mailOf), fault(err)
	}
	list, total, err := o.store.ListMail(ctx, tenant, in.Queue, in.Dead, store.Page(in.Page))
	return pageOf(list, total, mailOf), fault(err)
}

// Dead returns one page of the mail that was given up, oldest first, and the number
// of all of it.
func (o *Outbox) Dead(ctx context.Context, page PageParams) (Page[Mail], error) {
	return o.List(ctx, ListOutboxParams{Dead: true, Page: page})
}

// Retry sends a message that was given up again. It returns ErrNotFound if no
// such message has the id, or ErrUnavailable.
func (o *Outbox) Retry(ctx context.Context, id string) error {
	if !uuid.Valid(id) {
		return ErrNotFound
	}
	return o.tx(ctx, func(ctx context.Context, tx *txn) error {
		revived, err := tx.ReviveMail(ctx, tenant, id, o.now())
		if err != nil {
			return err
		}
		if !revived {
			return ErrNotFound
		}
		tx.mailed = true
		tx.then = append(tx.then, tx.hooks.Wake)
		if revokesTokens(o.config.Providers) {
			tx.then = append(tx.then, o.revocations.Wake)
		}
		return tx.record(ctx, event{kind: eventMailRetried, data: eventData{"message": id}})
	})
}

// Delete removes a message that waits or was given up, of any queue. A message that
// is being sent at the moment may still arrive. It returns ErrNotFound if no such
// message has the id, or ErrUnavailable.
func (o *Outbox) Delete(ctx context.Context, id string) error {
	if !uuid.Valid(id) {
		return ErrNotFound
	}
	return o.tx(ctx, func(ctx context.Context, tx *txn) error {
		deleted, err := tx.DeleteMail(ctx, tenant, id)
		if err != nil {
			return err
		}
		if !deleted {
			return ErrNotFound
		}
		return tx.record(ctx, event{kind: eventMailDeleted, data: eventData{"message": id}})
	})
}
