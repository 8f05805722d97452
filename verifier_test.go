package admit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store/memory"
)

// legacy is the format of a system that made up its own: "legacy:salt:hex".
type legacy struct{ panics, fails bool }

func (legacy) Recognises(stored string) bool { return strings.HasPrefix(stored, "legacy:") }

func (l legacy) Verify(stored, password string) (bool, error) {
	if l.panics {
		panic("no " + password)
	}
	if l.fails {
		return true, errors.New("no " + password)
	}
	salt, digest, _ := strings.Cut(strings.TrimPrefix(stored, "legacy:"), ":")
	sum := sha256.Sum256([]byte(salt + password))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(digest)) == 1, nil
}

// legacyOf is the string of a password.
func legacyOf(password string) string {
	sum := sha256.Sum256([]byte("salt" + password))
	return "legacy:salt:" + hex.EncodeToString(sum[:])
}

// Field: hashes of a host's own, by the host's own verifier.
func TestAPasswordInAFormatOfTheHostSignsInAndIsUpgraded(t *testing.T) {
	records, ctx := memory.New(), context.Background()
	h := newHost(t, func(c *admit.Config) {
		c.Store, c.Passwords.Verifiers = records, []admit.PasswordVerifier{legacy{}}
	})
	ann := h.imports(admit.ImportUserParams{Email: "ann@example.com", Name: "Ann", EmailVerified: true, PasswordHash: legacyOf("quiet harbour lamp")}).User
	if _, err := h.signsIn("ann@example.com", "loud harbour lamp"); !errors.Is(err, admit.ErrInvalidCredentials) {
		t.Errorf("another password: %v", err)
	}
	if user, err := h.signsIn("ann@example.com", "quiet harbour lamp"); err != nil || user.ID != ann.ID {
		t.Errorf("the password: %v", err)
	}
	stored, err := records.Password(ctx, "", ann.ID)
	if err != nil || !strings.HasPrefix(stored.Hash, "$argon2id$") {
		t.Errorf("after a sign-in %.12q is stored, %v", stored.Hash, err)
	}
	if _, err := h.signsIn("ann@example.com", "quiet harbour lamp"); err != nil {
		t.Errorf("by the hash of our own: %v", err)
	}
	// What the verifier does not recognise is refused as ever, and what is known
	// here is none of its business.
	_, err = h.Imports.User(ctx, admit.ImportUserParams{Email: "bob@example.com", PasswordHash: "other:salt:00"})
	if !errors.Is(err, admit.ErrInvalidRequest) {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestAVerifierThatFailsLetsNobodyInAndIsLoggedWithoutThePassword(t *testing.T) {
	for _, broken := range []legacy{{panics: true}, {fails: true}} {
		var log bytes.Buffer
		h := newHost(t, func(c *admit.Config) {
			c.Passwords.Verifiers = []admit.PasswordVerifier{broken}
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		h.imports(admit.ImportUserParams{Email: "ann@example.com", Name: "Ann", EmailVerified: true, PasswordHash: legacyOf("quiet harbour lamp")})
		if _, err := h.signsIn("ann@example.com", "quiet harbour lamp"); !errors.Is(err, admit.ErrInvalidCredentials) {
			t.Errorf("%+v: %v", broken, err)
		}
		if !strings.Contains(log.String(), "a password verifier failed") || strings.Contains(log.String(), "harbour") {
			t.Errorf("%+v is logged as: %s", broken, log.String())
		}
	}
}

func TestNewRefusesAVerifierThatIsNil(t *testing.T) {
	var none *legacy
	_, err := admit.New(admit.Config{Passwords: admit.PasswordConfig{Verifiers: []admit.PasswordVerifier{nil, none}}})
	for _, want := range []string{"Passwords.Verifiers[0] is nil", "Passwords.Verifiers[1] is nil"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
