package harness

import (
	"context"
	"fmt"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// place is a new store. open opens it once more, as another process would; dump
// is everything in it, as whoever stole the database reads it.
type place struct {
	open func(testing.TB) store.Store
	dump func(testing.TB) string
}

// kind is a kind of store.
type kind struct {
	name  string
	place func(testing.TB) place
}

var memoryKind = kind{"memory", inMemory}

func inMemory(testing.TB) place {
	s := memory.New()
	return place{
		open: func(testing.TB) store.Store { return s },
		dump: func(t testing.TB) string {
			events, err := s.ListEvents(context.Background(), store.EventQuery{Limit: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%+v", events)
		},
	}
}
