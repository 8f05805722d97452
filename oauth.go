package admit

import (
	"cmp"
	"context"
	"crypto/hmac"
	"errors"
	"time"

	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file holds the rules of social sign-in: oauth_http.go serves them,
// oauth_state.go keeps the flows, and oauth_person.go decides about accounts.

// Providers signs people in by the providers of Config.Providers.
type Providers struct {
	*kernel
	verifications *Verifications
}

// BeginProviderParams begins a redirect to a provider.
type BeginProviderParams struct {
	// Provider is the name of the provider.
	Provider string
	// CallbackURL is the page of the host that the flow returns to. Default:
	// Config.HomeURL.
	CallbackURL string
	// Mode is "cookie" for a session cookie, or "token" for a result that the
	// application redeems. Default "token".
	Mode string
	// LoginHint is the address of the person, if it is known.
	LoginHint string
	// Purpose is "sign-in" (default), "link" or "reauthenticate". The last two are
	// for the session of the context.
	Purpose string
	// Language is the value of an Accept-Language field.
	Language string
}

// BegunProvider is a redirect that has begun.
type BegunProvider struct {
	// URL is where the browser is sent.
	URL string
	// State comes back in the query of the callback.
	State string
	// Binding must come back too, from the same browser. Providers.Bind keeps it
	// in a cookie, as the handlers do.
	Binding string
}

// Begin begins a redirect to a provider. It returns ErrUnsupportedProvider,
// ErrOAuthNotConfigured, ErrInvalidCallbackURL, ErrInvalidRequest,
// ErrUnauthorized for a purpose that needs a session, ErrReauthenticationRequired
// for a link, ErrOAuthCallbackFailed, ErrTooManyRequests or ErrUnavailable.
func (p *Providers) Begin(ctx context.Context, in BeginProviderParams) (begun BegunProvider, err error) {
	provider, err := providerNamed(&p.config, in.Provider)
	if err != nil {
		return begun, err
	}
	f := providerFlow{Purpose: cmp.Or(in.Purpose, flowSignIn), Mode: cmp.Or(in.Mode, modeToken), CallbackURL: in.CallbackURL, Language: in.Language}
	if f.Mode == modeCookie && !p.config.Cookies {
		f.Mode = modeToken
	}
	if f.Mode != modeToken && f.Mode != modeCookie {
		return begun, ErrInvalidRequest.detail("mode", "must be token or cookie")
	}
	if err := p.checkCallback(in.CallbackURL); err != nil {
		return begun, err
	}
	userID, err := p.flowOwner(ctx, &f)
	if err != nil {
		return begun, err
	}
	if err := p.spendClient(ctx, clientProvider); err != nil {
		return begun, err
	}
	flow, err := beginFlow(ctx, p.kernel, provider, f, userID, in.LoginHint)
	return BegunProvider{flow.url, flow.state, flow.binding}, err
}

// flowOwner returns the account of a flow that is for a session, and notes the
// session in the flow.
func (p *Providers) flowOwner(ctx context.Context, f *providerFlow) (userID string, err error) {
	c := callerFrom(ctx)
	switch f.Purpose {
	case flowSignIn:
		return "", nil
	case flowLink, flowReprove:
	default:
		return "", ErrInvalidRequest.detail("purpose", "must be sign-in, link or reauthenticate")
	}
	if c == nil || c.by != p.machinery || !c.signedIn {
		return "", ErrUnauthorized
	}
	if f.Purpose == flowLink {
		if err := p.recent(c); err != nil {
			return "", err
		}
	}
	f.SessionID = c.session.ID
	return c.user.ID, nil
}

// FinishProviderParams is what came back from a provider.
type FinishProviderParams struct {
	Provider, State, Binding string
	// Code, Issuer (RFC 9207) and Error are those of the callback.
	Code, Issuer, Error string
}

// FinishedProvider is the end of a redirect flow.
type FinishedProvider struct {
	// CallbackURL is the page to send the browser to. It is set, also beside an
	// error, once the state is proven.
	CallbackURL string
	// Purpose and Mode are those of the beginning.
	Purpose, Mode string
	// SignedIn is the sign-in of the mode "cookie".
	SignedIn *SignedIn
	// Token is the result of the mode "token": MagicLinks.Redeem takes it, once,
	// within 5 minutes.
	Token string
}

// Finish ends a redirect flow. A flow ends once, whatever the outcome. It returns
// ErrInvalidState, ErrInvalidOAuthCode, ErrOAuthCallbackFailed,
// ErrAccountExistsDifferentProvider, ErrOAuthEmailMissing, ErrAccountAlreadyLinked
// and what the gate returns.
func (p *Providers) Finish(ctx context.Context, in FinishProviderParams) (done FinishedProvider, err error) {
	provider, err := providerNamed(&p.config, in.Provider)
	if err != nil {
		return done, err
	}
	if err := p.spendClient(ctx, clientProvider); err != nil {
		return done, err
	}
	flow, err := findFlow(ctx, p.kernel, in.Provider, in.State, in.Binding)
	if err != nil {
		return done, err
	}
	done = FinishedProvider{CallbackURL: cmp.Or(flow.CallbackURL, p.config.HomeURL), Purpose: flow.Purpose, Mode: flow.Mode}
	if err := flow.spend(ctx, p.kernel, flowSignIn, flowLink, flowReprove); err != nil {
		return done, err
	}
	credentials, err := credentialsOf(ctx, p.kernel, p.store, provider)
	if err != nil {
		return done, err
	}
	switch {
	case in.Error != "":
		return done, refusedThere(in.Error)
	case in.Code == "":
		return done, ErrInvalidOAuthCode
	}
	user, err := keptName(ctx, p.kernel, provider, in.State)
	if err != nil {
		return done, err
	}
	id, err := finishAt(ctx, p.kernel, provider, credentials, flow.answer(p.kernel, in.Code, in.Issuer, user))
	if err != nil {
		return done, err
	}
	ctx, cancel := afresh(WithLanguages(ctx, flow.Language), p.config.RequestTimeout)
	defer cancel()
	return done, p.end(ctx, provider, &flow, &id, &done)
}

// refusedThere is the error of a provider that sent the browser back without a code.
// What the provider wrote is not repeated, but a code of the standard is logged.
func refusedThere(code string) error {
	switch code {
	case "access_denied", "consent_required", "login_required", "interaction_required", "account_selection_required",
		"user_cancelled_login", "user_cancelled_authorize", "user_cancelled_authorization":
		return ErrInvalidOAuthCode.detail("reason", "denied")
	}
	told := "an error of its own"
	switch code { // RFC 6749, section 4.1.2.1
	case "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error", "temporarily_unavailable":
		told = code
	}
	return ErrOAuthCallbackFailed.because(errors.New("the provider answered with " + told))
}

// end does what a flow is for.
func (p *Providers) end(ctx context.Context, provider Provider, flow *flowFound, id *ProviderIdentity, done *FinishedProvider) error {
	switch flow.Purpose {
	case flowLink:
		return p.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
			user, _, err := sessionOfFlow(ctx, tx, flow)
			if err != nil {
				return err
			}
			_, err = linkTo(ctx, tx, &user, provider, id)
			return err
		})
	case flowReprove:
		return p.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error { return reproveByProvider(ctx, tx, flow, id) })
	}
	return p.finishSignIn(ctx, arrival{provider: provider, id: id}, done)
}

// finishSignIn ends a sign-in in the mode of done.
func (p *Providers) finishSignIn(ctx context.Context, a arrival, done *FinishedProvider) (err error) {
	if done.Mode == modeCookie {
		signed, err := p.signIn(ctx, a)
		if err == nil {
			done.SignedIn = &signed
		}
		return err
	}
	done.Token, err = p.result(ctx, a)
	return err
}

// sessionOfFlow finds and locks the account of a flow that was begun in a session,
// if the session still lives.
func sessionOfFlow(ctx context.Context, t *txn, flow *flowFound) (store.User, store.Session, error) {
	if _, err := t.lock(ctx, flow.token.UserID); errors.Is(err, store.ErrNotFound) {
		return store.User{}, store.Session{}, ErrSessionExpired
	} else if err != nil {
		return store.User{}, store.Session{}, err
	}
	session, user, err := t.SessionUser(ctx, tenant, flow.SessionID)
	if errors.Is(err, store.ErrNotFound) {
		return user, session, ErrSessionExpired
	}
	if err != nil {
		return user, session, err
	}
	t.proven = user.ID
	return user, session, mayGoOn(&session, &user, flow.token.UserID, t.now())
}

// reproveByProvider gives a session a recent proof. The person must be the one who
// signs in to the account of the session.
func reproveByProvider(ctx context.Context, t *txn, flow *flowFound, id *ProviderIdentity) error {
	user, session, err := sessionOfFlow(ctx, t, flow)
	if err != nil {
		return err
	}
	known, err := identityOf(ctx, t, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && known.UserID != user.ID {
		return ErrInvalidCredentials
	}
	if err != nil {
		return err
	}
	if err := t.ProveSession(ctx, tenant, session.ID, withMethods(session.AMR, byProvider), t.now()); err != nil {
		return err
	}
	return t.record(ctx, event{kind: eventReauthenticated, subject: user.ID, data: eventData{"session": session.ID, "methods": byProvider}})
}

// SignIn signs in with a code or an id token, through the gate. It returns the
// errors of Finish, ErrUnsupportedProvider, ErrOAuthNotConfigured,
// ErrInvalidRequest, ErrInvalidCallbackURL, ErrTooManyRequests or ErrUnavailable.
func (p *Providers) SignIn(ctx context.Context, in ProviderSignInParams) (SignedIn, error) {
	provider, id, err := proveByApp(ctx, p.kernel, in, flowSignIn)
	if err != nil {
		return SignedIn{}, err
	}
	ctx, cancel := afresh(ctx, p.config.RequestTimeout)
	defer cancel()
	return p.signIn(ctx, arrival{provider: provider, id: &id})
}

// OneTapParams is what Google's button and One Tap post.
type OneTapParams struct {
	Provider, Credential string
	// CSRFToken and CSRFCookie are g_csrf_token of the form and of the cookie.
	CSRFToken, CSRFCookie string
	// CallbackURL, Mode and Language are as in BeginProviderParams.
	CallbackURL, Mode, Language string
}

// OneTap ends like Finish. A credential works once. It returns ErrInvalidState
// unless the form and the cookie agree, and the errors of SignIn.
func (p *Providers) OneTap(ctx context.Context, in OneTapParams) (done FinishedProvider, err error) {
	provider, err := providerNamed(&p.config, in.Provider)
	if err != nil {
		return done, err
	}
	if err := p.checkCallback(in.CallbackURL); err != nil {
		return done, err
	}
	if in.CSRFToken == "" || !hmac.Equal([]byte(in.CSRFToken), []byte(in.CSRFCookie)) {
		return done, ErrInvalidState
	}
	done = FinishedProvider{CallbackURL: cmp.Or(in.CallbackURL, p.config.HomeURL), Purpose: flowSignIn, Mode: modeToken}
	if in.Mode == modeCookie && p.config.Cookies {
		done.Mode = modeCookie
	}
	if in.Credential == "" {
		return done, ErrInvalidRequest.detail("credential", "is missing")
	}
	_, id, err := proveByApp(ctx, p.kernel, ProviderSignInParams{Provider: in.Provider, IDToken: in.Credential}, flowSignIn)
	if err != nil {
		return done, err
	}
	ctx, cancel := afresh(WithLanguages(ctx, in.Language), p.config.RequestTimeout)
	defer cancel()
	return done, p.finishSignIn(ctx, arrival{provider: provider, id: &id, also: takeOnce(provider, in.Credential)}, &done)
}

// takeOnce refuses a credential that was taken before.
func takeOnce(p Provider, credential string) func(context.Context, *txn) error {
	return func(_ context.Context, tx *txn) error {
		now := tx.now()
		addToken(tx, store.Token{
			Tenant: tenant, Kind: kindOAuthSeen, Hash: hashSecret(credential), CreatedAt: now, UsedAt: now, ExpiresAt: now.Add(seenLife),
		}, func(ctx context.Context, added bool) error {
			if !added {
				err := ErrInvalidOAuthCode.because(errors.New("the credential was taken before"))
				noteRefusal(ctx, tx.kernel, p, err)
				return err
			}
			return nil
		})
		return nil
	}
}

// seenLife is how long it is remembered that a credential or a notice was taken. It
// is longer than an id token of Google lives.
const seenLife = 48 * time.Hour

// arrival is a person whom a provider has named.
type arrival struct {
	provider Provider
	id       *ProviderIdentity
	// also, which may be nil, is done in the same transaction.
	also func(context.Context, *txn) error
	// room says that the mail budget of an address that nobody has proven allows one
	// more mail.
	room bool
}

// prepare spends the mail budget of an address that the provider does not vouch for,
// where a mail may be sent to it: at the first sign-in of the person.
func (p *Providers) prepare(ctx context.Context, a *arrival) error {
	address := readAddress(a.id)
	if a.room = true; address.Key == "" || address.proven() {
		return nil
	}
	_, err := identityOf(ctx, p.store, a.id)
	if err == nil {
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return fault(err)
	}
	_, err = p.spend(ctx, mailedExists, address.Key)
	if errors.Is(err, errSpentQuietly) {
		a.room, err = false, nil
	}
	return err
}

// signIn takes a person to the gate.
func (p *Providers) signIn(ctx context.Context, a arrival) (SignedIn, error) {
	if err := p.prepare(ctx, &a); err != nil {
		return SignedIn{}, err
	}
	return p.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
		found, refusal, err := p.arrive(ctx, tx, &a)
		if err != nil || refusal != nil {
			return outcome{pause: refusal}, err
		}
		return enterPerson(ctx, tx, &found)
	})
}

// result keeps a result for a person. The gate is asked when the result is redeemed.
func (p *Providers) result(ctx context.Context, a arrival) (token string, err error) {
	if err := p.prepare(ctx, &a); err != nil {
		return "", err
	}
	var refusal *Error
	err = p.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		var found personFound
		if found, refusal, err = p.arrive(ctx, tx, &a); err != nil || refusal != nil {
			return err
		}
		if err := tx.mayEnter(&found.user, tx.now()); err != nil {
			return err
		}
		token, err = keepResult(ctx, tx, &found)
		return err
	})
	switch {
	case err != nil:
		return "", err
	case refusal != nil:
		return "", refusal
	}
	return token, nil
}

// arrive finds the account of a person. The refusal is answered after the commit:
// an account that was made waits for the confirmation of its address.
func (p *Providers) arrive(ctx context.Context, tx *txn, a *arrival) (found personFound, refusal *Error, err error) {
	if a.also != nil {
		if err := a.also(ctx, tx); err != nil {
			return found, nil, err
		}
	}
	found, err = findPerson(ctx, tx, a.provider, a.id, localeFor(ctx, tx.kernel, ""))
	if err != nil {
		return found, nil, err
	}
	user := &found.user
	switch {
	case found.hidden:
		mail := mailer.AccountExists
		if !a.room {
			mail = outbox.Decoy
		}
		return found, ErrEmailNotVerified, tx.mail(ctx, mail, user.Email, user.Locale, tx.about(ctx, user, mailer.Values{}))
	case found.created && user.EmailVerifiedAt.IsZero() && user.Email != "":
		if err := p.verifications.send(ctx, tx, user, "", originOf(ctx, user.CreatedAt), a.room); err != nil {
			return found, nil, err
		}
		if errors.Is(p.mayEnter(user, tx.now()), ErrEmailNotVerified) {
			return found, ErrEmailNotVerified, nil
		}
	}
	return found, nil, nil
}
