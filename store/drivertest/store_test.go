package drivertest

import (
	"os"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/storetest"
)

// Without STORETEST_ROUNDS, which `.ci/long store` sets, the engines run once each, by
// one driver for PostgreSQL. The others send the same statements, and lib/pq runs behind
// PgBouncer.
func TestStoreKeepsTheContract(t *testing.T) {
	whole := os.Getenv("STORETEST_ROUNDS") != ""
	eachDatabase(t, func(t *testing.T, d database) {
		if !whole && (d.name == "pq" || d.name == "pgx one connection" || d.name == "mattn one connection") {
			return
		}
		storetest.Run(t, func(t *testing.T) store.Store { return d.open(t) })
	})
}
