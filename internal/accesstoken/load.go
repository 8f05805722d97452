package accesstoken

import (
	"bytes"
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
)

// flight is a running load of the keys. Other callers wait for it and do not
// ask the store again.
type flight struct {
	store store.Keys
	done  chan struct{}
	// err and abandoned are set before done is closed. abandoned says that the
	// context of the loading caller ended. Then the waiting callers must load
	// by themselves.
	err       error
	abandoned bool
}

// near reports whether the keys were loaded within a time before now. A load a
// little later than now belongs to a request that began later. A load much
// later than now is wrong: the clock was set back.
func near(loaded, now time.Time, within time.Duration) bool {
	age := now.Sub(loaded)
	return -skew < age && age < within
}

// fresh reports whether the loaded keys are recent enough.
func (t *Tokens) fresh(now time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return near(t.loaded, now, keyCheck)
}

// load reads the keys from the store, unless they were loaded within a time. If
// several callers load at once, one asks the store, and the others use its
// result.
func (t *Tokens) load(ctx context.Context, s store.Keys, now time.Time, within time.Duration) error {
	for {
		mine, other := t.board(s, func() bool { return near(t.loaded, now, within) })
		switch {
		case mine != nil:
			return t.land(ctx, mine, now)
		case other == nil:
			return nil
		}
		if err := other.wait(ctx); err != nil {
			return err
		}
		if other.err != nil && !other.abandoned && same(other.store, s) {
			return other.err
		}
	}
}

// reload reads the keys after a change. A load that began before the change may
// have missed it.
func (t *Tokens) reload(ctx context.Context, s store.Keys, now time.Time) error {
	for {
		mine, other := t.board(s, func() bool { return false })
		if mine != nil {
			return t.land(ctx, mine, now)
		}
		if err := other.wait(ctx); err != nil {
			return err
		}
	}
}

// board returns a flight of the caller's own, or the running flight. It returns
// neither if the caller needs none.
func (t *Tokens) board(s store.Keys, enough func() bool) (mine, other *flight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if enough() {
		return nil, nil
	}
	if t.flight != nil {
		return nil, t.flight
	}
	t.flight = &flight{store: s, done: make(chan struct{})}
	return t.flight, nil
}

// same reports whether two stores are the same store. An error inside a
// transaction of a host need not happen in another store.
func same(a, b store.Keys) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// land reads the keys and wakes the waiting callers, also if the store panics.
func (t *Tokens) land(ctx context.Context, f *flight, now time.Time) (err error) {
	f.abandoned = true
	defer func() {
		t.mu.Lock()
		t.flight = nil
		t.mu.Unlock()
		close(f.done)
	}()
	f.err = t.ask(ctx, f.store, now)
	f.abandoned = ctx.Err() != nil
	return f.err
}

// ask reads every key. It leaves out a key that cannot be opened, so tokens of
// this key are refused.
func (t *Tokens) ask(ctx context.Context, s store.Keys, now time.Time) error {
	records, err := s.ListKeys(ctx, t.options.Tenant)
	if err != nil {
		return err
	}
	keys := make(map[string]*Key, len(records))
	all := make([]*Key, 0, len(records))
	for _, record := range records {
		if record.Purpose != keyPurpose {
			continue
		}
		key, err := t.reuse(record)
		if err != nil {
			t.options.Logger.ErrorContext(ctx, "a signing key cannot be used", "key", record.ID, "error", err)
			key = &Key{record: record}
		} else {
			keys[key.header] = key
		}
		all = append(all, key)
	}
	slices.SortFunc(all, func(x, y *Key) int { return cmp.Compare(x.record.Sequence, y.record.Sequence) })
	t.mu.Lock()
	defer t.mu.Unlock()
	for header, old := range t.keys {
		// If a key is gone, the remembered tokens of the key are forgotten.
		old.dropped.Store(keys[header] != old)
	}
	t.keys, t.all, t.loaded = keys, all, now
	return nil
}

// reuse keeps a key that is loaded already, so that its remembered tokens need
// not be verified again.
func (t *Tokens) reuse(record store.Key) (*Key, error) {
	if old := t.known(t.headerOf(record.Algorithm, record.ID)); old != nil && bytes.Equal(old.record.Sealed, record.Sealed) {
		return old, nil
	}
	return t.open(record)
}
