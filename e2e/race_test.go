//go:build race

package e2e_test

// raced says that the race detector watches.
const raced = true
