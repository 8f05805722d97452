package accesstoken

import (
	"crypto/sha256"
	"sync"
)

// digest identifies a whole token by its SHA-256.
type digest [sha256.Size]byte

func digestOf(raw string) digest {
	var room [1024]byte // most tokens fit, so they need no allocation
	return sha256.Sum256(append(room[:0], raw...))
}

// remembered is a token that was verified or issued, and the key that signed
// it. It is valid only as long as the key verifies.
type remembered struct {
	token Token
	key   *Key
}

// seenTokens holds the remembered tokens. When it is full, a new token replaces
// a random one. If somewhat more tokens are in use than fit, most are still
// found.
type seenTokens struct {
	size int

	mu     sync.RWMutex
	tokens map[digest]*remembered
}

func (m *seenTokens) find(sum digest) *remembered {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.tokens[sum]
}

func (m *seenTokens) add(sum digest, token *remembered) {
	if m.size < 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.tokens[sum]; !known && len(m.tokens) >= m.size {
		for other := range m.tokens { // in random order
			delete(m.tokens, other)
			break
		}
	}
	m.tokens[sum] = token
}
