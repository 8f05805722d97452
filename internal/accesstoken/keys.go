package accesstoken

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit/store"
)

const (
	// keyLife is how long a signing key signs. keyOverlap is how long it
	// verifies after that. keyLead is how long the next key is published before
	// it signs, so that every process and every reader of the JWKS has it in
	// time.
	keyLife    = 90 * 24 * time.Hour
	keyOverlap = 30 * 24 * time.Hour
	keyLead    = 10 * time.Minute
	// keyCheck is how often a process looks for keys of other processes. keyAsk
	// is how often it looks for them because of a token with an unknown key.
	keyCheck = time.Minute
	keyAsk   = time.Second

	// keyPurpose is the purpose of the keys in the store and in the ring.
	keyPurpose = "access-token"
)

// Key is a signing key.
type Key struct {
	record          store.Key
	algorithm       algorithm
	header          string
	private, public any
	// dropped is set when the key has been removed from the store.
	dropped atomic.Bool
}

// verifies reports whether tokens of the key are still valid.
func (k *Key) verifies(now time.Time) bool {
	return !k.dropped.Load() && now.Before(k.record.ExpiresAt)
}

// open checks the signature of a token and decodes its payload.
func (k *Key) open(signed, payload, signature string) ([]byte, error) {
	mac, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return nil, err
	}
	if err := k.algorithm.method.Verify(signed, mac, k.public); err != nil {
		return nil, err
	}
	return base64.RawURLEncoding.Strict().DecodeString(payload)
}

// keyFor returns the key for an encoded header, or nil. An unknown header that
// could be one of this package may belong to a key that another process has
// just made. Then the store is asked, at most once a second.
func (t *Tokens) keyFor(ctx context.Context, s store.Keys, header string, now time.Time) (*Key, error) {
	key := t.known(header)
	within := keyCheck
	if key == nil {
		if !t.plausible(header) {
			return nil, nil
		}
		within = keyAsk
	}
	err := t.load(ctx, s, now, within)
	switch {
	case err == nil:
		key = t.known(header)
	case key == nil || !key.verifies(now):
		return nil, err
	}
	// While the store is down, a known key still verifies. The caller asks the
	// store for the session in any case.
	if key == nil || !key.verifies(now) {
		return nil, nil
	}
	return key, nil
}

func (t *Tokens) known(header string) *Key {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.keys[header]
}

// Expire makes the next use of the keys load them from the store.
func (t *Tokens) Expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded = time.Time{}
}

// JWKS returns the public keys that verify at now, in the form of RFC 7517.
// They include the next key. JWKS makes the keys that are due.
func (t *Tokens) JWKS(ctx context.Context, s store.Keys, now time.Time) ([]map[string]string, error) {
	if _, err := t.Signer(ctx, s, now); err != nil {
		return nil, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	exported := []map[string]string{}
	for _, key := range t.all {
		if fields := key.jwk(); fields != nil && key.verifies(now) {
			exported = append(exported, fields)
		}
	}
	return exported, nil
}

// Signer returns the key that signs at now. It makes the first key and the next
// key when they are due, so it must be called outside a transaction. Signer
// returns ErrNotIssued, ErrNoKey, or the error of the store.
func (t *Tokens) Signer(ctx context.Context, s store.Keys, now time.Time) (*Key, error) {
	for range 3 {
		if err := t.load(ctx, s, now, keyCheck); err != nil {
			return nil, err
		}
		current, newest, sequence := t.signingAt(now)
		if current != nil && now.Before(newest.record.ActiveAt.Add(keyLife-keyLead)) {
			return current, nil
		}
		if err := t.create(ctx, s, sequence+1, current, now); err != nil {
			return nil, err
		}
	}
	return nil, ErrNoKey
}

// SigningSince returns when the key was made that signs at now. Zero if there is no
// key yet.
func (t *Tokens) SigningSince(ctx context.Context, s store.Keys, now time.Time) (time.Time, error) {
	if err := t.load(ctx, s, now, keyCheck); err != nil {
		return time.Time{}, err
	}
	current, _, _ := t.signingAt(now)
	if current == nil {
		return time.Time{}, nil
	}
	return current.record.CreatedAt, nil
}

// signingAt returns the key that signs at now, the newest key, and the highest
// sequence. A key with a start too far in the future does not sign and does not
// prevent a new key.
func (t *Tokens) signingAt(now time.Time) (current, newest *Key, sequence int64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, key := range t.all {
		sequence = key.record.Sequence
		if ahead(key.record.CreatedAt, now) {
			continue
		}
		newest = key
		if key.algorithm.name == t.options.Algorithm && !now.Before(key.record.ActiveAt) &&
			now.Add(t.options.TTL).Before(key.record.ExpiresAt) {
			current = key
		}
	}
	return current, newest, sequence
}

// create makes the next key. If several processes try at once, one succeeds,
// and the others load its key.
func (t *Tokens) create(ctx context.Context, s store.Keys, sequence int64, current *Key, now time.Time) error {
	// The first key also signs for requests that began before this one, and for
	// processes whose clock is a little behind.
	active := now.Add(-keyCheck)
	if current != nil {
		active = now.Add(keyLead)
	}
	id, box, err := t.generate()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotIssued, err)
	}
	err = s.CreateKey(ctx, store.Key{
		Tenant: t.options.Tenant, ID: id, Purpose: keyPurpose, Sequence: sequence, Algorithm: t.options.Algorithm, Sealed: box,
		CreatedAt: now, ActiveAt: active, ExpiresAt: active.Add(keyLife + keyOverlap),
	})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return t.reload(ctx, s, now)
}

// generate makes a sealed private key and its id. The id is short, random, and
// safe in every place where a kid may appear.
func (t *Tokens) generate() (id string, box []byte, err error) {
	chosen, ok := algorithms[t.options.Algorithm]
	if !ok {
		return "", nil, fmt.Errorf("algorithm %q is unknown", t.options.Algorithm)
	}
	raw, err := chosen.generate()
	if err != nil {
		return "", nil, err
	}
	var number [8]byte
	if _, err := rand.Read(number[:]); err != nil {
		return "", nil, err
	}
	id = strconv.FormatUint(binary.BigEndian.Uint64(number[:]), 36)
	box, err = t.options.Ring.Seal(keyPurpose, []byte(id), raw)
	return id, box, err
}

// open reads a key from its record.
func (t *Tokens) open(record store.Key) (*Key, error) {
	chosen, ok := algorithms[record.Algorithm]
	if !ok {
		return nil, fmt.Errorf("algorithm %q is unknown", record.Algorithm)
	}
	raw, err := t.options.Ring.Open(keyPurpose, []byte(record.ID), record.Sealed)
	if err != nil {
		return nil, err
	}
	private, public, err := chosen.parse(raw)
	if err != nil {
		return nil, err
	}
	return &Key{record: record, algorithm: chosen, header: t.headerOf(chosen.name, record.ID), private: private, public: public}, nil
}

// headerOf returns the encoded header of all tokens of a key.
func (t *Tokens) headerOf(algorithm, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + algorithm + `","kid":"` + id + `","typ":"` + t.options.Type + `"}`))
}

// plausible reports whether an unknown header could be one of this package.
func (t *Tokens) plausible(header string) bool {
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
	return Supports(name) && id != "" && end == `,"typ":"`+t.options.Type+`"}` &&
		strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}
