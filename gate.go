package admit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file is the gate, the only place that makes sessions. Every way in ends
// at enter, inside the transaction that spends the proof. The gate admits,
// pauses or refuses.

// Errors of the gate.
var (
	ErrInvalidCredentials = &Error{Code: "auth/invalid-credentials", Status: http.StatusUnauthorized, Message: "The address or the password is wrong."}
	ErrEmailNotVerified   = &Error{Code: "auth/email-not-verified", Status: http.StatusForbidden, Message: "Please confirm your address first: we have sent you a mail."}
)

// outcome is the decision of the gate if it did not refuse: a session or a
// pause.
type outcome struct {
	user    store.User
	session store.Session
	secret  [32]byte
	created bool
	// pause is the error to answer after the commit. Nil if the session was made.
	pause *Error
}

// ticketState is the data of a ticket: the parts of the proof that the
// completion needs.
type ticketState struct {
	Checkpoint string   `json:"checkpoint"`
	Methods    string   `json:"methods"`
	Created    bool     `json:"created,omitzero"`
	Passed     []string `json:"passed,omitempty"`
	Clears     []string `json:"clears,omitempty"`
	// Browser is the hash of the secret of the browser that the sign-in was paused
	// in; nil where no browser is known.
	Browser []byte `json:"browser,omitempty"`
}

// waitsIn says whether the sign-in of a ticket may go on in the browser of ctx
// (OWASP ASVS 5.0, 6.6.2).
func (s *ticketState) waitsIn(ctx context.Context) bool {
	return s.Browser == nil || bytes.Equal(s.Browser, hashBrowser(browserFrom(ctx).secret))
}

// hashBrowser is what is kept of the secret of a browser.
func hashBrowser(secret string) []byte { return hashSecret("browser " + secret) }

// SignedIn is the result of a successful sign-in.
type SignedIn struct {
	User    User
	Session Session
	Tokens  Tokens
	// IsNewUser reports whether this sign-in made the account.
	IsNewUser bool
}

// enter decides about a proof. It locks the account first. So a ban, a reset or
// a change of password at the same time is either seen here, or ends the
// session that is made here. enter admits: it makes a session. Or it pauses:
// the transaction commits, a ticket is stored, and the answer is 403. Or it
// refuses: it returns an error, and the transaction rolls back.
func (t *txn) enter(ctx context.Context, in proof) (outcome, error) {
	now := t.now()
	lock := in.lock
	if lock == nil {
		lock = func(ctx context.Context, t *txn) (store.User, error) { return t.lock(ctx, in.userID) }
	}
	user, err := lock(ctx, t)
	if errors.Is(err, store.ErrNotFound) {
		return outcome{}, ErrInvalidCredentials
	}
	if err != nil {
		return outcome{}, err
	}
	if err := t.mayEnter(&user, now); err != nil {
		return outcome{}, err
	}
	if in.still != nil {
		if err := in.still(ctx, t); err != nil {
			return outcome{}, err
		}
	}
	t.proven = user.ID
	if len(t.config.Admins) > 0 {
		if err := promote(ctx, t, &user); err != nil {
			return outcome{}, err
		}
	}
	for _, at := range t.checkpoints {
		if slices.Contains(in.passed, at.name) {
			continue
		}
		pause, err := at.ask(ctx, t, &user, in)
		if err != nil {
			return outcome{}, err
		}
		if pause != nil {
			return pauseAt(ctx, t, at.name, pause, &user, in)
		}
	}
	if hook := t.config.Hooks.BeforeSignIn; hook != nil {
		if err := t.runHook(ctx, "BeforeSignIn", func(ctx context.Context) error { return hook(ctx, userOf(&user)) }); err != nil {
			return outcome{}, err
		}
	}
	if t.admitted != nil {
		if err := t.admitted(ctx, t, &user); err != nil {
			return outcome{}, err
		}
	}
	return openSession(ctx, t, user, in)
}

// alreadyLocked returns the lock of a proof whose account was locked, or made,
// in the same transaction. If a hook may have been called, it returns nil, so
// that enter reads the account again: a hook may change the account.
func alreadyLocked(t *txn, user *store.User) func(context.Context, *txn) (store.User, error) {
	if t.config.Hooks.UserCreated != nil || t.config.Hooks.AccountClaimed != nil {
		return nil
	}
	return func(context.Context, *txn) (store.User, error) { return *user, nil }
}

// mayEnter checks the account for every way in: it exists, is not banned, and
// has a verified address if the configuration requires it.
func (k *kernel) mayEnter(user *store.User, now time.Time) error {
	if err := usable(user, now); err != nil {
		if errors.Is(err, ErrAuthUserNotFound) {
			return ErrInvalidCredentials
		}
		return err
	}
	if user.EmailVerifiedAt.IsZero() && (k.config.RequireVerifiedEmail || k.config.PrivateSignUp) {
		return ErrEmailNotVerified
	}
	return nil
}

// pauseAt stores a ticket for the checkpoint that is not passed yet. The ticket
// is not a session. It can only be used to complete its own checkpoint.
func pauseAt(ctx context.Context, t *txn, at string, answer *Error, user *store.User, in proof) (outcome, error) {
	state := ticketState{Checkpoint: at, Methods: in.methods, Created: in.created, Passed: in.passed, Clears: in.clears}
	answer, err := bindToBrowser(ctx, &state, answer)
	if err != nil {
		return outcome{}, err
	}
	data, err := json.Marshal(state)
	if err != nil {
		return outcome{}, ErrInternal.because(err)
	}
	ticket, _, err := t.newToken(ctx, store.Token{
		Kind: kindTicket, UserID: user.ID, EmailKey: user.EmailKey, Data: data,
	}, ticketLife)
	if err != nil {
		return outcome{}, err
	}
	err = t.record(ctx, event{kind: eventSessionPaused, subject: user.ID, data: eventData{"at": at, "methods": in.methods}})
	return outcome{user: *user, pause: answer.detail("mfaToken", ticket)}, err
}

// bindToBrowser binds a ticket to the browser that takes cookies, and returns the
// answer with the secret for its cookie. A browser that has the cookie keeps its
// secret, so that sign-ins in two tabs can both go on.
func bindToBrowser(ctx context.Context, state *ticketState, answer *Error) (*Error, error) {
	from := browserFrom(ctx)
	if !from.binds {
		return answer, nil
	}
	if from.secret == "" {
		from.secret = answer.browser // bound already, to the same browser
	}
	if from.secret == "" {
		var err error
		if from.secret, _, err = newSecret(); err != nil {
			return nil, err
		}
	}
	state.Browser = hashBrowser(from.secret)
	bound := *answer
	bound.browser = from.secret
	return &bound, nil
}

// resume redeems the ticket of a pause at a checkpoint and enters the gate
// again. Methods are the methods that satisfied the checkpoint. Meet, which may
// be nil, verifies with the account locked that the checkpoint is satisfied. If
// meet changes the account, it changes user too. Also names further checkpoints
// that the same methods satisfy. The ticket is single-use. resume returns
// ErrInvalidToken, ErrTokenExpired, the error of meet, or an error of enter.
func (t *txn) resume(ctx context.Context, at, ticket, methods string, meet func(user *store.User) error, also ...string) (outcome, error) {
	opened, err := t.openSecret(ctx, ticket, kindTicket)
	if err != nil {
		return outcome{}, err
	}
	return resumeOpened(ctx, t, &opened, at, methods, meet, also...)
}

// resumeOpened is resume for a ticket that was redeemed already.
func resumeOpened(ctx context.Context, t *txn, opened *opened, at, methods string, meet func(user *store.User) error, also ...string) (outcome, error) {
	state, err := readTicket(opened.token)
	if err != nil {
		return outcome{}, err
	}
	if opened.used || state.Checkpoint != at || !state.waitsIn(ctx) {
		return outcome{}, ErrInvalidToken
	}
	if meet != nil {
		if err := meet(&opened.user); err != nil {
			return outcome{}, err
		}
	}
	return t.enter(ctx, proof{
		userID: opened.user.ID, methods: withMethods(state.Methods, methods), created: state.Created, clears: state.Clears,
		passed: append(append(state.Passed, at), also...), lock: alreadyLocked(t, &opened.user),
	})
}

// openSession makes the session after the gate has admitted.
func openSession(ctx context.Context, t *txn, user store.User, in proof) (outcome, error) {
	now := t.now()
	o := outcome{user: user, created: in.created}
	if _, err := rand.Read(o.secret[:]); err != nil {
		return outcome{}, ErrInternal.because(err)
	}
	hash := sha256.Sum256(o.secret[:])
	client := clientFrom(ctx)
	lifetime := t.config.Sessions
	o.session = store.Session{
		Tenant: tenant, ID: t.newID(), UserID: user.ID,
		Generation: 1, Confirmed: 1, Used: 0, UsedBefore: store.NoAnswer, SecretHash: hash[:], RotatedAt: now,
		AuthTime: now, AMR: in.methods,
		UserAgent: client.UserAgent, IPAddress: client.IPAddress,
		CreatedAt: now, LastActivityAt: now,
		ExpiresAt:         now.Add(lifetime.RefreshTTL),
		AbsoluteExpiresAt: now.Add(lifetime.AbsoluteTTL),
	}
	if !in.created {
		endSurplus(t, &o.session)
	}
	t.batch.Sessions = append(t.batch.Sessions, o.session)
	noteDevice(t, o.user, &o.session, in.created)
	if err := rememberClient(ctx, t, &o.user); err != nil {
		return outcome{}, err
	}
	return o, t.record(ctx, event{kind: eventSessionCreated, subject: user.ID, data: eventData{
		"session": o.session.ID, "methods": in.methods,
	}})
}

// endSurplus ends sessions at the end of the transaction. It ends the oldest
// sessions of an account that has Sessions.MaxPerUser of them. It also ends the
// sessions that a browser left behind when its user signs in again: sessions of
// the same account with the same User-Agent and the same address. This holds
// only for browsers, because many programs of one kind may share an address and
// sign in at the same time.
func endSurplus(t *txn, next *store.Session) {
	room := store.Room{
		Tenant: tenant, UserID: next.UserID, At: next.CreatedAt, Keep: t.config.Sessions.MaxPerUser - 1, Reason: endedByLimit,
	}
	if strings.HasPrefix(next.UserAgent, "Mozilla/") && next.IPAddress != "" {
		room.UserAgent, room.IPAddress, room.Left = next.UserAgent, next.IPAddress, endedByAgain
	}
	t.batch.Rooms = append(t.batch.Rooms, room)
	t.found = append(t.found, func(ctx context.Context, w store.Written) error {
		for _, id := range w.Left {
			err := t.record(ctx, event{kind: eventSessionEnded, subject: room.UserID, data: eventData{"session": id, "reason": endedByAgain}})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// noteDevice remembers the name of the device of a session. If the name is new
// to the account, and the account was not made by this sign-in, it mails a
// notice.
func noteDevice(t *txn, user store.User, session *store.Session, first bool) {
	addToken(t, store.Token{
		Tenant: tenant, Kind: kindDevice, Hash: hashSecret(user.ID + " " + device.Name(session.UserAgent)), UserID: user.ID,
		CreatedAt: session.CreatedAt, ExpiresAt: session.CreatedAt.Add(deviceLife),
	}, func(ctx context.Context, added bool) error {
		if !added || first {
			return nil
		}
		return t.notify(ctx, &user, mailer.NewDevice)
	})
}

// admit runs a rule that ends at the gate. It makes the tokens of the session
// inside the transaction, so that a failure to make them rolls the session
// back, and returns them only after the commit. Guess is the attempt of a proof
// that can be guessed, else nil: a session clears its budget, and a pause
// refunds the guess. admit returns a pause as an error, after the commit.
func (k *kernel) admit(ctx context.Context, guess *attempt, rule func(ctx context.Context, tx *txn) (outcome, error)) (SignedIn, error) {
	// The signing key is found before the transaction, because the transaction
	// must not wait for it.
	key, err := k.tokens.Signer(ctx, k.store, k.now())
	if err != nil {
		return SignedIn{}, fault(err)
	}
	if k.after != nil {
		// A signing key that was made in a host's transaction is lost if the host
		// rolls back.
		defer k.tokens.Expire()
	}
	var signed SignedIn
	var pause *Error
	err = k.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		out, err := rule(ctx, tx)
		if err != nil {
			return err
		}
		if pause = out.pause; pause != nil {
			if guess == nil {
				return nil
			}
			return guess.takeBack(ctx, tx)
		}
		signed = SignedIn{User: userOf(&out.user), Session: sessionOf(&out.session), IsNewUser: out.created}
		signed.Tokens, err = k.makeTokens(ctx, key, &out.session, &out.user, out.secret)
		switch {
		case err != nil || out.created:
			return err
		case guess == nil:
			return tx.ownerProven(ctx, out.user.EmailKey, mailedMagic)
		}
		return guess.succeed(ctx, tx)
	})
	switch {
	case err != nil:
		return SignedIn{}, err
	case pause != nil:
		return SignedIn{}, pause
	}
	return signed, nil
}

// makeTokens makes the access token and the refresh token for the current
// generation of the session.
func (k *kernel) makeTokens(ctx context.Context, key *accesstoken.Key, session *store.Session, user *store.User, secret [32]byte) (Tokens, error) {
	extra, err := hostClaims(ctx, k, user, session)
	if err != nil {
		return Tokens{}, err
	}
	access, err := k.tokens.Issue(key, session, user, extra, k.now())
	if err != nil {
		return Tokens{}, fault(err)
	}
	refresh, err := k.refresh.Seal(session.ID, session.Generation, secret)
	if err != nil {
		return Tokens{}, fault(err)
	}
	return Tokens{
		AccessToken: access, RefreshToken: refresh, TokenType: "Bearer",
		ExpiresIn: int(k.config.Sessions.AccessTTL / time.Second),
	}, nil
}

// hostClaims returns the claims that the host adds to an access token.
func hostClaims(ctx context.Context, k *kernel, user *store.User, session *store.Session) (extra map[string]any, err error) {
	hook := k.config.Hooks.AccessTokenClaims
	if hook == nil {
		return nil, nil
	}
	err = k.runHook(ctx, "AccessTokenClaims", func(ctx context.Context) error {
		extra, err = hook(ctx, userOf(user), sessionOf(session))
		return err
	})
	return extra, err
}

// ticketAt finds a ticket of a checkpoint without redeeming it. It returns
// ErrInvalidToken for a text that cannot be a ticket, and ErrTokenExpired for a
// ticket that is unknown, redeemed, expired, of another checkpoint, or of another
// browser.
func ticketAt(ctx context.Context, k *kernel, s store.Store, ticket, at string) (store.Token, error) {
	if ticket = cleanSecret(ticket); !wellFormed(ticket) {
		return store.Token{}, ErrInvalidToken
	}
	found, err := s.Token(ctx, tenant, kindTicket, hashSecret(ticket))
	if errors.Is(err, store.ErrNotFound) {
		return found, ErrTokenExpired
	}
	if err != nil {
		return found, fault(err)
	}
	pay(ctx)
	state, err := readTicket(found)
	if err != nil {
		return found, err
	}
	if state.Checkpoint != at || !state.waitsIn(ctx) || !found.UsedAt.IsZero() || !k.now().Before(found.ExpiresAt) {
		return found, ErrTokenExpired
	}
	return found, nil
}

func readTicket(found store.Token) (state ticketState, err error) {
	if err := json.Unmarshal(found.Data, &state); err != nil {
		return state, ErrInternal.because(err)
	}
	return state, nil
}

// withMethods adds authentication methods (RFC 8176) to those of a session and
// leaves duplicates out.
func withMethods(amr, more string) string {
	var all []string
	for method := range strings.FieldsSeq(amr + " " + more) {
		if !slices.Contains(all, method) {
			all = append(all, method)
		}
	}
	return strings.Join(all, " ")
}

// secondMethods are the authentication methods (RFC 8176) that a code of a
// second factor adds to those of a session.
const secondMethods = "otp mfa"
