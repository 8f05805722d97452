//go:build !race

package drivertest

import (
	"context"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/storetest"
)

// The race detector watches the engine without a pooler.

func TestStoreKeepsTheContractBehindPgBouncerInTransactionMode(t *testing.T) {
	at := pgtest.Bouncer(t, pgtest.Open(t))
	for _, mode := range poolerModes {
		if mode.safe {
			t.Run(mode.name, func(t *testing.T) {
				storetest.Run(t, func(t *testing.T) store.Store {
					s := postgres.New(openPooled(t, mode.driver, pooled(t, at), mode.setting))
					if err := s.Migrate(context.Background()); err != nil {
						t.Fatal(err)
					}
					return s
				})
			})
		}
	}
}
