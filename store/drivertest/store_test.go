package drivertest

import (
	"os"
	"slices"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/storetest"
)

// Without STORETEST_ROUNDS, which `.ci/long store` sets, the engines run once each, by
// one driver for PostgreSQL. The others send the same statements, and lib/pq runs behind
// PgBouncer.
func TestStoreKeepsTheContract(t *testing.T) {
	whole := os.Getenv("STORETEST_ROUNDS") != ""
	for _, d := range databases() {
		if !whole && slices.Contains([]string{"pq", "pgx one connection", "mattn one connection"}, d.name) {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store { return d.open(t) })
		})
	}
}
