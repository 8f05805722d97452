//go:build !race || everystore

package drivertest

import (
	"context"
	"os"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/storetest"
)

// With each way to open a driver that docs/postgres.md names, the store keeps its
// whole contract behind PgBouncer, races included. Without STORETEST_ROUNDS, which
// `.ci/long store` sets, one way of each driver is tried, with two rounds of each
// race.
func TestStoreKeepsTheContractBehindPgBouncerInTransactionMode(t *testing.T) {
	whole := os.Getenv("STORETEST_ROUNDS") != ""
	if !whole {
		t.Setenv("STORETEST_ROUNDS", "2")
	}
	at := pgtest.Bouncer(t, pgtest.Open(t))
	tried := map[string]bool{}
	for _, mode := range poolerModes {
		if !mode.safe || tried[mode.driver] && !whole {
			continue
		}
		tried[mode.driver] = true
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
