package drivertest

import (
	"os"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
	"github.com/admit-go/admit/store/storetest"
)

// Without STORETEST_ROUNDS, which `.ci/long store` sets, PostgreSQL runs all rounds of
// the races by pgx and few by its other ways in: the statements are the same.
func TestStoreKeepsTheContract(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		if os.Getenv("STORETEST_ROUNDS") == "" && d.dialect == sqlstore.Postgres && d.name != "pgx" {
			t.Setenv("STORETEST_ROUNDS", "3")
		}
		storetest.Run(t, func(t *testing.T) store.Store { return d.open(t) })
	})
}
