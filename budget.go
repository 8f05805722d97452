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
// doors it shuts. ratelimit.go spends them.

// Budget bounds how often something may happen. [Budgets] lists all of them.
type Budget struct {
	// Name stands in the keys of the counters and in the event limit.reached.
	Name string
	// Per is what each budget belongs to: "account", "mailbox", "client" or
	// "token".
	Per string
	// Bounds all hold at once.
	Bounds []Bound
	// Known is what a client that the account knows may use when Bounds are
	// spent. Nobody else can spend it. Empty where there is no such budget.
	Known []Bound
	// SpentBy is who can spend it: "anyone", "the client" (for itself alone),
	// "the first factor" (a client that has given a right first factor) or "the
	// mailbox" (a client that has a secret that was mailed there).
	SpentBy string
	// Shuts names the doors that are shut while it is spent.
	Shuts []string

	refusal *Error
}

// Bound is a number of times in a window of time.
type Bound struct {
	Limit  int
	Window time.Duration
}

// sinceSuccess is a window that only a success ends.
const sinceSuccess = 10 * 365 * 24 * time.Hour

// The names of the budgets. Counters are locked in the order of their keys: those
// that many requests wait for come last.
const (
	firstFactor  = "first"
	secondFactor = "second"
	mailedChange = "mail-change"
	mailedExists = "mail-exists"
	mailedMagic  = "mail-magic"
	mailedReset  = "mail-reset"
	mailedVerify = "mail-verify"
	resetTries   = "reset-tries"
	clientGuess  = "source/guess"
	clientHashes = "source/hashes"
	clientMail   = "source/mail"
	clientSignUp = "source/signup"
)

// Budgets lists every budget.
//
// What a stranger can spend in another's name never shuts the last door of the
// owner: a client that the account knows goes on with a budget of its own, a link
// that was mailed works whatever is spent, and each kind of mail has a budget of
// its own, so that the last mail of each kind is in the mailbox.
func Budgets() []Budget {
	guesses := []Bound{{10, 15 * time.Minute}, {100, 24 * time.Hour}, {100, sinceSuccess}}
	known := []Bound{{5, 15 * time.Minute}, {20, 24 * time.Hour}, {100, sinceSuccess}}
	mails := []Bound{{5, 15 * time.Minute}, {20, 24 * time.Hour}}
	few := []Bound{{5, 15 * time.Minute}, {10, 24 * time.Hour}}
	own := []Bound{{2, 15 * time.Minute}, {5, 24 * time.Hour}}
	return []Budget{
		{firstFactor, "account", guesses, known, "anyone", []string{"password", "code"}, ErrTooManyLoginAttempts},
		{secondFactor, "account", guesses, nil, "the first factor", []string{"second factor"}, ErrTooManyLoginAttempts},
		{mailedMagic, "mailbox", mails, own, "anyone", []string{"asking for a link"}, ErrTooManyCodeRequests},
		{mailedReset, "mailbox", few, own, "anyone", []string{"asking for a reset"}, ErrTooManyCodeRequests},
		{mailedVerify, "mailbox", few, own, "anyone", []string{"asking for a confirmation"}, ErrTooManyCodeRequests},
		{mailedChange, "mailbox", few, nil, "anyone", []string{"moving to the address"}, ErrTooManyCodeRequests},
		{mailedExists, "mailbox", few, nil, "anyone", nil, nil},
		{resetTries, "token", []Bound{{5, 15 * time.Minute}}, nil, "the mailbox", []string{"this reset link"}, ErrTooManyRequests},
		{clientGuess, "client", []Bound{{100, 15 * time.Minute}}, nil, "the client", []string{"password", "code", "second factor"}, ErrTooManyLoginAttempts},
		{clientHashes, "client", []Bound{{600, 15 * time.Minute}}, nil, "the client", []string{"password", "reset"}, ErrTooManyLoginAttempts},
		{clientMail, "client", []Bound{{60, time.Hour}}, nil, "the client", []string{"asking for a mail"}, ErrTooManyCodeRequests},
		{clientSignUp, "client", []Bound{{60, time.Hour}}, nil, "the client", []string{"sign-up"}, ErrTooManyRequests},
	}
}

// budgetOf returns the budget of a name.
func budgetOf(name string) Budget {
	for _, b := range Budgets() {
		if b.Name == name {
			return b
		}
	}
	panic("admit: there is no budget " + name)
}

// counters are those of one owner of the budget, one for each bound.
func (b Budget) counters(of string) []store.Counter { return countersOf(b.Name, b.Bounds, of) }

// lifetime are the keys of the counters of an owner that only a success ends.
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

// fingerprint stands for an address in a counter's key: of fixed length, and no
// list of who was guessed at.
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

// noAddress is the one client that all requests over HTTP without an IP address
// count as.
const noAddress = "no-address"

// clientName names the client at the other end for limits; an IPv6 address counts
// as its /64. It is "" for a call from Go that names no client.
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

// clientCounters are the counters of client budgets for the client at the other
// end; none where no client is known.
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

// knownClient is how an account remembers a client: by address and network, so
// that a budget can be chosen before the account is looked up.
func knownClient(emailKey, client string) []byte {
	return hashSecret("client " + client + " " + emailKey)
}

// rememberClient makes the client at the other end known to an account whose
// owner it has just let in. An address that nobody has proven knows nobody: its
// registrant may be a stranger.
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

// knows tells whether the account of an address knows the client at the other
// end. An address without an account knows nobody, and is asked all the same.
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
