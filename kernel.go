package admit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/activity"
	"github.com/admit-go/admit/internal/clientip"
	"github.com/admit-go/admit/internal/deadline"
	"github.com/admit-go/admit/internal/delivery"
	"github.com/admit-go/admit/internal/liveness"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/internal/redirect"
	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/worker"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// This file is what every feature stands on: the kernel, which holds the
// configuration, the store and the mechanisms, and txn, one transaction.

// kernel is shared by all features of one Auth. It knows no feature.
type kernel struct {
	config Config
	store  store.Store
	// after collects what must wait for a host's commit; nil outside WithTx.
	after *afterCommit

	*machinery
}

// machinery is what an Auth and its copies inside host transactions share.
type machinery struct {
	log     *slog.Logger
	ids     uuid.Source
	ring    *sealed.Ring
	hasher  *passhash.Hasher
	clients *clientip.Resolver
	// unknownClient warns once of requests without an address.
	unknownClient sync.Once
	tokens        *accesstoken.Tokens
	refresh       *refreshtoken.Sealer
	// cookies seals what session cookies hold. It is used with Config.Cookies.
	cookies *refreshtoken.Sealer
	// origin is that of BaseURL, as browsers send it.
	origin    string
	live      *liveness.Cache
	active    *activity.Writer
	outbox    *outbox.Outbox[queuedMail]
	events    *delivery.Dispatcher
	sweeper   *delivery.Sweeper
	notices   *notices
	pages     *ui.Renderer
	redirects *redirect.Matcher
	// begin is done first in each transaction: recheck.
	begin func(ctx context.Context, t *txn) error
	// mails and kinds are the letters and the events that features declare.
	mails map[mailer.Kind]bool
	kinds map[string]bool
	// checkpoints are asked at the gate, in this order.
	checkpoints []checkpoint
}

// now is the injected clock, at the store's precision.
func (k *kernel) now() time.Time { return k.config.Now().UTC().Truncate(time.Microsecond) }

// newID returns an identifier for a new record.
func (k *kernel) newID() string { return k.ids.New(k.now()) }

// txn is one attempt of a transaction: the store inside it, and what happens
// after its commit. An attempt that is repeated starts with a new txn.
type txn struct {
	store.Store
	*kernel

	// mailed says that a mail was queued, of which the worker is told.
	mailed bool
	// touched are the accounts whose cached sessions are forgotten.
	touched []string
	// proven is the account whose credential or mailed secret was accepted in
	// this transaction: the actor of an event where nobody is signed in.
	proven string
	// then is done after the commit, once.
	then []func()
	// batch is written at the end; what is added there is read by no rule of the
	// transaction. found is told what was there already.
	batch store.Batch
	found []func(ctx context.Context, w store.Written) error
}

// tx runs fn in a transaction of the store and maps the error that comes back.
// Where somebody is signed in, or a key was sent, both are looked at once more
// first. What fn queued and touched takes effect after the commit, in this one
// place.
func (k *kernel) tx(ctx context.Context, fn func(ctx context.Context, tx *txn) error) error {
	var last *txn
	err := fault(k.store.Tx(ctx, func(ctx context.Context, s store.Store) error {
		last = &txn{Store: s, kernel: k}
		if err := k.begin(ctx, last); err != nil {
			return err
		}
		if err := fn(ctx, last); err != nil {
			return err
		}
		return flush(ctx, last)
	}))
	if err == nil {
		k.afterCommit(func() {
			for _, userID := range last.touched {
				k.live.Forget(userID)
			}
			for _, do := range last.then {
				do()
			}
			k.wakeWorkers(last.mailed)
		})
	}
	return err
}

// flush writes what the transaction has collected, all at once. What was there
// already may lead to more.
func flush(ctx context.Context, t *txn) error {
	for !t.batch.Empty() {
		batch, found := t.batch, t.found
		t.batch, t.found = store.Batch{}, nil
		written, err := t.Write(ctx, batch)
		if err != nil {
			return err
		}
		if written.Taken > 0 {
			return ErrInternal.because(errIDTaken)
		}
		for _, tell := range found {
			if err := tell(ctx, written); err != nil {
				return err
			}
		}
	}
	return nil
}

// errIDTaken says that a new record has the id of another one.
var errIDTaken = errors.New("a new id or secret is in use already")

// addToken adds a token at the end of the transaction, and tells then whether it
// was added: not where its kind and hash exist.
func addToken(t *txn, token store.Token, then func(ctx context.Context, added bool) error) {
	at := len(t.batch.Tokens)
	t.batch.Tokens = append(t.batch.Tokens, token)
	t.found = append(t.found, func(ctx context.Context, w store.Written) error { return then(ctx, w.Tokens[at]) })
}

// addNewToken adds a token that nobody has added before.
func addNewToken(t *txn, token store.Token) {
	addToken(t, token, func(_ context.Context, added bool) error {
		if !added {
			return ErrInternal.because(errIDTaken)
		}
		return nil
	})
}

// lock reads an account and locks it until the transaction ends. The account's
// cached sessions are forgotten after the commit. It returns store.ErrNotFound
// for an unknown id.
func (t *txn) lock(ctx context.Context, userID string) (store.User, error) {
	t.touch(userID)
	return t.LockUser(ctx, tenant, userID)
}

// touch makes the account's cached sessions be forgotten after the commit.
func (t *txn) touch(userID string) { t.touched = append(t.touched, userID) }

// mail queues a message. It is stored at the end of the transaction, and sent after the commit.
func (t *txn) mail(_ context.Context, kind mailer.Kind, to, locale string, values mailer.Values) error {
	if kind != outbox.Decoy && !t.mails[kind] {
		return ErrInternal.because(fmt.Errorf("no feature declares the mail %q", kind))
	}
	t.mailed = true
	values.SiteName = t.config.SiteName
	message, err := t.outbox.Seal(string(kind), queuedMail{To: to, Locale: locale, Values: values})
	if err != nil {
		return err
	}
	t.batch.Mails = append(t.batch.Mails, message)
	return nil
}

// afterCommit collects what must wait until a host's transaction is committed.
type afterCommit struct {
	actions []func()
}

// afterCommit runs an action that must not happen before its cause is durable:
// at once, or when the host says that it has committed.
func (k *kernel) afterCommit(action func()) {
	if k.after == nil {
		action()
		return
	}
	k.after.actions = append(k.after.actions, action)
}

// wakeWorkers tells the workers that something was committed, mail perhaps.
func (k *kernel) wakeWorkers(mail bool) {
	if mail {
		k.outbox.Wake()
	} else {
		k.outbox.WakeOnce()
	}
	k.sweeper.WakeOnce()
	if k.config.OnEvent != nil {
		k.events.Wake()
	}
}

// runHook calls a hook and waits for it no longer than for a request. A hook
// that runs longer works on a transaction that has ended.
func (k *kernel) runHook(ctx context.Context, name string, hook func(ctx context.Context) error) error {
	var limit deadline.Context
	limit.Start(ctx, k.config.RequestTimeout)
	defer limit.Stop()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				done <- fmt.Errorf("hook %s panicked: %v", name, cause)
			}
		}()
		done <- hook(&limit)
	}()
	var err error
	select {
	case err = <-done:
	case <-limit.Done():
		err = fmt.Errorf("hook %s: %w", name, limit.Err())
	}
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal
	}
	return ErrInternal.because(fmt.Errorf("hook %s: %w", name, err))
}

// proof is what somebody has just given: a password that matched, a link that
// was followed.
type proof struct {
	userID string
	// methods are those of RFC 8176, separated by spaces.
	methods string
	// lock reads the account and locks it until the transaction ends; nil where
	// that takes no more than its id. Where the account was locked, or made, in
	// the same transaction, it returns what is known.
	lock func(ctx context.Context, tx *txn) (store.User, error)
	// still asks once more, with the account locked, whether the proof holds;
	// nil where the proof was consumed in the same transaction.
	still func(ctx context.Context, tx *txn) error
	// created says that the account was made in the same transaction.
	created bool
	// clears are the keys of counters that a session clears: those of the first
	// factor. A pause keeps them with its ticket.
	clears []string
	// passed names the checkpoints that this proof has satisfied: those whose
	// ticket was redeemed.
	passed []string
}

// checkpoint is something that a feature asks of everybody who has proven an
// identity: a second factor, say. It stands at the gate, so that no way in goes
// around it.
type checkpoint struct {
	// name says which checkpoint a ticket belongs to.
	name string
	// ask returns nil where the account may pass, or the error to answer; its
	// details name what a client can do. An error of the second kind refuses and
	// rolls back.
	ask func(ctx context.Context, tx *txn, user *store.User, in proof) (pause *Error, err error)
}

// usable refuses an account that was deleted or is banned. It is the one place
// that asks.
func usable(user *store.User, now time.Time) error {
	switch {
	case user.Deleted():
		return ErrAuthUserNotFound
	case user.Banned(now):
		return ErrAccountBanned
	}
	return nil
}

// notices collects the events about failures that a worker records; see notice.go.
type notices struct {
	worker *worker.Worker
	record func(ctx context.Context)

	mu      sync.Mutex
	waiting []notice
	// counted belongs to the worker alone.
	counted map[string]*repeated
}

// eventData holds ids and plain facts, never a secret.
type eventData map[string]any

// notice is an event about to be recorded.
type notice struct {
	kind string
	// emailKey is the address whose account is the subject; "" has none.
	emailKey string
	// about tells notices of one kind apart.
	about string
	// once records one event in a window, with the number of times.
	once bool
	data eventData

	client Client
	from   string
	at     time.Time
}

// repeated is a notice that was recorded, and how often it came since.
type repeated struct {
	count int
	until time.Time
}

// counters is where failures are counted. Inside a host's transaction that is
// the transaction: any other connection could wait for it for ever.
func (k *kernel) counters() store.Counters {
	if k.config.Counters != nil {
		return k.config.Counters
	}
	return k.store
}
