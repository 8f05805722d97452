//go:build race

package drivertest

// raced says that the race detector watches.
const raced = true
