package storetest

import (
	"context"

	"github.com/admit-go/admit/store"
)

func (w wrapped) AppendEvent(ctx context.Context, e store.Event) error {
	return w.via(ctx, w.inner, "AppendEvent", func(ctx context.Context, to store.Store) error { return to.AppendEvent(ctx, e) })
}

func (w wrapped) ListEvents(ctx context.Context, q store.EventQuery) ([]store.Event, error) {
	return answer(ctx, w, "ListEvents", func(ctx context.Context, to store.Store) ([]store.Event, error) {
		return to.ListEvents(ctx, q)
	})
}

func (w wrapped) PendingEvents(ctx context.Context, tenant string, limit int) ([]store.Event, error) {
	return answer(ctx, w, "PendingEvents", func(ctx context.Context, to store.Store) ([]store.Event, error) {
		return to.PendingEvents(ctx, tenant, limit)
	})
}

func (w wrapped) UnchainedEvents(ctx context.Context, tenant string, limit int) ([]store.Event, error) {
	return answer(ctx, w, "UnchainedEvents", func(ctx context.Context, to store.Store) ([]store.Event, error) {
		return to.UnchainedEvents(ctx, tenant, limit)
	})
}

func (w wrapped) ChainEvents(ctx context.Context, tenant string, links []store.EventLink) (int, error) {
	return answer(ctx, w, "ChainEvents", func(ctx context.Context, to store.Store) (int, error) {
		return to.ChainEvents(ctx, tenant, links)
	})
}

func (w wrapped) ChainedEvents(ctx context.Context, tenant string, after int64, limit int) ([]store.Event, error) {
	return answer(ctx, w, "ChainedEvents", func(ctx context.Context, to store.Store) ([]store.Event, error) {
		return to.ChainedEvents(ctx, tenant, after, limit)
	})
}

func (w wrapped) DeleteChainedEvents(ctx context.Context, tenant string, last int64, limit int) (int, error) {
	return answer(ctx, w, "DeleteChainedEvents", func(ctx context.Context, to store.Store) (int, error) {
		return to.DeleteChainedEvents(ctx, tenant, last, limit)
	})
}

func (w wrapped) DeliverEvents(ctx context.Context, tenant string, ids []string) error {
	return w.via(ctx, w.inner, "DeliverEvents", func(ctx context.Context, to store.Store) error { return to.DeliverEvents(ctx, tenant, ids) })
}
