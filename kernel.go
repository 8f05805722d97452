package admit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/activity"
	"github.com/admit-go/admit/internal/chain"
	"github.com/admit-go/admit/internal/clientip"
	"github.com/admit-go/admit/internal/deadline"
	"github.com/admit-go/admit/internal/delivery"
	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/internal/liveness"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/internal/recall"
	"github.com/admit-go/admit/internal/redirect"
	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webhook"
	"github.com/admit-go/admit/internal/worker"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// This file has the two types that every feature uses: kernel, which holds the
// configuration, the store and the mechanisms, and txn, which is one
// transaction.

// kernel is shared by all features of one Auth. It knows no feature.
type kernel struct {
	config Config
	store  store.Store
	// after collects the actions that wait for the commit of a host's transaction.
	// Nil outside WithTx.
	after *afterCommit

	*machinery
}

// machinery is shared by an Auth and its copies inside host transactions.
type machinery struct {
	log     *slog.Logger
	ids     uuid.Source
	ring    *sealed.Ring
	hasher  *passhash.Hasher
	clients *clientip.Resolver
	// unknownClient logs the warning about requests without an address once.
	unknownClient sync.Once
	tokens        *accesstoken.Tokens
	refresh       *refreshtoken.Sealer
	// cookies seals the content of session cookies. It is used only with
	// Config.Cookies.
	cookies *refreshtoken.Sealer
	// origin is the origin of BaseURL, in the spelling that browsers send.
	origin string
	live   *liveness.Cache
	active *activity.Writer
	// keysUsed writes when API keys were last used.
	keysUsed  *activity.Writer
	mailQueue *outbox.Outbox[queuedMail]
	// revocations are told to providers.
	revocations *outbox.Outbox[queuedRevocation]
	events      *delivery.Dispatcher
	// hooks sends the messages of webhooks. hooked is what is known of webhooks.
	hooks   *webhook.Sender
	hooked  atomic.Int32
	sweeper *delivery.Sweeper
	// chain links the events of the audit log.
	chain   *chain.Chain
	notices *notices
	letters *letter.Set
	pages   *ui.Renderer
	// words are the texts of all languages.
	words *texts.Set
	// hosted are the pages of Config.Pages. Without a handler there are none.
	// console are those of Config.Console.
	hosted, console OpenedPages
	redirects       *redirect.Matcher
	// orgRoles are Config.Organizations, for policies, which know no kernel.
	orgRoles OrganizationConfig
	// linkOff says that the settings that were read last switch magic links off.
	linkOff atomic.Bool
	// rules are those of settings. automaticJoins says whether accounts join any
	// organisation automatically, factorPolicies whether any organisation requires a
	// second factor.
	rules                          recall.Value[emailRules]
	automaticJoins, factorPolicies recall.Value[bool]
	// begin runs first in each transaction. It is recheck.
	begin func(ctx context.Context, t *txn) error
	// admitted runs in the transaction of each sign-in, once the gate has admitted the
	// account. It is joinByDomain.
	admitted func(ctx context.Context, t *txn, user *store.User) error
	// mails and kinds are the kinds of mail and of event that features declare.
	mails map[mailer.Kind]bool
	kinds map[string]bool
	// holdings is what the features keep about people.
	holdings []holding
	// reproofs list the methods by which an account can prove itself again.
	reproofs []func(ctx context.Context, k *kernel, user *store.User) ([]string, error)
	// checkpoints are asked by the gate in this order.
	checkpoints []checkpoint
}

// holding is what a feature keeps about people. Each feature declares either a part
// of an export or the reason why it has none.
type holding struct {
	// part names the part of an export. list says that the part is an array.
	part string
	list bool
	// export puts the value of the part, or each item of the list. It leaves out
	// secrets, hashes and whatever is about another person.
	export func(ctx context.Context, k *kernel, user *store.User, put func(value any) error) error
	// nothing says why the feature has no part of an export.
	nothing string

	// deleted runs in the transaction that deletes an account, before the account is
	// marked as deleted. purged runs in the transaction that purges it, both with the account locked. Records with the
	// ref of the account need neither: a deletion keeps them, and a purge removes
	// them. Both may be nil.
	deleted, purged func(ctx context.Context, t *txn, user *store.User) error
}

// now returns the time of the injected clock in UTC, cut to the precision of
// the store (1 µs).
func (k *kernel) now() time.Time { return k.config.Now().UTC().Truncate(time.Microsecond) }

// newID returns the id of a new record.
func (k *kernel) newID() string { return k.ids.New(k.now()) }

// txn is one attempt of a transaction: the store inside it, and the effects
// after its commit. A repeated attempt starts with a new txn.
type txn struct {
	store.Store
	*kernel

	// mailed says that a mail was queued. The worker is woken after the commit.
	mailed bool
	// touched are the ids of the accounts whose cached sessions are forgotten
	// after the commit.
	touched []string
	// proven is the id of the account whose credential or mailed secret was
	// accepted in this transaction. It is the actor of events if nobody is signed
	// in.
	proven string
	// then are the functions that run once, after the commit.
	then []func()
	// batch collects the writes that flush does in one step. Rules of the
	// transaction cannot read them before. The functions in found get the result
	// of the write.
	batch store.Batch
	found []func(ctx context.Context, w store.Written) error
}

// tx runs fn in a transaction of the store and maps the returned error. If a
// user is signed in or an API key was sent, the transaction first reads the
// session and the key again. Effects after the commit happen only here: cached
// sessions are forgotten, the functions in then run, and the workers are woken.
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

// flush writes everything that the transaction has collected in one step. The
// functions in found may collect more, so flush repeats until nothing is left.
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

// errIDTaken says that a new record has the id or the hash of an existing
// record.
var errIDTaken = errors.New("a new id or secret is in use already")

// addToken adds a token at the end of the transaction. Then is called with
// false if a token of the same kind and hash exists already.
func addToken(t *txn, token store.Token, then func(ctx context.Context, added bool) error) {
	at := len(t.batch.Tokens)
	t.batch.Tokens = append(t.batch.Tokens, token)
	t.found = append(t.found, func(ctx context.Context, w store.Written) error { return then(ctx, w.Tokens[at]) })
}

// addNewToken adds a token at the end of the transaction. It is an internal
// error if a token of the same kind and hash exists.
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

// touch makes the transaction forget the account's cached sessions after the
// commit.
func (t *txn) touch(userID string) { t.touched = append(t.touched, userID) }

// mail queues a message. The message is stored at the end of the transaction
// and sent after the commit.
func (t *txn) mail(_ context.Context, kind mailer.Kind, to, locale string, values mailer.Values) error {
	if kind != outbox.Decoy && !t.mails[kind] {
		return ErrInternal.because(fmt.Errorf("no feature declares the mail %q", kind))
	}
	if to == "" {
		return nil // an account without an address: see Config.AllowNoEmail
	}
	t.mailed = true
	values.SiteName = t.config.SiteName
	message, err := t.mailQueue.Seal(string(kind), queuedMail{To: to, Locale: locale, Values: values})
	if err != nil {
		return err
	}
	t.batch.Mails = append(t.batch.Mails, message)
	return nil
}

// What is known of webhooks: machinery.hooked.
const (
	hooksUnknown = int32(iota)
	noHooks
	someHooks
)

// afterCommit collects the actions that wait until a host's transaction is
// committed.
type afterCommit struct {
	actions []func()
}

// afterCommit runs an action that must not happen before its cause is
// committed: at once, or inside WithTx when the host says that it has
// committed.
func (k *kernel) afterCommit(action func()) {
	if k.after == nil {
		action()
		return
	}
	k.after.actions = append(k.after.actions, action)
}

// wakeWorkers tells the workers that something was committed. Mail says whether
// a message was queued.
func (k *kernel) wakeWorkers(mail bool) {
	if mail {
		k.mailQueue.Wake()
	} else {
		k.mailQueue.WakeOnce()
	}
	if revokesTokens(k.config.Providers) {
		k.revocations.WakeOnce()
	}
	k.sweeper.WakeOnce()
	k.hooks.WakeOnce()
	k.chain.WakeOnce()
	if k.config.OnEvent != nil || k.hooked.Load() == someHooks {
		k.events.Wake()
	}
}

// runHook calls a hook and waits for it for at most Config.RequestTimeout. The
// transaction of a hook that runs longer has ended.
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

// proof is an accepted proof of identity: a password that matched, or a link
// that was redeemed.
type proof struct {
	userID string
	// methods are the authentication methods of RFC 8176, separated by spaces.
	methods string
	// lock reads the account and locks it until the transaction ends. Nil means
	// that the account is locked by userID. If the account was locked, or made, in
	// the same transaction, lock returns it without reading it again.
	lock func(ctx context.Context, tx *txn) (store.User, error)
	// still checks again, with the account locked, that the proof holds. Nil if
	// the proof was redeemed in the same transaction.
	still func(ctx context.Context, tx *txn) error
	// created says whether the account was made in the same transaction.
	created bool
	// clears are the keys of the counters of the first factor, which a session
	// clears. A pause keeps them in its ticket.
	clears []string
	// passed names the checkpoints that this proof has satisfied: the checkpoints
	// whose ticket was redeemed, and the checkpoints that a proof with two factors
	// satisfies.
	passed []string
}

// checkpoint is a demand of a feature on every sign-in after the proof of
// identity, such as a second factor. The gate asks it, so no way in can avoid
// it.
type checkpoint struct {
	// name identifies the checkpoint in tickets.
	name string
	// ask returns nil as pause if the account may pass. Otherwise pause is the
	// error to answer, and its details name what a client can do next. The error
	// err refuses and rolls back.
	ask func(ctx context.Context, tx *txn, user *store.User, in proof) (pause *Error, err error)
}

// usable refuses an account that was deleted or is banned. No other function
// checks this.
func usable(user *store.User, now time.Time) error {
	switch {
	case user.Deleted():
		return ErrAuthUserNotFound
	case user.Banned(now):
		return ErrAccountBanned
	}
	return nil
}

// notices collects the events about failures, which a worker records; see
// notice.go.
type notices struct {
	worker *worker.Worker
	record func(ctx context.Context)

	mu      sync.Mutex
	waiting []notice
	// counted is used by the worker alone, without the mutex.
	counted map[string]*repeated
}

// eventData is the data of an event: ids and plain facts, never a secret.
type eventData map[string]any

// notice is an event about a failure that the worker will record.
type notice struct {
	kind string
	// emailKey is the key of the address whose account is the subject. "" means no
	// subject.
	emailKey string
	// about distinguishes notices of one kind.
	about string
	// once records only one event per window, with the number of notices.
	once bool
	data eventData

	client Client
	from   string
	at     time.Time
}

// repeated counts how often a notice came again after it was recorded.
type repeated struct {
	count int
	until time.Time
}

// counters returns Config.Counters, else the store. Inside a host's transaction
// the store is that transaction, because another connection could wait for the
// transaction for ever.
func (k *kernel) counters() store.Counters {
	if k.config.Counters != nil {
		return k.config.Counters
	}
	return k.store
}

// recalled returns an answer of the store that was read a short time ago, or reads it.
// A transaction of the host reads what the transaction has written, and is not
// remembered, because it may be undone.
func recalled[T any](k *kernel, v *recall.Value[T], lasts time.Duration, read func() (T, error)) (T, error) {
	if k.after != nil {
		return read()
	}
	return v.Within(k.now(), lasts, read)
}
