package admit

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"golang.org/x/text/unicode/norm"
)

// Errors about accounts.
var (
	ErrInvalidName        = &Error{Code: "auth/invalid-name", Status: http.StatusBadRequest, Message: "A name has 1 to 100 characters and no control characters."}
	ErrEmailAlreadyExists = &Error{Code: "auth/email-already-exists", Status: http.StatusConflict, Message: "There is already an account with this address."}
	ErrInvalidRole        = &Error{Code: "user/invalid-role", Status: http.StatusBadRequest, Message: "A role has 1 to 50 of a-z, 0-9, - and _."}
	// ErrUserNotFound means that the account that an operator names does not
	// exist.
	ErrUserNotFound = &Error{Code: "user/not-found", Status: http.StatusNotFound, Message: "There is no such account."}
	ErrUserConflict = &Error{Code: "user/conflict", Status: http.StatusConflict, Message: "The account was changed at the same time. Please try again."}
)

// strip removes every way into an account: password, sessions, API keys and
// pending tokens.
func (t *txn) strip(ctx context.Context, user *store.User, h happening, why string) error {
	now := t.now()
	if err := t.DeletePassword(ctx, tenant, user.ID); err != nil {
		return err
	}
	if _, err := t.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, At: now, Reason: why}); err != nil {
		return err
	}
	if _, err := t.RevokeAPIKeysOf(ctx, tenant, user.ID, now); err != nil {
		return err
	}
	return t.kill(ctx, h, user.ID, user.EmailKey)
}

// claim gives an account whose address was never verified to the reader of the
// mailbox, who has proven the mailbox in another way than by confirming the
// sign-up. Everything that the registrant may have planted is removed. claim
// does nothing if the address is verified.
func (t *txn) claim(ctx context.Context, user *store.User) error {
	return claimAfter(ctx, t, user, afterClaim)
}

func claimAfter(ctx context.Context, t *txn, user *store.User, h happening) error {
	if !user.EmailVerifiedAt.IsZero() {
		return nil
	}
	if err := t.strip(ctx, user, h, endedByClaim); err != nil {
		return err
	}
	if err := queueRevocationsOf(ctx, t, user); err != nil {
		return err
	}
	if err := dropPlanted(ctx, t, user); err != nil {
		return err
	}
	if err := markPlanted(ctx, t, user); err != nil {
		return err
	}
	// Mails begin with the name.
	user.Name, user.EmailVerifiedAt, user.UpdatedAt = nameFrom(user.Email), t.now(), t.now()
	if err := t.UpdateUser(ctx, *user); err != nil {
		return err
	}
	user.Version++
	if hook := t.config.Hooks.AccountClaimed; hook != nil {
		if err := flush(ctx, t); err != nil {
			return err
		}
		err := t.runHook(ctx, "AccountClaimed", func(ctx context.Context) error { return hook(ctx, Tx{t.Store}, userOf(user)) })
		if err != nil {
			return err
		}
	}
	return t.record(ctx, event{kind: eventAccountClaimed, subject: user.ID})
}

// contestLife is how long the mark of a contested account is kept.
const contestLife = 10 * 365 * 24 * time.Hour

// contest marks an account whose address is not verified and with whose address
// somebody signs up again: one of the two people does not own the mailbox. If the
// address is confirmed later, the reader of the mailbox takes over the account,
// and everything in it is removed. The mark is stored as a used token, so that no
// rule that ends pending tokens removes it.
func contest(_ context.Context, t *txn, user *store.User) error {
	now, subject := t.now(), user.ID
	addToken(t, store.Token{
		Tenant: tenant, Kind: kindContest, Hash: contestHash(user), UserID: user.ID,
		CreatedAt: now, UsedAt: now, ExpiresAt: now.Add(contestLife),
	}, func(ctx context.Context, added bool) error {
		if !added {
			return nil // contested already
		}
		return t.record(ctx, event{kind: eventAccountContested, subject: subject})
	})
	return nil
}

// contested reports whether an account was contested at its present address.
func contested(ctx context.Context, s store.Store, user *store.User) (bool, error) {
	_, err := s.Token(ctx, tenant, kindContest, contestHash(user))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func contestHash(user *store.User) []byte { return hashSecret(user.ID + " " + user.EmailKey) }

// mutable says whether an owner may switch a notice off. Notices about a change of
// password, address, factor or key, about a deletion, and about notices that are
// switched off, always arrive, because a thief could switch them off first.
func mutable(kind mailer.Kind) bool {
	return kind == mailer.NewDevice
}

// notify mails a security notice, unless the user has switched notices of a
// mutable kind off.
func (t *txn) notify(ctx context.Context, user *store.User, kind mailer.Kind) error {
	if user.MuteAlerts && mutable(kind) {
		return nil
	}
	return t.mail(ctx, kind, user.Email, user.Locale, t.about(ctx, user, mailer.Values{}))
}

// askSignUp runs the hook BeforeSignUp, which may refuse a sign-up.
func askSignUp(ctx context.Context, k *kernel, in SignUpAttempt) error {
	hook := k.config.Hooks.BeforeSignUp
	if hook == nil {
		return nil
	}
	return k.runHook(ctx, "BeforeSignUp", func(ctx context.Context) error { return hook(ctx, in) })
}

func (k *kernel) newUser(address emailaddress.Address, name, role string) store.User {
	now := k.now()
	return store.User{
		Tenant: tenant, ID: k.newID(), Email: address.Display, EmailKey: address.Key, Name: name, Role: role,
		Onboarding: onboardingPending, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
}

// createUser stores an account and, unless hash is "", its password.
func (t *txn) createUser(ctx context.Context, user store.User, hash string) error {
	err := create(ctx, t, user)
	if errors.Is(err, store.ErrConflict) {
		return ErrEmailAlreadyExists
	}
	if err != nil {
		return err
	}
	if hash != "" {
		t.batch.Passwords = append(t.batch.Passwords, store.Password{Tenant: tenant, UserID: user.ID, Hash: hash, ChangedAt: user.CreatedAt})
	}
	if hook := t.config.Hooks.UserCreated; hook != nil {
		if err := flush(ctx, t); err != nil {
			return err
		}
		err := t.runHook(ctx, "UserCreated", func(ctx context.Context) error { return hook(ctx, Tx{t.Store}, userOf(&user)) })
		if err != nil {
			return err
		}
	}
	return t.record(ctx, event{kind: eventUserCreated, subject: user.ID, data: eventData{"role": user.Role}})
}

func parseAccount(email, name string) (emailaddress.Address, string, error) {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return address, "", ErrInvalidEmail.because(err)
	}
	name, ok := cleanName(name)
	if !ok {
		return address, "", ErrInvalidName
	}
	return address, name, nil
}

// cleanName trims a name, brings it to Unicode form NFC, and reports whether it
// may be shown. A name has 1 to 100 characters. No character may control a
// terminal, a mail header or the direction of the text around the name.
func cleanName(name string) (string, bool) {
	const limit = 100
	if len(name) > 16*limit || !utf8.ValidString(name) {
		return "", false
	}
	name = norm.NFC.String(strings.TrimSpace(name))
	count := utf8.RuneCountInString(name)
	if count < 1 || count > limit {
		return "", false
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return "", false
		}
	}
	return name, true
}

// nameFrom is the name of an account whose owner has given none: the part of the address
// before the @.
func nameFrom(email string) string {
	local, _, _ := strings.Cut(email, "@")
	if name, ok := cleanName(local); ok {
		return name
	}
	return "New user"
}

// plainText says whether a text has at most a number of characters, none of which
// steers a terminal or a mail header.
func plainText(in string, most int) bool {
	return utf8.ValidString(in) && utf8.RuneCountInString(in) <= most && !strings.ContainsFunc(in, unicode.IsControl)
}

// existing returns ErrUserNotFound for an account that does not exist or was
// deleted.
func existing(user store.User, err error) (store.User, error) {
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && user.Deleted():
		return store.User{}, ErrUserNotFound
	case err != nil:
		return store.User{}, fault(err)
	}
	return user, nil
}

// onAccount runs a rule in a transaction with the account locked. If the account
// administers, another administrator is locked with it: see keepAdmin. It returns
// ErrUserNotFound for an account that does not exist or is deleted.
func onAccount(ctx context.Context, k *kernel, id string, rule func(ctx context.Context, tx *txn, user *store.User) error) error {
	if !uuid.Valid(id) {
		return ErrUserNotFound
	}
	seen, err := existing(k.store.User(ctx, tenant, id))
	if err != nil {
		return err
	}
	if administers(k, &seen) {
		other, err := otherAdmin(ctx, k, k.store, id, func(*store.User) (bool, error) { return true, nil })
		if err != nil {
			return fault(err)
		}
		if ctx = planned(ctx, id); other != "" {
			ctx = planned(ctx, id, other)
		}
	}
	return k.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, id))
		if err != nil {
			return err
		}
		return rule(ctx, tx, &user)
	})
}

// onlyDone returns the result of a transaction, or nothing if the transaction failed.
func onlyDone[T any](result T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return result, nil
}
