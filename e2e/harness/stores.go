package harness

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/storetest"
)

// place is a new store. open opens the store again, as another process does.
// dump returns all its content, as a thief of the database would read it.
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

func inMemory(t testing.TB) place {
	s := memory.New()
	return place{
		open: func(testing.TB) store.Store { return storetest.Wrap(s, inOrder(t)) },
		dump: func(t testing.TB) string {
			events, err := s.ListEvents(context.Background(), store.EventQuery{Limit: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, e := range events {
				fmt.Fprintln(&text, e.ID, e.Kind, e.ActorID, e.SubjectID, e.IPAddress, e.UserAgent, e.RequestID, e.Seal, string(e.Data))
			}
			return text.String()
		},
	}
}

// inOrder watches the order in which each transaction takes its rows: first accounts,
// then tokens. Two transactions that take them in opposite orders wait for each other,
// which costs PostgreSQL a second, and only once in many runs.
func inOrder(t testing.TB) storetest.Around {
	type inTx struct{}
	type taken struct{ account, token bool }
	return func(ctx context.Context, verb string, call func(context.Context) error) error {
		if verb == "Tx" {
			return call(context.WithValue(ctx, inTx{}, &taken{}))
		}
		held, within := ctx.Value(inTx{}).(*taken)
		if !within {
			return call(ctx)
		}
		switch verb {
		case "LockUser", "SpendToken":
			if held.token && !held.account {
				t.Errorf("a transaction took a token, and then, with %s, its first account", verb)
			}
			held.account = true
		case "ConsumeToken", "TryToken":
			held.token = true
		}
		return call(ctx)
	}
}
