package drivertest

import (
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/storetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		storetest.Run(t, func(t *testing.T) store.Store { return d.open(t) })
	})
}
