package admit

import (
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

// This file is the gate: the one place where sessions come from. Every way in
// ends at enter, inside the transaction that spends the proof. The gate admits,
// pauses, or refuses.

// Errors of the gate.
var (
	ErrInvalidCredentials = &Error{Code: "auth/invalid-credentials", Status: http.StatusUnauthorized, Message: "The address or the password is wrong."}
	ErrEmailNotVerified   = &Error{Code: "auth/email-not-verified", Status: http.StatusForbidden, Message: "Please confirm your address first: we have sent you a mail."}
)

// outcome is what the gate decided, where it did not refuse: a session, or a
// pause.
type outcome struct {
	user    store.User
	session store.Session
	secret  [32]byte
	created bool
	// pause is the error to answer after the commit; nil where the session was
	// made.
	pause *Error
}

// ticketLife is how long a paused sign-in can be completed. ticketTries is stored
// with the ticket: a completion that takes a guess spends one try for each.
const (
	ticketLife  = 5 * time.Minute
	ticketTries = 5
)

// ticketState is what a ticket keeps of the proof that it stands for.
type ticketState struct {
	Checkpoint string   `json:"checkpoint"`
	Methods    string   `json:"methods"`
	Created    bool     `json:"created,omitzero"`
	Passed     []string `json:"passed,omitempty"`
	Clears     []string `json:"clears,omitempty"`
}

// SignedIn is what a successful sign-in gives.
type SignedIn struct {
	User    User
	Session Session
	Tokens  Tokens
	// IsNewUser says that the account was made by this sign-in.
	IsNewUser bool
}

// enter locks the account, so that a ban, a reset or a change of password either
// is seen here or ends the session that is made here. It admits (a session), it
// pauses (the transaction commits, a ticket is stored, and the answer is 403),
// or it refuses (an error, and the transaction rolls back).
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
	return openSession(ctx, t, user, in)
}

// alreadyLocked is the lock of a proof whose account was locked, or made, in the
// same transaction. Where a hook was told of it, the account is read again: hooks
// may change it.
func alreadyLocked(t *txn, user *store.User) func(context.Context, *txn) (store.User, error) {
	if t.config.Hooks.UserCreated != nil || t.config.Hooks.AccountClaimed != nil {
		return nil
	}
	return func(context.Context, *txn) (store.User, error) { return *user, nil }
}

// mayEnter is what every way in asks of the account itself.
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

// pauseAt stores a ticket for what is still missing. The ticket is no session: it
// opens the completion of its own checkpoint and nothing else.
func pauseAt(ctx context.Context, t *txn, at string, answer *Error, user *store.User, in proof) (outcome, error) {
	data, err := json.Marshal(ticketState{Checkpoint: at, Methods: in.methods, Created: in.created, Passed: in.passed, Clears: in.clears})
	if err != nil {
		return outcome{}, ErrInternal.because(err)
	}
	ticket, _, err := t.newToken(ctx, store.Token{
		Kind: kindTicket, UserID: user.ID, EmailKey: user.EmailKey, Data: data, MaxTries: ticketTries,
	}, ticketLife)
	if err != nil {
		return outcome{}, err
	}
	err = t.record(ctx, event{kind: eventSessionPaused, subject: user.ID, data: eventData{"at": at, "methods": in.methods}})
	return outcome{user: *user, pause: answer.detail("mfaToken", ticket)}, err
}

// resume redeems the ticket of a pause at a checkpoint whose demand was met by
// methods, and goes on through the gate. Meet, which may be nil, verifies with the
// account locked that the demand is met. Also names further checkpoints that are
// met by the same. The ticket is single-use. It answers ErrInvalidToken,
// ErrTokenExpired, or the error of meet.
func (t *txn) resume(ctx context.Context, at, ticket, methods string, meet func(user *store.User) error, also ...string) (outcome, error) {
	opened, err := t.openSecret(ctx, ticket, kindTicket)
	if err != nil {
		return outcome{}, err
	}
	state, err := readTicket(opened.token)
	if err != nil {
		return outcome{}, err
	}
	if opened.used || state.Checkpoint != at {
		return outcome{}, ErrInvalidToken
	}
	if meet != nil {
		if err := meet(&opened.user); err != nil {
			return outcome{}, err
		}
	}
	return t.enter(ctx, proof{
		userID: opened.user.ID, methods: withMethods(state.Methods, methods), created: state.Created, clears: state.Clears,
		passed: append(append(state.Passed, at), also...),
	})
}

// openSession makes the session of somebody whom the gate admits.
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

// endSurplus ends, at the end of the transaction, the oldest sessions of an account
// that has as many as it may, and the sessions that a browser leaves behind when
// somebody signs in with it again: those of the same account with the same
// User-Agent from the same address. Programs are left alone: many of one kind may
// share an address and sign in at once.
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

// noteDevice remembers the device of a session by its name, and mails a notice
// when it is a new one to an account that has been used before.
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
// before the transaction ends: there is no session whose tokens nobody has, and
// no token of a session that was not committed. Where the proof was a right
// guess, a session clears its budget, and a pause takes the guess back; guess is
// nil where nothing was guessed. A pause is answered as an error, after the
// commit.
func (k *kernel) admit(ctx context.Context, guess *attempt, rule func(ctx context.Context, tx *txn) (outcome, error)) (SignedIn, error) {
	// The key is found first: outside the transaction, which may not wait.
	key, err := k.tokens.Signer(ctx, k.store, k.now())
	if err != nil {
		return SignedIn{}, fault(err)
	}
	if k.after != nil {
		// A key made in a host's transaction may vanish with it.
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

// makeTokens writes the pair of tokens for the session's current generation.
func (k *kernel) makeTokens(ctx context.Context, key *accesstoken.Key, session *store.Session, user *store.User, secret [32]byte) (Tokens, error) {
	var extra map[string]any
	if hook := k.config.Hooks.AccessTokenClaims; hook != nil {
		err := k.runHook(ctx, "AccessTokenClaims", func(ctx context.Context) error {
			var err error
			extra, err = hook(ctx, userOf(user), sessionOf(session))
			return err
		})
		if err != nil {
			return Tokens{}, err
		}
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

// ticketAt finds a ticket that completes a checkpoint, without using it up. It
// answers ErrInvalidToken for what cannot be a ticket, and ErrTokenExpired for one
// that is used, dead, too old, or for another checkpoint.
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
	state, err := readTicket(found)
	if err != nil {
		return found, err
	}
	if state.Checkpoint != at || !found.UsedAt.IsZero() || !k.now().Before(found.ExpiresAt) {
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

// withMethods adds authentication methods (RFC 8176) to those of a session, each
// once.
func withMethods(amr, more string) string {
	var all []string
	for method := range strings.FieldsSeq(amr + " " + more) {
		if !slices.Contains(all, method) {
			all = append(all, method)
		}
	}
	return strings.Join(all, " ")
}

// secondMethods are what a code adds to the methods of a session.
const secondMethods = "otp mfa"
