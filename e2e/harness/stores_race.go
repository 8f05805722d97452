//go:build race

package harness

// kinds leaves the SQL stores out: the race detector watches them in
// store/drivertest.
var kinds = []kind{memoryKind}
