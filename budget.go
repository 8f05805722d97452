package admit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/clientip"
	"github.com/admit-go/admit/store"
)

// Errors of limits.
var (
	ErrTooManyLoginAttempts = &Error{Code: "auth/too-many-login-attempts", Status: http.StatusTooManyRequests, Message: "Too many attempts. Please wait a while, or sign in another way."}
	ErrTooManyCodeRequests  = &Error{Code: "auth/too-many-code-requests", Status: http.StatusTooManyRequests, Message: "Too many messages were asked for. Please wait a while."}
)

// This file declares every budget: what it counts, who can spend it, and which
// ways in it closes. ratelimit.go spends the budgets.

// Budget bounds how often something may happen. [Budgets] lists all of them.
type Budget struct {
	// Name is part of the keys of the counters and of the event limit.reached.
	Name string
	// Per names the owner of the budget: each "account", "mailbox", "client" or
	// "token" has its own.
	Per string
	// Bounds all hold at the same time.
	Bounds []Bound
	// Known bounds a further budget for each client that the account knows. It is
	// used when Bounds are spent, and no other client can spend it. Empty if the
	// budget has no such addition.
	Known []Bound
	// SpentBy says who can spend the budget: "anyone", "the client" (only for
	// itself), "the first factor" (a client that has given a right first factor),
	// "the account" (a session of it) or "the mailbox" (a client that has a secret
	// from a mail to the mailbox).
	SpentBy string
	// Shuts names what is refused while the budget is spent.
	Shuts []string

	refusal *Error
}

// Bound allows Limit uses in each Window.
type Bound struct {
	Limit  int
	Window time.Duration
}

// sinceSuccess is the window of a bound that only a success resets: ten years.
const sinceSuccess = 10 * 365 * 24 * time.Hour

// ticketLife is how long a paused sign-in can be completed.
const ticketLife = 5 * time.Minute

// The names of the budgets. Counters are locked in the order of their keys. The
// counters that many requests wait for have the last keys.
const (
	firstFactor  = "first"
	secondFactor = "second"
	mailedChange = "mail-change"
	mailedExists = "mail-exists"
	mailedInvite = "mail-invite"
	mailedMagic  = "mail-magic"
	mailedReset  = "mail-reset"
	mailedVerify = "mail-verify"
	// pausedTries counts by the hash of the ticket of a paused sign-in.
	pausedTries = "paused-tries"
	resetTries  = "reset-tries"
	// sentInvitations counts by the id of the account.
	sentInvitations = "invitations"
	// exportsOfAccount counts by the id of the account.
	exportsOfAccount = "export"
	// uploadsOfAccount counts by the id of the account.
	uploadsOfAccount = "uploads"
	clientCeremony   = "source/ceremony"
	clientGuess      = "source/guess"
	clientHashes     = "source/hashes"
	clientMail       = "source/mail"
	clientProvider   = "source/provider"
	clientSignUp     = "source/signup"
)

// Budgets lists every budget.
//
// A stranger can spend a budget of another account, but the owner always keeps
// a way in. A client that the account knows has a budget of its own. A mailed
// link works even if every budget is spent. Each kind of mail has its own
// budget, so the last mail of each kind is in the mailbox.
func Budgets() []Budget {
	guesses := []Bound{{10, 15 * time.Minute}, {100, 24 * time.Hour}, {100, sinceSuccess}}
	known := []Bound{{5, 15 * time.Minute}, {20, 24 * time.Hour}, {100, sinceSuccess}}
	mails := []Bound{{5, 15 * time.Minute}, {20, 24 * time.Hour}}
	few := []Bound{{5, 15 * time.Minute}, {10, 24 * time.Hour}}
	own := []Bound{{2, 15 * time.Minute}, {5, 24 * time.Hour}}
	return []Budget{
		{firstFactor, "account", guesses, known, "anyone", []string{"password", "code"}, ErrTooManyLoginAttempts},
		{secondFactor, "account", guesses, nil, "the first factor", []string{"second factor"}, ErrTooManyLoginAttempts},
		{exportsOfAccount, "account", []Bound{{1, 5 * time.Minute}, {10, 24 * time.Hour}}, nil, "the account", []string{"export"}, ErrTooManyRequests},
		{uploadsOfAccount, "account", []Bound{{10, time.Minute}}, nil, "the account", []string{"uploading a picture"}, ErrTooManyRequests},
		{mailedMagic, "mailbox", mails, own, "anyone", []string{"asking for a link"}, ErrTooManyCodeRequests},
		{mailedReset, "mailbox", few, own, "anyone", []string{"asking for a reset"}, ErrTooManyCodeRequests},
		{mailedVerify, "mailbox", few, own, "anyone", []string{"asking for a confirmation"}, ErrTooManyCodeRequests},
		{mailedChange, "mailbox", few, nil, "anyone", []string{"moving to the address"}, ErrTooManyCodeRequests},
		{mailedInvite, "mailbox", mails, nil, "anyone", []string{"inviting the address"}, ErrTooManyCodeRequests},
		{sentInvitations, "account", []Bound{{200, time.Hour}, {500, 24 * time.Hour}}, nil, "the account", []string{"inviting"}, ErrTooManyCodeRequests},
		{mailedExists, "mailbox", few, nil, "anyone", nil, nil},
		{pausedTries, "token", []Bound{{5, ticketLife}}, nil, "the first factor", []string{"this paused sign-in"}, ErrTokenExpired},
		{resetTries, "token", []Bound{{5, 15 * time.Minute}}, nil, "the mailbox", []string{"this reset link"}, ErrTooManyRequests},
		{clientCeremony, "client", []Bound{{600, 15 * time.Minute}}, nil, "the client", []string{"passkey"}, ErrTooManyRequests},
		{clientGuess, "client", []Bound{{100, 15 * time.Minute}}, nil, "the client", []string{"password", "code", "second factor"}, ErrTooManyLoginAttempts},
		{clientHashes, "client", []Bound{{600, 15 * time.Minute}}, nil, "the client", []string{"password", "reset"}, ErrTooManyLoginAttempts},
		{clientMail, "client", []Bound{{60, time.Hour}}, nil, "the client", []string{"asking for a mail"}, ErrTooManyCodeRequests},
		{clientProvider, "client", []Bound{{300, 15 * time.Minute}}, nil, "the client", []string{"provider", "linking a provider"}, ErrTooManyRequests},
		{clientSignUp, "client", []Bound{{60, time.Hour}}, nil, "the client", []string{"sign-up"}, ErrTooManyRequests},
	}
}

// budgetOf returns the budget with a name. It panics if the name is unknown,
// which is a mistake in this package.
func budgetOf(name string) Budget {
	for _, b := range Budgets() {
		if b.Name == name {
			return b
		}
	}
	panic("admit: there is no budget " + name)
}

// counters returns the counters of one owner of the budget, one for each bound.
func (b Budget) counters(of string) []store.Counter { return countersOf(b.Name, b.Bounds, of) }

// lifetime returns the keys of those counters of an owner that only a success
// resets.
func (b Budget) lifetime(of string) (keys []string) {
	for _, c := range b.counters(of) {
		if c.Window == sinceSuccess {
			keys = append(keys, c.Key)
		}
	}
	return keys
}

func countersOf(name string, bounds []Bound, of string) []store.Counter {
	counters := make([]store.Counter, len(bounds))
	for i, b := range bounds {
		counters[i] = store.Counter{Tenant: tenant, Key: name + "/" + b.Window.String() + "/" + of, Limit: b.Limit, Window: b.Window}
	}
	return counters
}

// fingerprint returns the text that represents an address in the key of a
// counter. It has a fixed length, and the keys do not list the addresses whose
// passwords were guessed.
func fingerprint(emailKey string) string {
	sum := sha256.Sum256([]byte(emailKey))
	return hex.EncodeToString(sum[:16])
}

func keysOf(counters []store.Counter) []string {
	keys := make([]string, len(counters))
	for i, c := range counters {
		keys[i] = c.Key
	}
	return keys
}

// noAddress is the client name of all HTTP requests without an IP address. They
// share one budget.
const noAddress = "no-address"

// clientName returns the name of the client under which its budgets are
// counted. An IPv6 address counts as its /64. The name is "" for a call from Go
// that names no client.
func clientName(ctx context.Context) string {
	client := clientFrom(ctx)
	switch key := clientip.Key(client.address); {
	case key != "":
		return key
	case client.RequestID != "":
		return noAddress
	}
	return ""
}

// clientCounters returns the counters of client budgets for the client of the
// request. It returns none if no client is known.
func clientCounters(ctx context.Context, names ...string) (counters []store.Counter) {
	key := clientName(ctx)
	if key == "" {
		return nil
	}
	for _, name := range names {
		counters = append(counters, budgetOf(name).counters(key)...)
	}
	return counters
}

// knownClient returns the hash under which an account remembers a client. It is
// made of the e-mail address and the client, not of the account's id, so that a
// budget can be chosen before the account is looked up.
func knownClient(emailKey, client string) []byte {
	return hashSecret("client " + client + " " + emailKey)
}

// rememberClient makes the client known to an account that it has just signed
// in to. An account whose address is not verified remembers no client, because
// its registrant may be a stranger.
func rememberClient(ctx context.Context, t *txn, user *store.User) error {
	client := clientName(ctx)
	if client == "" || client == noAddress || user.EmailVerifiedAt.IsZero() {
		return nil
	}
	now := t.now()
	addToken(t, store.Token{
		Tenant: tenant, Kind: kindClient, Hash: knownClient(user.EmailKey, client), UserID: user.ID,
		CreatedAt: now, ExpiresAt: now.Add(deviceLife),
	}, func(context.Context, bool) error { return nil })
	return nil
}

// knows reports whether the account of an address knows the client. An address
// without an account knows no client; the store is asked for it too, so that
// the answer takes the same work.
func knows(ctx context.Context, k *kernel, emailKey string) (bool, error) {
	client := clientName(ctx)
	if client == "" || client == noAddress {
		return false, nil
	}
	found, err := k.store.Token(ctx, tenant, kindClient, knownClient(emailKey, client))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && k.now().Before(found.ExpiresAt), fault(err)
}

// budgetOfCounter returns the budget that a counter belongs to.
func budgetOfCounter(c store.Counter) Budget {
	for _, b := range Budgets() {
		if strings.HasPrefix(c.Key, b.Name+"/") || strings.HasPrefix(c.Key, b.Name+"-known/") {
			return b
		}
	}
	panic("admit: no budget has the counter " + c.Key)
}
