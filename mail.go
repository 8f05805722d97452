package admit

import (
	"context"

	"github.com/admit-go/admit/store"
)

// Outbox shows mail that could not be sent and sends it again.
type Outbox struct {
	*kernel
}

// Dead returns one page of the messages that were given up, oldest first,
// and their total.
func (o *Outbox) Dead(ctx context.Context, page PageParams) (Page[Mail], error) {
	list, total, err := o.store.ListMail(ctx, tenant, store.QueueMail, true, store.Page(page))
	return pageOf(list, total, mailOf), fault(err)
}

// Retry makes a message that was given up go out again. ErrNotFound when it
// is not one of those.
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
