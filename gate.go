package admit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// entrance is a proof that somebody has just given: a password that matched, a
// link that was followed.
type entrance struct {
	userID string
	// methods are those of RFC 8176, separated by spaces.
	methods string
	// still asks once more, with the account locked, whether the proof holds;
	// nil where the proof was consumed in the same transaction.
	still func(ctx context.Context, tx store.Store) error
	// created says that the account was made in the same transaction.
	created bool
}

// SignedIn is what a successful sign-in gives.
type SignedIn struct {
	User    User
	Session Session
	Tokens  Tokens
}

// pass is a session that was let in and whose tokens are not made yet.
type pass struct {
	user    store.User
	session store.Session
	secret  [32]byte
}

// enter is the gate: the one place where sessions come from. Every way in ends
// here, inside the transaction that spends the proof. It locks the account, so
// that a ban, a reset or a change of password either is seen here or ends the
// session that is made here.
func (a *Auth) enter(ctx context.Context, tx store.Store, in entrance) (*pass, error) {
	now := a.now()
	user, err := tx.LockUser(ctx, tenant, in.userID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrInvalidCredentials
	}
	if err != nil {
		return nil, err
	}
	if err := a.mayEnter(&user, now); err != nil {
		return nil, err
	}
	if in.still != nil {
		if err := in.still(ctx, tx); err != nil {
			return nil, err
		}
	}
	if hook := a.config.Hooks.BeforeSignIn; hook != nil {
		if err := a.runHook(ctx, "BeforeSignIn", func(ctx context.Context) error { return hook(ctx, user) }); err != nil {
			return nil, err
		}
	}
	p := &pass{user: user}
	if _, err := rand.Read(p.secret[:]); err != nil {
		return nil, ErrInternal.because(err)
	}
	hash := sha256.Sum256(p.secret[:])
	client := clientFrom(ctx)
	lifetime := a.config.Sessions
	p.session = store.Session{
		Tenant: tenant, ID: a.newID(), UserID: user.ID,
		Generation: 1, Confirmed: 1, SecretHash: hash[:], RotatedAt: now,
		AuthTime: now, AMR: in.methods,
		UserAgent: client.UserAgent, IPAddress: client.IPAddress,
		CreatedAt: now, LastActivityAt: now,
		ExpiresAt:         now.Add(lifetime.RefreshTTL),
		AbsoluteExpiresAt: now.Add(lifetime.AbsoluteTTL),
	}
	if err := tx.CreateSession(ctx, p.session); err != nil {
		return nil, err
	}
	if !in.created {
		end := store.SessionEnd{Tenant: tenant, UserID: user.ID, At: now, Reason: endedByLimit}
		if _, err := tx.EndOldestSessions(ctx, end, lifetime.MaxPerUser); err != nil {
			return nil, err
		}
	}
	if err := a.noteDevice(ctx, tx, &p.user, &p.session, in.created); err != nil {
		return nil, err
	}
	return p, a.record(ctx, tx, event{kind: eventSessionCreated, actor: user.ID, subject: user.ID, data: eventData{
		"session": p.session.ID, "methods": in.methods,
	}})
}

// deviceLife is how long a device stays known.
const deviceLife = 180 * 24 * time.Hour

// noteDevice remembers the device of a session by its name, and mails a notice
// when it is a new one to an account that has been used before.
func (a *Auth) noteDevice(ctx context.Context, tx store.Store, user *store.User, session *store.Session, first bool) error {
	err := tx.CreateToken(ctx, store.Token{
		Tenant: tenant, Kind: kindDevice, Hash: hashSecret(user.ID + " " + device.Name(session.UserAgent)), UserID: user.ID,
		CreatedAt: session.CreatedAt, ExpiresAt: session.CreatedAt.Add(deviceLife),
	})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err != nil || first {
		return err
	}
	return a.notify(ctx, tx, user, mailer.NewDevice)
}

// mayEnter is what every way in asks of the account.
func (a *Auth) mayEnter(user *store.User, now time.Time) error {
	switch {
	case user.Deleted():
		return ErrInvalidCredentials
	case user.Banned(now):
		return ErrAccountBanned
	case user.EmailVerifiedAt.IsZero() && (a.config.RequireVerifiedEmail || a.config.PrivateSignUp):
		return ErrEmailNotVerified
	}
	return nil
}

// admit runs a rule that ends at the gate, and makes the tokens of the session
// that came through before the transaction ends: there is no session nobody has
// the tokens of, and no token of a session that was not committed. Where the
// proof was a guess that was right, its budget is cleared; nil is none.
func (a *Auth) admit(ctx context.Context, guess *attempt, rule func(ctx context.Context, tx store.Store) (*pass, error)) (*SignedIn, error) {
	// The key is found first: outside the transaction, which may not wait.
	key, err := a.tokens.signer(ctx, a.store, a.now())
	if err != nil {
		return nil, err
	}
	if a.after != nil {
		// A key made in a host's transaction may vanish with it.
		defer a.tokens.expire()
	}
	var signed *SignedIn
	err = a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		in, err := rule(ctx, tx)
		if err != nil {
			return err
		}
		signed = &SignedIn{User: in.user, Session: in.session}
		signed.Tokens, err = a.makeTokens(ctx, key, &in.session, &in.user, in.secret)
		if err != nil || guess == nil {
			return err
		}
		return guess.succeed(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	// The proof may have ended other sessions.
	a.afterCommit(func() { a.live.forget(signed.User.ID) })
	return signed, nil
}

// makeTokens writes the pair of tokens for the session's current generation.
func (a *Auth) makeTokens(ctx context.Context, key *signingKey, session *store.Session, user *store.User, secret [32]byte) (Tokens, error) {
	var extra map[string]any
	if hook := a.config.Hooks.AccessTokenClaims; hook != nil {
		err := a.runHook(ctx, "AccessTokenClaims", func(ctx context.Context) error {
			var err error
			extra, err = hook(ctx, *user, *session)
			return err
		})
		if err != nil {
			return Tokens{}, err
		}
	}
	access, err := a.tokens.issue(key, session, user, extra, a.now())
	if err != nil {
		return Tokens{}, err
	}
	refresh, err := a.sealRefresh(session.ID, session.Generation, secret)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{
		AccessToken: access, RefreshToken: refresh, TokenType: "Bearer",
		ExpiresIn: int(a.config.Sessions.AccessTTL / time.Second),
	}, nil
}
