package admit

import (
	"context"

	"github.com/admit-go/admit/store"
)

// Outbox shows mail that was given up and sends it again.
type Outbox struct {
	*kernel
}

// Dead returns one page of the messages that were given up, oldest first, and
// the number of all of them.
func (o *Outbox) Dead(ctx context.Context, page PageParams) (Page[Mail], error) {
	list, total, err := o.store.ListMail(ctx, tenant, store.QueueMail, true, store.Page(page))
	return pageOf(list, total, mailOf), fault(err)
}

// Retry sends a message that was given up again. It returns ErrNotFound if no
// such message has the id, or ErrUnavailable.
func (o *Outbox) Retry(ctx context.Context, id string) error {
	revived, err := o.store.ReviveMail(ctx, tenant, id, o.now())
	switch {
	case err != nil:
		return fault(err)
	case !revived:
		return ErrNotFound
	}
	o.afterCommit(o.outbox.Wake)
	return nil
}
