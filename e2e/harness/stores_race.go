//go:build race && !everystore

package harness

// kinds leaves out the SQL stores, because store/drivertest runs them with the
// race detector. With the tag everystore, which `.ci/long race` sets, kinds has
// all stores.
var kinds = []kind{memoryKind}
