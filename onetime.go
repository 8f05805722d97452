package admit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/admit-go/admit/store"
)

// Errors about a link to set a new password.
var (
	ErrVerificationTokenNotFound = &Error{Code: "auth/verification-token-not-found", Status: http.StatusNotFound, Message: "This link is not valid, or was used already."}
	ErrVerificationTokenExpired  = &Error{Code: "auth/verification-token-expired", Status: http.StatusUnauthorized, Message: "This link is too old. Please ask for a new one."}
)

// kill removes the tokens that a happening makes worthless: tokens of the
// account, and tokens sent to its address before there was an account.
func (t *txn) kill(ctx context.Context, h happening, userID, emailKey string) error {
	// What the transaction has added before must not outlive it.
	if len(t.batch.Tokens) > 0 {
		if err := flush(ctx, t); err != nil {
			return err
		}
	}
	t.batch.Kill = append(t.batch.Kill, store.TokenFilter{Tenant: tenant, UserID: userID, EmailKey: emailKey, Kinds: killed(h)})
	if userID == "" || !forgets(h) || t.config.MFA.Remember == 0 {
		return nil
	}
	_, err := t.DeleteRecordsOf(ctx, tenant, userRef(userID), kindRemembered)
	return err
}

// secretLength is the length of a mailed secret: 32 random bytes in base64url.
const secretLength = 43

// newSecret makes a secret to mail and the hash to store.
func newSecret() (text string, hash []byte, err error) {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", nil, ErrInternal.because(err)
	}
	text = base64.RawURLEncoding.EncodeToString(raw[:])
	return text, hashSecret(text), nil
}

// hashSecret is what a secret is looked up by. The text itself is hashed, so
// that a secret has one spelling.
func hashSecret(text string) []byte {
	hash := sha256.Sum256([]byte(text))
	return slices.Clone(hash[:])
}

// cleanSecret takes off what gets stuck to a secret that is copied from a mail
// and pasted: blanks, line breaks and invisible characters at both ends, and the
// punctuation that closes or opens the sentence around a link. No secret begins
// or ends with such a character.
func cleanSecret(text string) string {
	if wellFormed(text) {
		return text
	}
	return strings.TrimFunc(text, func(r rune) bool {
		return r != '-' && r != '_' && (unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.P) || r == '<' || r == '>')
	})
}

// wellFormed refuses what cannot be a secret before any look-up.
func wellFormed(text string) bool {
	if len(text) != secretLength {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil
}

// newToken makes a one-time token, which is stored at the end of the transaction,
// and returns its secret.
func (t *txn) newToken(_ context.Context, token store.Token, life time.Duration) (secret string, expires time.Time, err error) {
	secret, token.Hash, err = newSecret()
	if err != nil {
		return "", expires, err
	}
	token.Tenant, token.CreatedAt = tenant, t.now()
	token.ExpiresAt = token.CreatedAt.Add(life)
	addNewToken(t, token)
	return secret, token.ExpiresAt, nil
}

// opened is a secret that was redeemed, or had been before.
type opened struct {
	token store.Token
	// kind is that of the token.
	kind string
	// user is the token's account, locked.
	user store.User
	// used says that the secret had been redeemed before; nothing was spent now.
	used bool
}

// openSecret redeems a mailed secret of one of the kinds: it finds the token,
// locks its account, and uses the token up, in one step. It is the one place where secrets
// that belong to an account are spent. It answers ErrInvalidToken for a secret
// that is unknown, ErrTokenExpired for one that came too late, and
// ErrAccountBanned; one that was used already is told by opened.used.
func (t *txn) openSecret(ctx context.Context, secret string, kinds ...string) (opened, error) {
	if secret = cleanSecret(secret); !wellFormed(secret) {
		return opened{}, ErrInvalidToken
	}
	now := t.now()
	for _, kind := range kinds {
		token, user, spent, err := t.SpendToken(ctx, tenant, kind, hashSecret(secret), now)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return opened{}, err
		}
		t.touch(user.ID)
		found := opened{token: token, kind: kind, user: user, used: !spent}
		err = usable(&user, now) // where it is not, the token is not spent after all
		switch {
		case errors.Is(err, ErrAuthUserNotFound):
			return found, ErrInvalidToken
		case err != nil:
			return found, err
		case !spent && token.UsedAt.IsZero():
			return found, ErrTokenExpired
		}
		t.proven = user.ID
		return found, nil
	}
	return opened{}, ErrInvalidToken
}

// seen is a mailed secret that was looked at and not used up.
type seen struct {
	token store.Token
	user  store.User
}

// lookAt finds the token of a mailed secret, of one of the kinds, and its account,
// without using the token up: a page tells what the secret is good for before
// anything is asked. It answers ErrInvalidToken, ErrTokenExpired, ErrAccountBanned
// or ErrUnavailable; a secret that was used is no error.
func lookAt(ctx context.Context, k *kernel, secret string, kinds ...string) (seen, error) {
	if secret = cleanSecret(secret); !wellFormed(secret) {
		return seen{}, ErrInvalidToken
	}
	for _, kind := range kinds {
		token, user, err := k.store.TokenUser(ctx, tenant, kind, hashSecret(secret))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return seen{}, fault(err)
		}
		found := seen{token, user}
		own := kind == kindVerify || kind == kindReset // secrets for the account's present address
		switch {
		case user.ID == "", user.Deleted(), own && token.EmailKey != user.EmailKey:
			return seen{}, ErrInvalidToken
		case user.Banned(k.now()):
			return found, ErrAccountBanned
		case token.UsedAt.IsZero() && !k.now().Before(token.ExpiresAt):
			return found, ErrTokenExpired
		}
		return found, nil
	}
	return seen{}, ErrInvalidToken
}

// cleanCode reads a code as somebody types or pastes it: with blanks, hyphens
// and invisible characters, in digits of any width or script. It answers whether
// six digits are left.
func cleanCode(typed string) (code string, ok bool) {
	const longest = 256 // bytes looked at
	if len(typed) > longest {
		return "", false
	}
	var digits []byte
	for _, r := range norm.NFKC.String(typed) {
		switch value, digit := digitOf(r); {
		case digit:
			digits = append(digits, '0'+value)
		case ignoredInCode(r):
		default:
			return "", false
		}
	}
	return string(digits), len(digits) == 6
}

// ignoredInCode says whether a character gets into a code by typing or pasting
// and is no part of it.
func ignoredInCode(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Pd) }

// digitOf is the value of a decimal digit of any script. Their digits stand in
// rows of ten, in order, so that the row's first is found by counting back.
func digitOf(r rune) (byte, bool) {
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	for _, row := range unicode.Nd.R16 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) {
			return byte((r - rune(row.Lo)) % 10), true
		}
	}
	for _, row := range unicode.Nd.R32 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) {
			return byte((r - rune(row.Lo)) % 10), true
		}
	}
	return 0, false
}
