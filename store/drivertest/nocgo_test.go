//go:build !cgo

package drivertest

func cgoDatabases() []database { return nil }
