package admit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
)

// limitClass names the budget of the client that a route spends. The rule
// spends the budget, not the route, because several routes may use one rule.
type limitClass string

const (
	// unlimited routes need a live session and do nothing that must be counted.
	unlimited limitClass = "none"
	// limitGuess routes verify something that can be guessed. A wrong guess counts
	// against the client and against the account. The pipeline answers no request
	// with success that has spent no budget. A test calls every route of this
	// class until its budget is spent.
	limitGuess limitClass = "guess"
	// limitSignUp routes make accounts. Only this budget is spent by the route
	// itself, before its body is read.
	limitSignUp limitClass = "signup"
	// limitMail routes send mail to an address that the client names.
	limitMail limitClass = "mail"
	// limitCeremony routes begin or end a ceremony of a passkey. A passkey cannot
	// be guessed, so only the client is counted.
	limitCeremony limitClass = "ceremony"
	// limitProvider routes begin or end a sign-in by a provider, and each of them may
	// cost a call of the provider. Only the client is counted.
	limitProvider limitClass = "provider"
)

// longestRetry is the greatest value of Retry-After. It is needed because some
// bounds are reset only by a success.
const longestRetry = 24 * time.Hour

// errGuessInHostTx refuses a guess whose count would vanish with a rollback.
var errGuessInHostTx = errors.New("a guess inside a host's transaction would be forgotten when it rolls back: " +
	"sign in before the transaction, or set Config.Counters")

// hit raises all counters, or none of them if one is full. A client that hangs
// up does not cancel it. If the store does not answer, hit returns
// ErrUnavailable.
func hit(ctx context.Context, k *kernel, counters []store.Counter) (store.Counted, error) {
	pay(ctx)
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

// spend reserves one use of a budget of an address together with one use of
// counters of the client. Rules call it before they verify or do anything. If
// the budget is spent, a client that the account knows spends its own budget
// instead. spend returns the counters that were raised for the address.
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
// address has an account, and one mail of the client's budget.
func (k *kernel) spendMail(ctx context.Context, name, emailKey string) error {
	_, err := k.spend(ctx, name, emailKey, clientCounters(ctx, clientMail)...)
	return err
}

// refuse returns the error of the budget of a full counter, and records the
// event limit.reached.
func refuse(ctx context.Context, k *kernel, full store.Counter, counted store.Counted, emailKey string) error {
	b := budgetOfCounter(full)
	k.notice(ctx, notice{kind: eventLimitReached, emailKey: emailKey, about: b.Name, once: true, data: eventData{"budget": b.Name}})
	switch {
	case b.refusal == nil:
		return errSpentQuietly
	case b.refusal.Status != http.StatusTooManyRequests:
		return b.refusal // waiting does not help
	}
	wait := counted.ResetAt.Sub(k.now())
	return b.refusal.after(min(max(wait, time.Second), longestRetry))
}

// errSpentQuietly says that a budget without a refusal is spent. It is not
// shown to anybody.
var errSpentQuietly = errors.New("the budget is spent")

// beyondHangUp returns a context with the values of ctx that is not canceled
// when the client hangs up. It ends after Config.RequestTimeout.
func (k *kernel) beyondHangUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), k.config.RequestTimeout)
}

// attempt is a guess that was counted before it is verified.
type attempt struct {
	*kernel
	emailKey string
	// account are the counters of the account, which only a session clears. client
	// are the counters of the client. They are refunded unless the guess was
	// wrong: many people behind one address can sign in, and a person who guesses
	// cannot clear the count with an own account. work are the counters of hashes
	// and of tickets. They are refunded only if nothing was verified.
	account, client, work []store.Counter
	// clears are the keys of further counters that a session clears.
	clears []string
}

// attempt reserves one guess at an account, and one use of counters of the work that
// the guess costs: those of hashes, or of the tries of a ticket.
func (k *kernel) attempt(ctx context.Context, kind, emailKey string, work ...store.Counter) (*attempt, error) {
	if k.after != nil && k.config.Counters == nil && !k.config.InsecureNoLimits {
		return nil, ErrInternal.because(errGuessInHostTx)
	}
	t := &attempt{kernel: k, emailKey: emailKey, client: clientCounters(ctx, clientGuess), work: work}
	var err error
	t.account, err = k.spend(ctx, kind, emailKey, append(slices.Clip(t.client), t.work...)...)
	return t, err
}

// succeed clears the budget that the guess has spent and refunds the guess of
// the client, in the transaction that makes the session. If the guess has spent
// the budget of a known client, the account's own budget stays spent, so that
// sign-ins of the owner give a stranger no further guesses. succeed is called
// last in the transaction, because all clients behind one address wait for the
// counter of the address. Counters are changed in the order in which hit locks
// them, so that two transactions never wait for each other.
func (t *attempt) succeed(ctx context.Context, tx *txn) error {
	keys := append(keysOf(t.account), budgetOf(firstFactor).lifetime(fingerprint(t.emailKey))...)
	keys = append(keys, t.clears...)
	return tx.count(ctx, keys, keysOf(t.client))
}

// takeBack refunds a right guess that made no session, in the transaction that
// decided this.
func (t *attempt) takeBack(ctx context.Context, tx *txn) error {
	return tx.count(ctx, nil, keysOf(append(slices.Clip(t.account), t.client...)))
}

// ownerProven clears the first-factor budget of an account whose owner has
// signed in by a mailed secret, and the budget of this kind of mail. A spent
// budget of mails means that the mailbox holds a mail that was not redeemed
// yet.
func (t *txn) ownerProven(ctx context.Context, emailKey, mailed string) error {
	return t.count(ctx, ownersCounters(emailKey, mailed), nil)
}

// ownersCounters returns the keys of the counters that a redeemed mailed secret
// clears.
func ownersCounters(emailKey, mailed string) []string {
	owner := fingerprint(emailKey)
	return keysOf(append(budgetOf(firstFactor).counters(owner), budgetOf(mailed).counters(owner)...))
}

// count clears counters and refunds one use of other counters. Counters in the
// store are changed at the end of the transaction, the cleared ones first.
// Counters in Config.Counters are changed once, after the commit, because a
// repeated transaction would change them again.
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

// outside changes counters outside a transaction. A failed change is only
// logged, because a count that is not refunded ends with its window.
func (k *kernel) outside(ctx context.Context, change func(context.Context, store.Counters) error) {
	ctx, cancel := k.beyondHangUp(ctx)
	defer cancel()
	if err := change(ctx, k.counters()); err != nil {
		k.log.WarnContext(ctx, "could not take back an attempt", "error", err)
	}
}

// settle ends a guess. If the system failed before the guess was verified,
// because the store was down or the queue of hashes was full, it refunds
// everything. A client that hung up gets no refund, because the work was done
// for it. A wrong guess is recorded as the event signin.failed.
func (t *attempt) settle(ctx context.Context, err error) {
	switch {
	case err == nil:
	case asError(err).Status == http.StatusUnauthorized:
		t.notice(ctx, notice{kind: eventSignInFailed, emailKey: t.emailKey, once: true})
	case asError(err).Status >= http.StatusInternalServerError && !errors.Is(ctx.Err(), context.Canceled):
		t.giveBack(ctx, t.work...)
	}
}

// giveBack refunds a guess, with the counters of its work if they are given.
func (t *attempt) giveBack(ctx context.Context, work ...store.Counter) {
	if t.config.InsecureNoLimits {
		return
	}
	t.outside(ctx, func(ctx context.Context, counters store.Counters) error {
		return counters.Unhit(ctx, tenant, keysOf(slices.Concat(t.account, t.client, work))...)
	})
}
