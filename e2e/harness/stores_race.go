//go:build race && !everystore

package harness

// kinds leaves the SQL stores out: the race detector watches them in
// store/drivertest. The tag everystore, which `.ci/long race` sets, leaves them
// in.
var kinds = []kind{memoryKind}
