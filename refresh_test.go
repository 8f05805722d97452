package admit

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

func TestTK07_JudgeTellsARetryFromATheft(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	secret, next := [32]byte{1}, [32]byte{2}
	current, successor := sha256.Sum256(secret[:]), sha256.Sum256(next[:])
	other := sha256.Sum256([]byte("another line of tokens"))
	token := func(generation uint64) *refreshToken { return &refreshToken{generation: generation, secret: secret} }
	session := func(generation, confirmed int64, hash [32]byte, age time.Duration) *store.Session {
		return &store.Session{Generation: generation, Confirmed: confirmed, SecretHash: hash[:], RotatedAt: now.Add(-age)}
	}
	for name, test := range map[string]struct {
		token   *refreshToken
		session *store.Session
		want    verdict
	}{
		"the current token":                                  {token(4), session(4, 4, current, time.Hour), verdictRotate},
		"the current token, not confirmed":                   {token(4), session(4, 3, current, time.Hour), verdictRotate},
		"the current generation of another line":             {token(4), session(4, 4, other, time.Hour), verdictFork},
		"a generation the store does not know yet":           {token(5), session(4, 4, current, time.Hour), verdictFork},
		"the one before, successor not used, hours later":    {token(3), session(4, 3, successor, 5*time.Hour), verdictRepeat},
		"the one before, successor used, within ten seconds": {token(3), session(4, 4, successor, 10*time.Second-time.Microsecond), verdictRepeat},
		"the one before, successor used, at ten seconds":     {token(3), session(4, 4, successor, 10*time.Second), verdictTheft},
		"the one before, of another line":                    {token(3), session(4, 3, other, time.Second), verdictFork},
		"two before, successor not used":                     {token(2), session(4, 3, current, time.Second), verdictTheft},
		"two before, at once":                                {token(2), session(4, 4, current, 0), verdictTheft},
		"the first, long after":                              {token(1), session(400, 400, current, time.Hour), verdictTheft},
	} {
		if got := judge(test.token, next, test.session, now); got != test.want {
			t.Errorf("%s: got verdict %d, want %d", name, got, test.want)
		}
	}
}
