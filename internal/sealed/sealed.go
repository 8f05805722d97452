// Package sealed derives keys from the operator's secrets. All stored values
// are encrypted here, and all tokens are signed here.
//
// Every use names a purpose, and every purpose has keys of its own. So a value
// for one purpose is never valid for another. A purpose is a constant of the
// code and never input, because the Ring keeps the keys of every purpose.
//
// The first secret of a Ring seals and signs. Every secret opens and verifies.
// To rotate, append the new secret in every process. Then move it to the front
// in every process. So no process meets a value under a secret that it does not
// have. Remove the old secret when Current is true for everything that is
// stored.
package sealed

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"maps"
	"sync"
	"sync/atomic"
)

var (
	// ErrUnknownKey means that the Ring does not have the secret of a value:
	// the operator removed it too early, or restored a backup.
	ErrUnknownKey = errors.New("sealed under a secret that is not configured")

	// ErrTampered means that a value is damaged, or was sealed for another
	// purpose or context.
	ErrTampered = errors.New("sealed value is damaged or belongs elsewhere")
)

const (
	version    = 1
	headerSize = 1 + 4   // version, key id
	sealSize   = 12 + 16 // the nonce and the tag of AES-GCM
	macSize    = sha256.Size
)

// Ring derives keys from one or more secrets. It is safe for concurrent use.
type Ring struct {
	roots []root

	// purposes is replaced as a whole, so that reading needs no lock and no
	// allocation. It grows by one for each purpose in the code.
	purposes atomic.Pointer[map[string][]keys]
	growing  sync.Mutex
}

// root is one secret after HKDF-Extract.
type root struct {
	id           [4]byte
	pseudorandom []byte
}

// keys are the keys of one secret for one purpose. A MAC is shown to clients
// and a derived value is secret, so they use different keys.
type keys struct {
	id     [4]byte
	seal   cipher.AEAD
	mac    *macKey
	derive *macKey
}

// New makes a Ring. It refuses secrets that can be guessed and returns all
// problems of all secrets. The errors never contain a part of a secret.
func New(secrets [][]byte) (*Ring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no secret is configured")
	}
	var problems []error
	ring := &Ring{}
	seen := map[[4]byte]int{}
	for i, secret := range secrets {
		if weak := check(secret); len(weak) > 0 {
			for _, err := range weak {
				problems = append(problems, fmt.Errorf("secret %d: %w", i+1, err))
			}
			continue
		}
		pseudorandom, err := hkdf.Extract(sha256.New, secret, nil)
		if err != nil {
			problems = append(problems, fmt.Errorf("secret %d: %w", i+1, err))
			continue
		}
		id := [4]byte(expand(pseudorandom, "admit key id"))
		if first, twice := seen[id]; twice {
			problems = append(problems, fmt.Errorf("secret %d: the same as secret %d", i+1, first))
			continue
		}
		seen[id] = i + 1
		ring.roots = append(ring.roots, root{id, pseudorandom})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	ring.purposes.Store(&map[string][]keys{})
	// If one value can be sealed here, sealing cannot fail later.
	if _, err := ring.Seal("self-test", nil, nil); err != nil {
		return nil, err
	}
	return ring, nil
}

// Primary returns the id of the key that seals and signs.
func (r *Ring) Primary() [4]byte { return r.roots[0].id }

// KeyIDs returns the ids of all keys, in the order of the secrets.
func (r *Ring) KeyIDs() [][4]byte {
	ids := make([][4]byte, len(r.roots))
	for i, root := range r.roots {
		ids[i] = root.id
	}
	return ids
}

// Seal encrypts with AES-256-GCM and a random nonce. The result opens only with
// the same purpose and the same context. The context names the row and the
// column of the value. One secret may seal 2^32 values per purpose.
func (r *Ring) Seal(purpose string, context, plain []byte) ([]byte, error) {
	key := &r.keys(purpose)[0]
	if key.seal == nil {
		return nil, errors.New("sealing: AES-GCM is not available")
	}
	out := make([]byte, headerSize, headerSize+sealSize+len(plain))
	out[0] = version
	copy(out[1:], key.id[:])
	return key.seal.Seal(out, nil, plain, bound(out, purpose, context)), nil
}

// Open decrypts a result of Seal. It returns ErrUnknownKey or ErrTampered.
func (r *Ring) Open(purpose string, context, sealed []byte) ([]byte, error) {
	if len(sealed) < headerSize+sealSize || sealed[0] != version {
		return nil, ErrTampered
	}
	key := find(r.keys(purpose), [4]byte(sealed[1:headerSize]))
	if key == nil || key.seal == nil {
		return nil, ErrUnknownKey
	}
	header := sealed[:headerSize]
	plain, err := key.seal.Open(nil, nil, sealed[headerSize:], bound(header, purpose, context))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// Current reports whether a value was sealed with the first secret. Any other
// value should be opened and sealed again before its secret is removed.
func (r *Ring) Current(sealed []byte) bool {
	primary := r.Primary()
	return len(sealed) >= headerSize+sealSize && sealed[0] == version && bytes.Equal(sealed[1:headerSize], primary[:])
}

// MAC signs the parts with the first secret. The borders of the parts matter:
// ("ab", "c") and ("a", "bc") have different codes.
func (r *Ring) MAC(purpose string, parts ...[]byte) (keyID [4]byte, mac [32]byte) {
	key := &r.keys(purpose)[0]
	return key.id, key.mac.sum(parts)
}

// VerifyMAC says, in constant time, whether mac is the code of the parts under
// the named key. It is false for a key that the Ring does not have.
func (r *Ring) VerifyMAC(purpose string, keyID [4]byte, mac []byte, parts ...[]byte) bool {
	key := find(r.keys(purpose), keyID)
	if key == nil {
		return false
	}
	want := key.mac.sum(parts)
	return hmac.Equal(want[:], mac)
}

// Derive derives a secret value from the parts under the named key. The value
// is always the same, cannot be computed without the secret, and is unrelated
// to a MAC of the parts. Derive returns false for a key that the Ring does not
// have.
func (r *Ring) Derive(purpose string, keyID [4]byte, parts ...[]byte) ([32]byte, bool) {
	key := find(r.keys(purpose), keyID)
	if key == nil {
		return [32]byte{}, false
	}
	return key.derive.sum(parts), true
}

// keys returns the keys of a purpose, in the order of the secrets. The fast way
// is one atomic load. Only the first use of a purpose takes the lock.
func (r *Ring) keys(purpose string) []keys {
	if known, ok := (*r.purposes.Load())[purpose]; ok {
		return known
	}
	r.growing.Lock()
	defer r.growing.Unlock()
	current := *r.purposes.Load()
	if known, ok := current[purpose]; ok {
		return known
	}
	// The texts below are part of the stored format.
	made := make([]keys, len(r.roots))
	for i, root := range r.roots {
		made[i] = keys{
			id:     root.id,
			seal:   newAEAD(expand(root.pseudorandom, "admit seal "+purpose)),
			mac:    newMACKey(expand(root.pseudorandom, "admit mac "+purpose)),
			derive: newMACKey(expand(root.pseudorandom, "admit derive "+purpose)),
		}
	}
	grown := make(map[string][]keys, len(current)+1)
	maps.Copy(grown, current)
	grown[purpose] = made
	r.purposes.Store(&grown)
	return made
}

// find compares key ids, which are public and few.
func find(among []keys, id [4]byte) *keys {
	for i := range among {
		if among[i].id == id {
			return &among[i]
		}
	}
	return nil
}

// bound returns the additional data of a sealed value: its header, purpose and
// context, each with its length.
func bound(header []byte, purpose string, context []byte) []byte {
	data := make([]byte, 0, len(header)+8+len(purpose)+len(context))
	data = append(data, header...)
	data = binary.BigEndian.AppendUint64(data, uint64(len(purpose)))
	data = append(data, purpose...)
	return append(data, context...)
}

// expand is HKDF-Expand (RFC 5869) for its first block of 32 bytes. Unlike
// crypto/hkdf it cannot fail.
func expand(pseudorandom []byte, info string) []byte {
	block := hmac.New(sha256.New, pseudorandom)
	block.Write([]byte(info))
	block.Write([]byte{1})
	return block.Sum(nil)
}

// newAEAD lets the standard library choose the nonce, so that no caller can use
// a nonce twice. It returns nil only on a platform that forbids AES-GCM. New
// finds this out.
func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil
	}
	return aead
}

// macKey is an HMAC-SHA-256 key with its prepared states. Preparing a state
// costs more than a short message, so the states are kept.
type macKey struct {
	states sync.Pool
}

type macState struct {
	hash   hash.Hash
	buffer []byte
}

func newMACKey(key []byte) *macKey {
	return &macKey{states: sync.Pool{New: func() any {
		return &macState{hash: hmac.New(sha256.New, key), buffer: make([]byte, 0, 256)}
	}}}
}

// sum copies the parts into one buffer, so that they need not escape to the
// heap.
func (k *macKey) sum(parts [][]byte) (code [macSize]byte) {
	state := k.states.Get().(*macState)
	buffer := state.buffer[:0]
	for _, part := range parts {
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(len(part)))
		buffer = append(buffer, part...)
	}
	state.hash.Reset()
	state.hash.Write(buffer)
	copy(code[:], state.hash.Sum(buffer[:0]))
	clear(buffer[:cap(buffer)])
	// The buffer of one long message is not kept.
	if cap(buffer) <= 4096 {
		state.buffer = buffer[:0]
	}
	k.states.Put(state)
	return code
}
