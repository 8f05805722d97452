package passhash

import (
	"context"
	"strings"
	"sync"
	"time"
)

// maxClasses bounds the number of kinds of stored hash that are measured.
const maxClasses = 64

// floor is the least time of a refusal, so that the time does not show the
// format of a stored hash, and so the account. It follows the slowest format
// that was verified. With only one format there is no floor.
type floor struct {
	mu      sync.Mutex
	classes map[string]time.Duration
	least   time.Duration
}

// saw records how long one derivation of a class took. It keeps a sliding mean,
// so that one pause of the machine does not look like a slower format.
func (f *floor) saw(class string, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	mean, known := f.classes[class]
	switch {
	case known:
		mean += (took - mean) / 8
	case len(f.classes) >= maxClasses:
		return
	default:
		mean = took
	}
	f.classes[class] = mean
	f.least = 0
	if len(f.classes) < 2 {
		return
	}
	for _, mean := range f.classes {
		// A quarter is added, so that usually the slowest format waits too.
		f.least = max(f.least, mean+mean/4)
	}
}

// wait returns when a refusal that took this long may be answered, or when the
// request ends.
func (f *floor) wait(ctx context.Context, took time.Duration) {
	f.mu.Lock()
	rest := f.least - took
	f.mu.Unlock()
	if rest <= 0 {
		return
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// classOf returns the part of a stored hash that decides its time: the format
// and its parameters, without the salt and the hash.
func classOf(encoded string) string {
	fields := strings.Split(encoded, "$")
	if strings.HasPrefix(encoded, "$2") || strings.HasPrefix(encoded, "bcrypt") || len(fields) < 3 {
		return strings.Join(fields[:len(fields)-1], "$")
	}
	return strings.Join(fields[:len(fields)-2], "$")
}
