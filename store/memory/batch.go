package memory

import (
	"context"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// Write is described at store.Batches.
func (s *Store) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	if err := s.usable(ctx); err != nil {
		return store.Written{}, err
	}
	if err := text.Batch(b); err != nil {
		return store.Written{}, err
	}
	return store.WriteEach(ctx, s, b)
}
