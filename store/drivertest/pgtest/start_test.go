package pgtest

import (
	"runtime"
	"testing"
)

func TestStartServesUntilTheProcessEnds(t *testing.T) {
	u, err := start()
	if err != nil {
		t.Skipf("no PostgreSQL to start: %v; install the package postgresql", err)
	}
	if err := reach(u); err != nil {
		t.Fatal(err)
	}
	runtime.GC() // must not end the server
	runtime.GC()
	execute(t, u, "CREATE DATABASE another")
}
