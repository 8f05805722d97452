package admit

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/store"
)

// keyFor returns the key that signs with a header, or nil. A header that looks
// like one of ours but is unknown may come from a key that another process has
// just made: the store is asked, at most once a second.
func (t *accessTokens) keyFor(ctx context.Context, s store.Keys, header string, now time.Time) (*signingKey, error) {
	key, loaded := t.known(header)
	if key != nil && near(loaded, now, keyCheck) && now.Before(key.record.ExpiresAt) {
		return key, nil
	}
	if key == nil && !plausibleHeader(header) || near(loaded, now, time.Second) {
		if key != nil && !now.Before(key.record.ExpiresAt) {
			return nil, nil
		}
		return key, nil
	}
	if err := t.load(ctx, s, now); err != nil {
		if key != nil && now.Before(key.record.ExpiresAt) {
			return key, nil // the session is asked of the store in any case
		}
		return nil, err
	}
	if key, _ = t.known(header); key != nil && !now.Before(key.record.ExpiresAt) {
		return nil, nil
	}
	return key, nil
}

// near says whether two times are that close. A load that is a little ahead of a
// request was another request's, which began later; a clock that was set back
// is further away.
func near(loaded, now time.Time, within time.Duration) bool {
	age := now.Sub(loaded)
	return -within < age && age < within
}

func (t *accessTokens) known(header string) (*signingKey, time.Time) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.keys[header], t.loaded
}

// expire makes the next use of the keys load them again.
func (t *accessTokens) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded = time.Time{}
}

func (t *accessTokens) all() []*signingKey {
	t.mu.RLock()
	defer t.mu.RUnlock()
	keys := make([]*signingKey, 0, len(t.keys))
	for _, key := range t.keys {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y *signingKey) int { return int(x.record.Sequence - y.record.Sequence) })
	return keys
}

// signer returns the key to sign with, making the first and the next one when
// their time has come.
func (t *accessTokens) signer(ctx context.Context, s store.Store, now time.Time) (*signingKey, error) {
	for range 3 {
		t.mu.RLock()
		newest, fresh := t.newest, near(t.loaded, now, keyCheck)
		current := t.signingAt(now)
		t.mu.RUnlock()
		if fresh && current != nil && now.Before(newest.record.ActiveAt.Add(keyLife-keyLead)) {
			return current, nil
		}
		if !fresh {
			if err := t.load(ctx, s, now); err != nil {
				return nil, err
			}
			continue
		}
		if err := t.create(ctx, s, newest, current, now); err != nil {
			return nil, err
		}
	}
	return nil, ErrUnavailable.because(errors.New("no signing key could be made"))
}

// signingAt expects mu to be held.
func (t *accessTokens) signingAt(now time.Time) *signingKey {
	var best *signingKey
	for _, key := range t.keys {
		if key.algorithm.name != t.config.Sessions.Algorithm || now.Before(key.record.ActiveAt) ||
			!now.Add(t.config.Sessions.AccessTTL).Before(key.record.ExpiresAt) {
			continue
		}
		if best == nil || key.record.Sequence > best.record.Sequence {
			best = key
		}
	}
	return best
}

// create adds the next key. Of several processes that try at once one
// succeeds, and the others load what it made.
func (t *accessTokens) create(ctx context.Context, s store.Store, newest, current *signingKey, now time.Time) error {
	// Requests that began before this one, and processes whose clock is a little
	// behind, sign with the first key too.
	sequence, active := int64(1), now.Add(-keyCheck)
	if newest != nil {
		sequence = newest.record.Sequence + 1
	}
	if current != nil {
		active = now.Add(keyLead)
	}
	chosen := algorithms[t.config.Sessions.Algorithm]
	raw, err := chosen.generate()
	if err != nil {
		return ErrInternal.because(err)
	}
	id, err := keyID()
	if err != nil {
		return ErrInternal.because(err)
	}
	box, err := t.ring.Seal(keyPurpose, []byte(id), raw)
	if err != nil {
		return ErrInternal.because(err)
	}
	err = s.CreateKey(ctx, store.Key{
		Tenant: tenant, ID: id, Purpose: keyPurpose, Sequence: sequence, Algorithm: chosen.name, Sealed: box,
		CreatedAt: now, ActiveAt: active, ExpiresAt: active.Add(keyLife + keyOverlap),
	})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fault(err)
	}
	return t.load(ctx, s, now)
}

// load reads every key. A key that cannot be opened is left out: what it
// signed is refused.
func (t *accessTokens) load(ctx context.Context, s store.Keys, now time.Time) error {
	t.loading.Lock()
	defer t.loading.Unlock()
	records, err := s.ListKeys(ctx, tenant)
	if err != nil {
		return fault(err)
	}
	keys := make(map[string]*signingKey, len(records))
	var newest *signingKey
	for _, record := range records {
		if record.Purpose != keyPurpose {
			continue
		}
		key, err := t.reuse(record)
		if err != nil {
			t.config.Logger.ErrorContext(ctx, "a signing key cannot be used", "key", record.ID, "error", err)
			key = &signingKey{record: record}
		} else {
			keys[key.header] = key
		}
		if newest == nil || record.Sequence > newest.record.Sequence {
			newest = key
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for header, old := range t.keys {
		// What a key that is gone has signed is forgotten with it.
		old.dropped.Store(keys[header] != old)
	}
	t.keys, t.newest, t.loaded = keys, newest, now
	return nil
}

// reuse keeps a key that is loaded already, so that tokens it has verified need
// not be verified again.
func (t *accessTokens) reuse(record store.Key) (*signingKey, error) {
	if old, _ := t.known(encodeHeader(record.Algorithm, record.ID)); old != nil && bytes.Equal(old.record.Sealed, record.Sealed) {
		return old, nil
	}
	return t.open(record)
}

func (t *accessTokens) open(record store.Key) (*signingKey, error) {
	chosen, ok := algorithms[record.Algorithm]
	if !ok {
		return nil, fmt.Errorf("algorithm %q is unknown", record.Algorithm)
	}
	raw, err := t.ring.Open(keyPurpose, []byte(record.ID), record.Sealed)
	if err != nil {
		return nil, err
	}
	private, public, err := chosen.parse(raw)
	if err != nil {
		return nil, err
	}
	return &signingKey{record: record, algorithm: chosen, header: encodeHeader(chosen.name, record.ID), private: private, public: public}, nil
}

// encodeHeader writes the one header that tokens of a key have.
func encodeHeader(algorithm, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + algorithm + `","kid":"` + id + `","typ":"` + tokenType + `"}`))
}

// plausibleHeader says whether an unknown header could have come from here.
func plausibleHeader(header string) bool {
	if len(header) > 120 {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(header)
	if err != nil {
		return false
	}
	rest, ok := strings.CutPrefix(string(raw), `{"alg":"`)
	if !ok {
		return false
	}
	name, rest, _ := strings.Cut(rest, `","kid":"`)
	id, end, _ := strings.Cut(rest, `"`)
	if _, known := algorithms[name]; !known || end != `,"typ":"`+tokenType+`"}` || id == "" {
		return false
	}
	return strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}
