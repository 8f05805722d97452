package oauth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/admit-go/admit/internal/outbound"
)

const (
	// keysFresh is how long keys are used before they are asked for again, so that a
	// key that the issuer withdraws ends.
	keysFresh = time.Hour
	// keysStale is how long keys are used while the issuer cannot be reached.
	keysStale = 24 * time.Hour
	// keysInterval is the least time between two refreshes that an unknown key id
	// causes, because anybody can send an unknown key id.
	keysInterval = time.Minute

	maxKeys                = 100
	minRSABits, maxRSABits = 2048, 8192
)

// algorithms are those that an id token may be signed with: the asymmetric ones. A
// MAC would need the client secret as a key that the issuer publishes, and "none" is
// no signature.
func algorithms() []string {
	return []string{"RS256", "ES256", "PS256", "EdDSA", "RS384", "RS512", "ES384", "ES512", "PS384", "PS512"}
}

// keys is an oidc.KeySet that remembers the keys of an issuer. go-oidc's own asks
// again for every key id that it does not know, and forgets nothing.
type keys struct {
	client *outbound.Client
	url    string
	limit  time.Duration

	mu    sync.Mutex
	known []jose.JSONWebKey
	// fetched is when known came, tried when an unknown key id last asked, and missed
	// when the issuer last gave no keys.
	fetched, tried, missed time.Time
	// running is closed when the fetch that runs has ended. Nil: none runs.
	running *fetch
}

type fetch struct {
	done chan struct{}
	err  error
}

// VerifySignature implements oidc.KeySet.
func (k *keys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	asked, ok := ctx.Value(verificationKey{}).(*verification)
	if !ok {
		return nil, errors.New("nobody has asked")
	}
	var payload []byte
	payload, asked.err = k.verify(ctx, token, asked.now)
	return payload, asked.err
}

func (k *keys) verify(ctx context.Context, token string, now time.Time) ([]byte, error) {
	var allowed []jose.SignatureAlgorithm
	for _, algorithm := range algorithms() {
		allowed = append(allowed, jose.SignatureAlgorithm(algorithm))
	}
	signed, err := jose.ParseSignedCompact(token, allowed)
	if err != nil {
		return nil, errors.New("the token is malformed")
	}
	known, age := k.snapshot(now)
	if len(known) == 0 || age > keysStale || age > keysFresh && !k.down(now) {
		if err := k.refresh(ctx, now); err != nil && (len(known) == 0 || age > keysStale) {
			return nil, err
		}
		known, _ = k.snapshot(now)
	}
	if payload, ok := verifyWith(known, signed); ok {
		return payload, nil
	}
	if !k.mayAsk(now) {
		return nil, errors.New("no key of the issuer made the signature")
	}
	if err := k.refresh(ctx, now); err != nil {
		return nil, err
	}
	known, _ = k.snapshot(now)
	if payload, ok := verifyWith(known, signed); ok {
		return payload, nil
	}
	return nil, errors.New("no key of the issuer made the signature")
}

func verifyWith(known []jose.JSONWebKey, signed *jose.JSONWebSignature) ([]byte, bool) {
	header := signed.Signatures[0].Header
	for i := range known {
		if header.KeyID != "" && known[i].KeyID != header.KeyID || known[i].Algorithm != "" && known[i].Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(&known[i]); err == nil {
			return payload, true
		}
	}
	return nil, false
}

func (k *keys) snapshot(now time.Time) ([]jose.JSONWebKey, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known, now.Sub(k.fetched)
}

// down says whether the issuer was asked a moment ago and gave no keys, so that an outage
// does not delay each sign-in.
func (k *keys) down(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.missed.IsZero() && now.Sub(k.missed) < keysInterval
}

// mayAsk says whether an unknown key id may cause a refresh, and counts it.
func (k *keys) mayAsk(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.tried.IsZero() && now.Sub(k.tried) < keysInterval {
		return false
	}
	k.tried = now
	return true
}

// refresh asks for the keys, or waits for the fetch that runs and asks itself if that one
// fails: it may have begun long ago. A fetch goes on when the caller who began it leaves.
func (k *keys) refresh(ctx context.Context, now time.Time) error {
	joined, err := k.join(ctx, now)
	if err != nil && joined && ctx.Err() == nil {
		_, err = k.join(ctx, now)
	}
	return err
}

// join says whether the fetch that it waited for ran already.
func (k *keys) join(ctx context.Context, now time.Time) (bool, error) {
	k.mu.Lock()
	running := k.running
	joined := running != nil
	if running == nil {
		running = &fetch{done: make(chan struct{})}
		k.running = running
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.limit)
			defer cancel()
			found, err := k.fetch(ctx)
			k.mu.Lock()
			defer k.mu.Unlock()
			if err == nil {
				k.known, k.fetched, k.missed = found, now, time.Time{}
			} else {
				k.missed = now
			}
			running.err = err
			k.running = nil
			close(running.done)
		}()
	}
	k.mu.Unlock()
	select {
	case <-running.done:
		return joined, running.err
	case <-ctx.Done():
		return joined, failed("ask for the keys of the issuer: %w", ctx.Err())
	}
}

func (k *keys) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, failed("the address of the issuer's keys cannot be read")
	}
	answer, err := k.client.Do(request)
	if err != nil {
		return nil, failed("%w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &set) != nil {
		return nil, failed("ask %s for keys: status %d, or no keys", request.URL.Hostname(), answer.Status)
	}
	var found []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		// A key that is of no use here is left out (RFC 7517, section 5).
		if key.UnmarshalJSON(text) == nil && usable(key) && len(found) < maxKeys {
			found = append(found, key)
		}
	}
	if len(found) == 0 {
		return nil, failed("ask %s for keys: it has none that can be used", request.URL.Hostname())
	}
	return found, nil
}

func usable(key jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	if modulus, ok := key.Key.(*rsa.PublicKey); ok {
		return modulus.N.BitLen() >= minRSABits && modulus.N.BitLen() <= maxRSABits
	}
	return true
}
