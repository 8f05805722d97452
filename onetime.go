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

// kill removes the tokens that a happening makes useless: tokens of the
// account, and tokens that were mailed to its address before there was an
// account.
func (t *txn) kill(ctx context.Context, h happening, userID, emailKey string) error {
	// Tokens that the transaction has added before must be removed too, so they
	// are written first.
	if len(t.batch.Tokens) > 0 {
		if err := flush(ctx, t); err != nil {
			return err
		}
	}
	kinds := killed(h)
	if forgets(h) {
		kinds = append(kinds, kindRemembered)
	}
	t.batch.Kill = append(t.batch.Kill, store.TokenFilter{Tenant: tenant, UserID: userID, EmailKey: emailKey, Kinds: kinds})
	if userID == "" || !forgets(h) || t.config.MFA.Remember == 0 {
		return nil // what is left of a device is only shown, and Devices leaves it out
	}
	_, err := t.DeleteRecordsOf(ctx, tenant, userRef(userID), kindRemembered)
	return err
}

// secretLength is the length of a mailed secret: 32 random bytes in base64url
// without padding.
const secretLength = 43

// newSecret returns a new secret to mail and its hash to store.
func newSecret() (text string, hash []byte, err error) {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", nil, ErrInternal.because(err)
	}
	text = base64.RawURLEncoding.EncodeToString(raw[:])
	return text, hashSecret(text), nil
}

// hashSecret returns the hash by which a secret is looked up. The text is
// hashed, not the decoded bytes, so that only one spelling of a secret is
// valid.
func hashSecret(text string) []byte {
	hash := sha256.Sum256([]byte(text))
	return slices.Clone(hash[:])
}

// cleanSecret removes characters at both ends that are often copied together
// with a secret from a mail: blanks, line breaks, invisible characters, and the
// punctuation around a link. No secret begins or ends with one of these
// characters.
func cleanSecret(text string) string {
	if wellFormed(text) {
		return text
	}
	return strings.TrimFunc(text, func(r rune) bool {
		return r != '-' && r != '_' && (unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.P) || r == '<' || r == '>')
	})
}

// wellFormed reports whether a text can be a secret, without a look-up.
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

// opened is a secret that was redeemed now, or that had been redeemed before.
type opened struct {
	token store.Token
	// kind is the kind of the token.
	kind string
	// user is the token's account, locked.
	user store.User
	// used says that the secret had been redeemed before, so that nothing was
	// redeemed now.
	used bool
}

// openSecret redeems a mailed secret of one of the kinds: it finds the token,
// locks its account and marks the token as used, in one step. Secrets that
// belong to an account are redeemed only here. It returns ErrInvalidToken for
// an unknown secret, ErrTokenExpired for an expired secret, and
// ErrAccountBanned. For a secret that had been redeemed before it sets
// opened.used and returns no error.
func (t *txn) openSecret(ctx context.Context, secret string, kinds ...string) (opened, error) {
	if secret = cleanSecret(secret); !wellFormed(secret) {
		return opened{}, ErrInvalidToken
	}
	for _, kind := range kinds {
		found, err := openHash(ctx, t, kind, hashSecret(secret))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		return found, err
	}
	return opened{}, ErrInvalidToken
}

// openHash is openSecret for the hash of a secret of one kind. It returns
// store.ErrNotFound for an unknown hash.
func openHash(ctx context.Context, t *txn, kind string, hash []byte) (opened, error) {
	now := t.now()
	token, user, spent, err := t.SpendToken(ctx, tenant, kind, hash, now)
	if err != nil {
		return opened{}, err
	}
	pay(ctx)
	t.touch(user.ID)
	found := opened{token: token, kind: kind, user: user, used: !spent}
	err = opens(kind, &user, now) // an error rolls back, so the token is not spent
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

// opens refuses an account for which a secret of a kind is worth nothing. A secret
// to restore an account is for a deleted account, and every other secret is not.
func opens(kind string, user *store.User, now time.Time) error {
	if kind != kindRestore {
		return usable(user, now)
	}
	if !user.Deleted() {
		return ErrAuthUserNotFound
	}
	back := *user
	back.DeletedAt = time.Time{}
	return usable(&back, now)
}

// seen is a mailed secret that was looked up and not redeemed.
type seen struct {
	token store.Token
	user  store.User
}

// lookAt finds the token of a mailed secret of one of the kinds, and its
// account, without redeeming the token. A page uses it to say what the link
// does before it shows a button. It returns ErrInvalidToken, ErrTokenExpired,
// ErrAccountBanned or ErrUnavailable. A redeemed secret is not an error.
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
		own := kind == kindVerify || kind == kindReset // secrets for the current address of the account
		switch {
		case user.ID == "", user.Deleted() != (kind == kindRestore), own && token.EmailKey != user.EmailKey:
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

// cleanCode reads a code that was typed or pasted. It ignores blanks, hyphens
// and invisible characters, and accepts digits of any width or script. It
// reports whether there are exactly six digits.
func cleanCode(typed string) (code string, ok bool) {
	const longest = 256 // in bytes; a longer text is no code
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

// ignoredInCode reports whether a character may come into a code by typing or
// pasting without being part of it: blanks and invisible characters, and the dots,
// dashes, bullets and quotation marks that stand in and around codes.
func ignoredInCode(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.P, unicode.Variation_Selector) || strings.ContainsRune("−`\ufffc", r)
}

// digitOf returns the value of a decimal digit of any script. Unicode has the
// digits of each script in rows of ten, in order, so the distance from the
// start of the range, modulo ten, gives the value.
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
