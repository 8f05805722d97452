package admit

import (
	"fmt"
	"log/slog"

	"github.com/admit-go/admit/internal/passhash"
)

// A PasswordVerifier checks passwords against stored strings in a format that
// Admit does not know, such as one that the host's former system made up. Admit
// asks it about imported strings that are in none of the formats that
// docs/import.md lists, so that a verifier never changes what a known format
// means. After a successful sign-in Admit replaces the string with a hash of its
// own.
//
// Both methods are called by many goroutines at once.
type PasswordVerifier interface {
	// Recognises says whether stored is in the format of the verifier. It decides
	// at an import whether the string is taken, and at a sign-in who verifies it.
	// It must be quick and must not depend on the password.
	Recognises(stored string) bool
	// Verify says whether the password, as it was sent, belongs to stored. It must
	// compare in constant time. An error or a panic refuses the password and is
	// logged; the log holds neither string.
	Verify(stored, password string) (bool, error)
}

// verifiers makes what the hasher asks of the host's verifiers.
func verifiers(host []PasswordVerifier, log *slog.Logger) []passhash.Verifier {
	list := make([]passhash.Verifier, len(host))
	for i, v := range host {
		list[i] = guardedVerifier{v, log}
	}
	return list
}

// guardedVerifier keeps what goes wrong in a host's verifier from a sign-in.
type guardedVerifier struct {
	PasswordVerifier
	log *slog.Logger
}

// Verify implements passhash.Verifier. The error itself is not logged: it may
// quote what it was given.
func (g guardedVerifier) Verify(stored, password string) (ok bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			ok, err = false, fmt.Errorf("%T panicked", g.PasswordVerifier)
		}
		if err != nil {
			ok = false
			g.log.Error("a password verifier failed; the password counts as wrong", "verifier", fmt.Sprintf("%T", g.PasswordVerifier), "error", fmt.Sprintf("%T", err))
		}
	}()
	return g.PasswordVerifier.Verify(stored, password)
}

// Recognises implements passhash.Verifier.
func (g guardedVerifier) Recognises(stored string) (ok bool) {
	defer func() {
		if cause := recover(); cause != nil {
			ok = false
			g.log.Error("a password verifier panicked; the string counts as unknown", "verifier", fmt.Sprintf("%T", g.PasswordVerifier))
		}
	}()
	return g.PasswordVerifier.Recognises(stored)
}
