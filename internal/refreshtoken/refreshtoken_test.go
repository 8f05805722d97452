package refreshtoken

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/store"
)

const (
	sessionID = "0194f000-0000-7000-8000-000000000001"
	first     = "wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"
	second    = "Zq7mR4xW9kT2vN6pL8sB3yH5cF1jD0gAaEuI"
)

var now = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func sealer(t testing.TB, secrets ...string) *Sealer {
	t.Helper()
	var raw [][]byte
	for _, secret := range secrets {
		raw = append(raw, []byte(secret))
	}
	ring, err := sealed.New(raw)
	if err != nil {
		t.Fatal(err)
	}
	return New(ring)
}

func seal(t testing.TB, s *Sealer, generation int64, secret [32]byte) string {
	t.Helper()
	text, err := s.Seal(sessionID, generation, secret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func open(t testing.TB, s *Sealer, text string) *Token {
	t.Helper()
	token, err := s.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	return &token
}

func TestASealedTokenOpens(t *testing.T) {
	old := sealer(t, first)
	text := seal(t, old, 7, [32]byte{1})
	for _, s := range []*Sealer{old, sealer(t, first, second), sealer(t, second, first)} {
		token := open(t, s, text)
		if token.SessionID() != sessionID || token.Generation != 7 || token.Secret != [32]byte{1} || token.KeyID != old.ring.Primary() {
			t.Errorf("got %+v", token)
		}
	}
	if _, err := sealer(t, second).Open(text); !errors.Is(err, ErrInvalid) {
		t.Errorf("a token under another secret: got %v", err)
	}
}

// Every flipped bit, every cut and every other spelling is refused.
func TestADamagedTokenIsRefused(t *testing.T) {
	s := sealer(t, first)
	text := seal(t, s, 7, [32]byte{1})
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{"", "x", text + "A", text + "=", " " + text, text[:len(text)-1], strings.Repeat("A", len(text)), strings.Repeat("!", len(text))}
	for i := range 8 * len(raw) {
		raw[i/8] ^= 1 << (i % 8)
		bad = append(bad, base64.RawURLEncoding.EncodeToString(raw))
		raw[i/8] ^= 1 << (i % 8)
	}
	for _, text := range bad {
		if token, err := s.Open(text); !errors.Is(err, ErrInvalid) || token != (Token{}) {
			t.Errorf("%q: got %+v, %v", text, token, err)
		}
	}
}

// A token with a right code, but with an unknown version or generation.
func TestATokenOfAnotherFormIsRefused(t *testing.T) {
	s := sealer(t, first)
	for name, change := range map[string]func(body []byte){
		"version 2":               func(body []byte) { body[0] = 2 },
		"generation 0":            func(body []byte) { body[28] = 0 },
		"a generation below zero": func(body []byte) { body[21] = 0x80 },
	} {
		raw, err := base64.RawURLEncoding.DecodeString(seal(t, s, 7, [32]byte{1}))
		if err != nil {
			t.Fatal(err)
		}
		body := raw[:length-32]
		change(body)
		_, mac := s.ring.MAC(refreshPurpose, body)
		if _, err := s.Open(base64.RawURLEncoding.EncodeToString(append(body, mac[:]...))); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestASessionWithoutIDOrGenerationHasNoToken(t *testing.T) {
	s := sealer(t, first)
	for _, c := range []struct {
		id         string
		generation int64
	}{{"", 1}, {"ann", 1}, {strings.ToUpper(sessionID), 1}, {sessionID, 0}, {sessionID, -1}} {
		if text, err := s.Seal(c.id, c.generation, [32]byte{1}); !errors.Is(err, ErrNotSealed) || text != "" {
			t.Errorf("%q, %d: got %q, %v", c.id, c.generation, text, err)
		}
	}
}

// The successor depends on the whole token and differs from it.
func TestASuccessorFollowsFromItsToken(t *testing.T) {
	s := sealer(t, first, second)
	session := &store.Session{Generation: 7}
	token := open(t, s, seal(t, s, 7, [32]byte{1}))
	next := s.Successor(token, session)
	if again := s.Successor(token, session); again != next {
		t.Error("a retry is given another successor")
	}
	seen := map[[32]byte]string{next: "the token", token.Secret: "its random part"}
	for name, change := range map[string]func(*Token){
		"another random part": func(t *Token) { t.Secret[31]++ },
		"another generation":  func(t *Token) { t.Generation++ },
		"another session":     func(t *Token) { t.Session[15]++ },
		"another secret":      func(t *Token) { t.KeyID = s.ring.KeyIDs()[1] },
	} {
		other := *token
		change(&other)
		successor := s.Successor(&other, session)
		if of, known := seen[successor]; known {
			t.Errorf("%s has the successor of %s", name, of)
		}
		seen[successor] = name
	}
}

// During a rotation of secrets, a token under either secret has the successor
// that the store knows.
func TestASwitchOfSecretsKeepsTheSuccessor(t *testing.T) {
	before, after := sealer(t, first, second), sealer(t, second, first)
	old := open(t, before, seal(t, before, 7, [32]byte{1}))
	fresh := open(t, before, seal(t, after, 7, [32]byte{1}))
	next := before.Successor(old, &store.Session{Generation: 7})
	rotated := &store.Session{Generation: 8, Confirmed: 7, SecretHash: Hash(next)}
	if got := after.Successor(fresh, rotated); got != next {
		t.Error("the tab with the other token is given a successor that nobody knows")
	}
	if got := Judge(fresh, after.Successor(fresh, rotated), rotated, now, Grace); got != Repeat {
		t.Errorf("got verdict %d, want %d", got, Repeat)
	}
}

func TestTK07_JudgeTellsARetryFromATheft(t *testing.T) {
	secret, next := [32]byte{1}, [32]byte{2}
	current, successor, other := Hash(secret), Hash(next), Hash([32]byte{3})
	token := func(generation int64) *Token { return &Token{Generation: generation, Secret: secret} }
	session := func(generation, confirmed int64, hash []byte, age time.Duration) *store.Session {
		return &store.Session{Generation: generation, Confirmed: confirmed, SecretHash: hash, RotatedAt: now.Add(-age)}
	}
	for name, test := range map[string]struct {
		token   *Token
		session *store.Session
		want    Verdict
	}{
		"the current token":                                  {token(4), session(4, 4, current, time.Hour), Rotate},
		"the current token, not confirmed":                   {token(4), session(4, 3, current, time.Hour), Rotate},
		"the current generation of another line":             {token(4), session(4, 4, other, time.Hour), Fork},
		"a generation the store does not know yet":           {token(5), session(4, 4, current, time.Hour), Fork},
		"the one before, successor not used, hours later":    {token(3), session(4, 3, successor, 5*time.Hour), Repeat},
		"the one before, successor used, within ten seconds": {token(3), session(4, 4, successor, 10*time.Second-time.Microsecond), Repeat},
		"the one before, successor used, at ten seconds":     {token(3), session(4, 4, successor, 10*time.Second), Theft},
		"the one before, of another line":                    {token(3), session(4, 3, other, time.Second), Fork},
		"two before, successor not used":                     {token(2), session(4, 3, current, time.Second), Theft},
		"two before, at once":                                {token(2), session(4, 4, current, 0), Theft},
		"the first, long after":                              {token(1), session(400, 400, current, time.Hour), Theft},
	} {
		if got := Judge(test.token, next, test.session, now, Grace); got != test.want {
			t.Errorf("%s: got verdict %d, want %d", name, got, test.want)
		}
	}
}

// A rotation more than a minute in the future, by a clock that was set back
// since, gives no grace.
func TestS20_ARotationInATimeToComeGivesNoGrace(t *testing.T) {
	next := [32]byte{2}
	for ahead, want := range map[time.Duration]Verdict{
		time.Minute: Repeat, time.Minute + time.Microsecond: Theft, 8 * 24 * time.Hour: Theft,
	} {
		session := &store.Session{Generation: 4, Confirmed: 4, SecretHash: Hash(next), RotatedAt: now.Add(ahead)}
		if got := Judge(&Token{Generation: 3}, next, session, now, Grace); got != want {
			t.Errorf("%v ahead: got verdict %d, want %d", ahead, got, want)
		}
	}
}
