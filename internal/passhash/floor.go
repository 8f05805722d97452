package passhash

import (
	"context"
	"strings"
	"sync"
	"time"
)

// maxClasses bounds how many kinds of stored hash are told apart.
const maxClasses = 64

// floor is the time that a refusal takes at least, so that the format of a stored
// hash, and with it the account, does not show in the time. It follows the slowest
// format that was verified; while there is only one format there is none.
type floor struct {
	mu      sync.Mutex
	classes map[string]time.Duration
	least   time.Duration
}

// saw notes how long one derivation of a class took. What is kept is a sliding
// mean: one pause of the machine is no slower format.
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
		// A quarter more, so that the slowest format waits as well, for the most part.
		f.least = max(f.least, mean+mean/4)
	}
}

// wait returns once a refusal that took so long may be answered, or with the
// request.
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

// classOf is what decides how long a stored hash takes: its format with its
// parameters, without salt and hash.
func classOf(encoded string) string {
	fields := strings.Split(encoded, "$")
	if strings.HasPrefix(encoded, "$2") || strings.HasPrefix(encoded, "bcrypt") || len(fields) < 3 {
		return strings.Join(fields[:len(fields)-1], "$")
	}
	return strings.Join(fields[:len(fields)-2], "$")
}
