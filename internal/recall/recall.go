// Package recall remembers for a short time what a process has read from the store.
// It is for one answer that every request asks for, such as the settings.
package recall

import (
	"sync/atomic"
	"time"
)

// Value remembers one answer. The zero value remembers nothing. Many goroutines may
// use it at once.
type Value[T any] struct {
	last    atomic.Pointer[reading[T]]
	changes atomic.Int64
}

// reading is an answer that was read.
type reading[T any] struct {
	value T
	at    time.Time
	// change is how many changes this process had made before.
	change int64
}

// Forget is called after this process has changed the answer. What another goroutine
// is reading at the same time is not remembered either.
func (v *Value[T]) Forget() { v.changes.Add(1) }

// Within returns the answer that was read less than a time before now, or reads it.
// After a failure nothing is remembered anew.
func (v *Value[T]) Within(now time.Time, lasts time.Duration, read func() (T, error)) (T, error) {
	change, last := v.changes.Load(), v.last.Load()
	if last != nil && last.change == change && !now.Before(last.at) && now.Sub(last.at) < lasts {
		return last.value, nil
	}
	value, err := read()
	if err == nil {
		v.last.Store(&reading[T]{value, now, change})
	}
	return value, err
}
