package admit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/clientip"
	"github.com/admit-go/admit/store"
)

// Errors of limits.
var (
	ErrTooManyLoginAttempts = &Error{Code: "auth/too-many-login-attempts", Status: http.StatusTooManyRequests, Message: "Too many attempts. Please wait a while, or sign in another way."}
	ErrTooManyCodeRequests  = &Error{Code: "auth/too-many-code-requests", Status: http.StatusTooManyRequests, Message: "Too many messages were asked for. Please wait a while."}
)

// limitClass says how often one client address may use a route, or how often a
// route may fail for it.
type limitClass string

const (
	// unlimited routes ask for a live session and do nothing that is worth
	// counting.
	unlimited limitClass = "none"
	// limitGuess routes verify something that can be guessed. What fails counts
	// against the client address; the rule itself counts against the account.
	limitGuess limitClass = "guess"
	// limitSignUp routes make accounts.
	limitSignUp limitClass = "signup"
	// limitMail routes send mail to an address that the client names.
	limitMail limitClass = "mail"
)

// bound is a number of times in a window.
type bound struct {
	limit  int
	window time.Duration
}

// classBounds are per client address; an IPv6 address counts as its /64.
func classBounds(class limitClass) bound {
	switch class {
	case limitGuess:
		return bound{100, 15 * time.Minute}
	case limitSignUp:
		return bound{60, time.Hour}
	case limitMail:
		return bound{60, time.Hour}
	}
	return bound{}
}

// The budgets of an account are its own, whoever spends them and however the
// address is spelled.
func accountBounds() []bound { return []bound{{10, 15 * time.Minute}, {100, 24 * time.Hour}} }

func mailBounds() []bound { return []bound{{5, 15 * time.Minute}, {20, 24 * time.Hour}} }

// Counters are taken by key, so the names say in which order: those that many
// wait for come last.
const (
	firstFactor = "first"
	mailBudget  = "mail"
	sourceKey   = "source/"
)

// budget makes the counters of an account: one for each bound.
func budget(kind, emailKey string, bounds []bound) []store.Counter {
	counters := make([]store.Counter, len(bounds))
	for i, b := range bounds {
		counters[i] = store.Counter{
			Tenant: tenant, Key: kind + "/" + b.window.String() + "/" + fingerprint(emailKey), Limit: b.limit, Window: b.window,
		}
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

// spend reserves one use of counters before anything is verified, with a
// context that a client which hangs up does not cancel. Without room it answers
// refusal with the time to wait; without a store nobody gets in.
func (k *kernel) spend(ctx context.Context, refusal *Error, counters ...store.Counter) error {
	if k.config.InsecureNoLimits || len(counters) == 0 {
		return nil
	}
	ctx, cancel := k.beyondHangUp(ctx)
	defer cancel()
	now := k.now()
	counted, err := k.counters().Hit(ctx, now, counters...)
	if err != nil {
		return ErrUnavailable.because(err)
	}
	if !counted.OK {
		return refusal.after(max(counted.ResetAt.Sub(now), time.Second))
	}
	return nil
}

// beyondHangUp keeps the values of a context and its time limit, but not its
// cancellation.
func (k *kernel) beyondHangUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), k.config.RequestTimeout)
}

// clientCounter is the counter of a class for the client at the other end; none
// where no client is known or the class has no bounds.
func clientCounter(ctx context.Context, class limitClass) []store.Counter {
	b, client := classBounds(class), clientFrom(ctx).address
	if b.limit == 0 || !client.IsValid() {
		return nil
	}
	return []store.Counter{{
		Tenant: tenant, Key: sourceKey + string(class) + "/" + clientip.Key(client), Limit: b.limit, Window: b.window,
	}}
}

// attempt is a guess that was paid for before it is looked at.
type attempt struct {
	*kernel
	// account is the budget that only a session clears; client is given back
	// unless the guess was wrong, so that many people behind one address can
	// sign in while somebody who guesses cannot clear the count with an account
	// of his own.
	account, client []store.Counter
}

// attempt reserves one guess at an account.
func (k *kernel) attempt(ctx context.Context, kind, emailKey string) (*attempt, error) {
	t := &attempt{kernel: k, account: budget(kind, emailKey, accountBounds()), client: clientCounter(ctx, limitGuess)}
	return t, k.spend(ctx, ErrTooManyLoginAttempts, append(t.client, t.account...)...)
}

// succeed clears the account's budget and takes the client's guess back, in the
// transaction that lets its owner in. It is the last thing to be done there:
// everybody behind one client address waits for that counter. The order is that
// in which a hit takes them, so that no two transactions wait for each other.
func (t *attempt) succeed(ctx context.Context, tx *txn) error {
	return t.within(ctx, tx, func(ctx context.Context, counters store.Counters) error {
		if err := counters.ClearCounters(ctx, tenant, keysOf(t.account)...); err != nil || len(t.client) == 0 {
			return err
		}
		return counters.Unhit(ctx, tenant, keysOf(t.client)...)
	})
}

// takeBack returns a guess that was right but opened no session, in the
// transaction that found out.
func (t *attempt) takeBack(ctx context.Context, tx *txn) error {
	return t.within(ctx, tx, t.unhit)
}

// within changes counters in the transaction where they live there too.
// Counters elsewhere are changed once, after the commit: a transaction that is
// repeated would change them again.
func (t *attempt) within(ctx context.Context, tx *txn, change func(context.Context, store.Counters) error) error {
	switch {
	case t.config.InsecureNoLimits:
		return nil
	case t.config.Counters == nil:
		return change(ctx, tx.Store)
	}
	tx.then = append(tx.then, func() { t.outside(ctx, change) })
	return nil
}

// outside changes counters outside a transaction. A change that fails is
// logged: a budget that cannot be given back runs out by itself.
func (t *attempt) outside(ctx context.Context, change func(context.Context, store.Counters) error) {
	ctx, cancel := t.beyondHangUp(ctx)
	defer cancel()
	if err := change(ctx, t.counters()); err != nil {
		t.log.WarnContext(ctx, "could not take back an attempt", "error", err)
	}
}

func (t *attempt) unhit(ctx context.Context, counters store.Counters) error {
	return counters.Unhit(ctx, tenant, keysOf(append(t.client, t.account...))...)
}

// settle gives everything back where the system failed before the guess was
// looked at: a store that was down and a queue that was full prove nothing. A
// client that hung up gets nothing back: the work was done for it.
func (t *attempt) settle(ctx context.Context, err error) {
	if err == nil || asError(err).Status < http.StatusInternalServerError || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	t.giveBack(ctx)
}

// giveBack returns a guess that was right but opens no session.
func (t *attempt) giveBack(ctx context.Context) {
	if !t.config.InsecureNoLimits {
		t.outside(ctx, t.unhit)
	}
}

// clearBudget forgets a budget whose account has proven its owner in another
// way. One that cannot be cleared runs out by itself.
func (k *kernel) clearBudget(ctx context.Context, counters []store.Counter) {
	if k.config.InsecureNoLimits {
		return
	}
	ctx, cancel := k.beyondHangUp(ctx)
	defer cancel()
	if err := k.counters().ClearCounters(ctx, tenant, keysOf(counters)...); err != nil {
		k.log.WarnContext(ctx, "could not clear a budget", "error", err)
	}
}

// counters is where failures are counted. Inside a host's transaction that is
// the transaction: any other connection could wait for it for ever.
func (k *kernel) counters() store.Counters {
	if k.config.Counters != nil {
		return k.config.Counters
	}
	return k.store
}
