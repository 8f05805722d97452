package admit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
)

// limitClass says which budget of the client a route spends. The rule behind the
// route spends it, not the route: one rule may stand behind several routes.
type limitClass string

const (
	// unlimited routes ask for a live session and do nothing that is worth
	// counting.
	unlimited limitClass = "none"
	// limitGuess routes verify something that can be guessed. What fails counts
	// against the client and against the account. A test calls every such route
	// until its budget is spent.
	limitGuess limitClass = "guess"
	// limitSignUp routes make accounts. This class alone is spent by the route,
	// before its body is read.
	limitSignUp limitClass = "signup"
	// limitMail routes send mail to an address that the client names.
	limitMail limitClass = "mail"
)

// longestRetry is the most that Retry-After says: some bounds end only with a
// success.
const longestRetry = 24 * time.Hour

// errGuessInHostTx refuses a guess whose count would vanish with a rollback.
var errGuessInHostTx = errors.New("a guess inside a host's transaction would be forgotten when it rolls back: " +
	"sign in before the transaction, or set Config.Counters")

// hit raises counters or none of them, with a context that a client which hangs
// up does not cancel. Without a store nobody gets in.
func hit(ctx context.Context, k *kernel, counters []store.Counter) (store.Counted, error) {
	if k.config.InsecureNoLimits || len(counters) == 0 {
		return store.Counted{OK: true}, nil
	}
	ctx, cancel := k.beyondHangUp(ctx)
	defer cancel()
	counted, err := k.counters().Hit(ctx, k.now(), counters...)
	if err != nil {
		return counted, ErrUnavailable.because(err)
	}
	return counted, nil
}

// spend reserves one use of a budget of an address, before anything is done or
// verified, together with counters of the client. Where the budget is spent, a
// client that the account knows spends its own instead. It returns the counters
// that were raised for the address.
func (k *kernel) spend(ctx context.Context, name, emailKey string, client ...store.Counter) ([]store.Counter, error) {
	b := budgetOf(name)
	owner := fingerprint(emailKey)
	account := b.counters(owner)
	counted, err := hit(ctx, k, append(slices.Clip(client), account...))
	if err != nil || counted.OK {
		return account, err
	}
	if counted.Full >= len(client) && len(b.Known) > 0 {
		known, err := knows(ctx, k, emailKey)
		if err != nil {
			return nil, err
		}
		if known {
			account = countersOf(b.Name+"-known", b.Known, owner+"/"+clientName(ctx))
			if counted, err = hit(ctx, k, append(slices.Clip(client), account...)); err != nil || counted.OK {
				return account, err
			}
		}
	}
	if counted.Full < len(client) {
		return nil, refuse(ctx, k, client[counted.Full], counted, "")
	}
	return nil, refuse(ctx, k, account[counted.Full-len(client)], counted, emailKey)
}

// spendClient reserves one use of a budget that only the client can spend.
func (k *kernel) spendClient(ctx context.Context, name string) error {
	counters := clientCounters(ctx, name)
	counted, err := hit(ctx, k, counters)
	if err != nil || counted.OK {
		return err
	}
	return refuse(ctx, k, counters[counted.Full], counted, "")
}

// spendMail reserves one mail of a kind to an address, whether or not the
// address has an account, and one of the client's mails.
func (k *kernel) spendMail(ctx context.Context, name, emailKey string) error {
	_, err := k.spend(ctx, name, emailKey, clientCounters(ctx, clientMail)...)
	return err
}

// refuse answers that a counter is full, and notes it.
func refuse(ctx context.Context, k *kernel, full store.Counter, counted store.Counted, emailKey string) error {
	b := budgetOfCounter(full)
	k.notice(ctx, notice{kind: eventLimitReached, emailKey: emailKey, about: b.Name, once: true, data: eventData{"budget": b.Name}})
	if b.refusal == nil {
		return errSpentQuietly
	}
	wait := counted.ResetAt.Sub(k.now())
	return b.refusal.after(min(max(wait, time.Second), longestRetry))
}

// errSpentQuietly says that a budget is spent whose refusal nobody is told.
var errSpentQuietly = errors.New("the budget is spent")

// beyondHangUp keeps the values of a context and its time limit, but not its
// cancellation.
func (k *kernel) beyondHangUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), k.config.RequestTimeout)
}

// attempt is a guess that was paid for before it is looked at.
type attempt struct {
	*kernel
	emailKey string
	// account is the budget that only a session clears; client is given back
	// unless the guess was wrong, so that many people behind one address can
	// sign in while somebody who guesses cannot clear the count with an account
	// of his own. work counts hashes and is given back only where none was made.
	account, client, work []store.Counter
	// clears are further counters that a session clears, by their keys.
	clears []string
}

// attempt reserves one guess at an account. A guess that costs a hash names
// clientHashes too.
func (k *kernel) attempt(ctx context.Context, kind, emailKey string, work ...string) (*attempt, error) {
	if k.after != nil && k.config.Counters == nil && !k.config.InsecureNoLimits {
		return nil, ErrInternal.because(errGuessInHostTx)
	}
	t := &attempt{kernel: k, emailKey: emailKey, client: clientCounters(ctx, clientGuess), work: clientCounters(ctx, work...)}
	var err error
	t.account, err = k.spend(ctx, kind, emailKey, append(slices.Clip(t.client), t.work...)...)
	return t, err
}

// succeed clears the budget that the guess was paid from and takes the client's
// guess back, in the transaction that lets its owner in. Where the guess was paid
// from the budget of a known client, the account's own stays spent: an owner who
// comes and goes earns a stranger no guesses. It is the last thing to be done
// there: everybody behind one client address waits for that counter. The order is
// that in which a hit takes them, so that no two transactions wait for each other.
func (t *attempt) succeed(ctx context.Context, tx *txn) error {
	keys := append(keysOf(t.account), budgetOf(firstFactor).lifetime(fingerprint(t.emailKey))...)
	keys = append(keys, t.clears...)
	return tx.count(ctx, keys, keysOf(t.client))
}

// takeBack returns a guess that was right but opened no session, in the
// transaction that found out.
func (t *attempt) takeBack(ctx context.Context, tx *txn) error {
	return tx.count(ctx, nil, keysOf(append(slices.Clip(t.account), t.client...)))
}

// ownerProven clears the first-factor budget of an account whose owner was let in
// by a mailed secret, and the budget of that kind of mail: while it is spent, the
// mailbox holds a mail that was not redeemed yet.
func (t *txn) ownerProven(ctx context.Context, emailKey, mailed string) error {
	return t.count(ctx, ownersCounters(emailKey, mailed), nil)
}

// ownersCounters are the keys of the counters that a mailed secret clears.
func ownersCounters(emailKey, mailed string) []string {
	owner := fingerprint(emailKey)
	return keysOf(append(budgetOf(firstFactor).counters(owner), budgetOf(mailed).counters(owner)...))
}

// count clears counters and takes back one use of others, in the transaction where
// they live there too: at its end, the clearing first. Counters elsewhere are
// changed once, after the commit: a transaction that is repeated would change
// them again.
func (t *txn) count(ctx context.Context, cleared, unhit []string) error {
	switch {
	case t.config.InsecureNoLimits:
	case t.config.Counters == nil:
		t.batch.CounterTenant = tenant
		t.batch.Clear, t.batch.Unhit = append(t.batch.Clear, cleared...), append(t.batch.Unhit, unhit...)
	default:
		t.then = append(t.then, func() {
			t.outside(ctx, func(ctx context.Context, counters store.Counters) error {
				return errors.Join(counters.ClearCounters(ctx, tenant, cleared...), counters.Unhit(ctx, tenant, unhit...))
			})
		})
	}
	return nil
}

// outside changes counters outside a transaction. A change that fails is
// logged: a budget that cannot be given back runs out by itself.
func (k *kernel) outside(ctx context.Context, change func(context.Context, store.Counters) error) {
	ctx, cancel := k.beyondHangUp(ctx)
	defer cancel()
	if err := change(ctx, k.counters()); err != nil {
		k.log.WarnContext(ctx, "could not take back an attempt", "error", err)
	}
}

// settle ends a guess. It gives everything back where the system failed before
// the guess was looked at: a store that was down and a queue that was full prove
// nothing. A client that hung up gets nothing back: the work was done for it. A
// guess that was wrong is noted.
func (t *attempt) settle(ctx context.Context, err error) {
	switch {
	case err == nil:
	case asError(err).Status == http.StatusUnauthorized:
		t.notice(ctx, notice{kind: eventSignInFailed, emailKey: t.emailKey, once: true})
	case asError(err).Status >= http.StatusInternalServerError && !errors.Is(ctx.Err(), context.Canceled):
		t.giveBack(ctx, t.work...)
	}
}

// giveBack returns a guess that was right but opens no session.
func (t *attempt) giveBack(ctx context.Context, work ...store.Counter) {
	if t.config.InsecureNoLimits {
		return
	}
	t.outside(ctx, func(ctx context.Context, counters store.Counters) error {
		return counters.Unhit(ctx, tenant, keysOf(slices.Concat(t.account, t.client, work))...)
	})
}
