package customstore_test

import (
	"testing"

	"github.com/admit-go/admit/examples/customstore"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/storetest"
)

func TestStoreKeepsTheWholeContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return customstore.New(memory.New()) })
}
