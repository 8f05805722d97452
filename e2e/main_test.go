package e2e_test

import (
	"os"
	"testing"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
