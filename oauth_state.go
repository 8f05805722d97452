package admit

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file keeps what a redirect to a provider must come back to. Social sign-in
// and linking stand on it.

const (
	// flowLife is how long a person may take at the provider.
	flowLife = 15 * time.Minute
	// flowCookieLife is how long the browser keeps the binding. It is longer, so
	// that a person who took too long is sent back to the application.
	flowCookieLife = time.Hour
	// resultLife is how long the application may take to redeem a result.
	resultLife = 5 * time.Minute
	// providerLimit bounds each call of a provider.
	providerLimit = 10 * time.Second

	flowPurpose = "oauth-flow"
	namePurpose = "oauth-name"
	// longestName is the most that is kept of what Apple tells of a person, in bytes.
	longestName = 200
)

// What a flow is for. A flow of one purpose is nothing to another.
const (
	flowSignIn  = "sign-in"
	flowLink    = "link"
	flowReprove = "reauthenticate"
)

// How a redirect flow ends: in a session cookie, or in a result that the
// application redeems.
const (
	modeToken  = "token"
	modeCookie = "cookie"
)

// providerFlow is what the token of a state holds. The verifier of PKCE and the
// nonce are derived from the state, so that no secret is stored.
type providerFlow struct {
	Provider string `json:"provider"`
	Purpose  string `json:"purpose"`
	Mode     string `json:"mode"`
	// CallbackURL is the page of the host that the flow returns to.
	CallbackURL string `json:"callbackUrl"`
	// Browser is the hash of the cookie that binds the flow to a browser.
	Browser []byte `json:"browser"`
	// Key names the secret that the flow is derived from.
	Key []byte `json:"key"`
	// SessionID is the session that links an identity, or is proven again.
	SessionID string `json:"session,omitempty"`
	// Language is what the browser accepts.
	Language string `json:"language,omitempty"`
}

// flowSecrets derives the verifier of PKCE (RFC 7636, section 4.1) and the nonce
// (OpenID Connect Core, section 3.1.2.1) of a state.
func flowSecrets(k *kernel, keyID []byte, state string) (verifier, nonce string, err error) {
	if len(keyID) == 4 {
		first, ok := k.ring.Derive(flowPurpose, [4]byte(keyID), []byte("verifier"), []byte(state))
		second, known := k.ring.Derive(flowPurpose, [4]byte(keyID), []byte("nonce"), []byte(state))
		if ok && known {
			return base64.RawURLEncoding.EncodeToString(first[:]), base64.RawURLEncoding.EncodeToString(second[:]), nil
		}
	}
	return "", "", ErrInvalidState.because(errors.New("the secret of the flow is gone"))
}

// flowBegun is a flow on its way to the provider.
type flowBegun struct {
	// URL is where the browser is sent.
	url string
	// state and binding come back, the binding in a cookie.
	state, binding string
}

// beginFlow asks a provider where to send the browser, and keeps the flow. UserID is
// the account of a flow that is not a sign-in.
func beginFlow(ctx context.Context, k *kernel, p Provider, f providerFlow, userID, hint string) (begun flowBegun, err error) {
	credentials, err := credentialsOf(ctx, k, k.store, p)
	if err != nil {
		return begun, err
	}
	state, hash, err := newSecret()
	if err != nil {
		return begun, err
	}
	binding, browser, err := newSecret()
	if err != nil {
		return begun, err
	}
	primary := k.ring.Primary()
	f.Provider, f.Browser, f.Key = p.Name(), browser, primary[:]
	request := ProviderRequest{State: state, LoginHint: hint}
	if request.CodeVerifier, request.Nonce, err = flowSecrets(k, f.Key, state); err != nil {
		return begun, err
	}
	begun = flowBegun{state: state, binding: binding}
	err = askProvider(ctx, func(ctx context.Context) error {
		begun.url, err = p.Begin(ctx, credentials, request)
		return err
	})
	if err != nil {
		return begun, err
	}
	data, err := json.Marshal(f)
	if err != nil {
		return begun, ErrInternal.because(err)
	}
	ctx, cancel := afresh(ctx, k.config.RequestTimeout)
	defer cancel()
	now := k.now()
	token := store.Token{
		Tenant: tenant, Kind: kindOAuthState, Hash: hash, UserID: userID, Data: data, CreatedAt: now, ExpiresAt: now.Add(flowLife),
	}
	if userID == "" {
		return begun, fault(k.store.CreateToken(ctx, token))
	}
	// The session is looked at once more.
	return begun, k.tx(ctx, func(_ context.Context, tx *txn) error {
		addNewToken(tx, token)
		return nil
	})
}

// flowFound is a flow that the browser of a request has begun.
type flowFound struct {
	providerFlow
	token           store.Token
	verifier, nonce string
}

// findFlow finds the flow of a state, for the browser that has begun it. It uses
// nothing up. It returns ErrInvalidState for a state that was not issued, that
// belongs to another provider, or that another browser has begun. A state that is
// too old or used is found too: spend tells.
func findFlow(ctx context.Context, k *kernel, provider, state, binding string) (found flowFound, err error) {
	if !wellFormed(state) {
		return found, ErrInvalidState
	}
	found.token, err = k.store.Token(ctx, tenant, kindOAuthState, hashSecret(state))
	if errors.Is(err, store.ErrNotFound) {
		return found, ErrInvalidState
	}
	if err != nil {
		return found, fault(err)
	}
	if err := json.Unmarshal(found.token.Data, &found.providerFlow); err != nil {
		return found, ErrInternal.because(err)
	}
	if found.Provider != provider || !wellFormed(binding) || !hmac.Equal(hashSecret(binding), found.Browser) {
		return found, ErrInvalidState
	}
	found.verifier, found.nonce, err = flowSecrets(k, found.Key, state)
	return found, err
}

// spend uses a flow up, before the provider is asked: one of many callbacks wins.
// It returns ErrInvalidState for a flow that is used, too old, or of another
// purpose.
func (f *flowFound) spend(ctx context.Context, k *kernel, purposes ...string) error {
	for _, purpose := range purposes {
		if f.Purpose != purpose {
			continue
		}
		_, won, err := k.store.ConsumeToken(ctx, tenant, kindOAuthState, f.token.Hash, k.now())
		if errors.Is(err, store.ErrNotFound) || err == nil && !won {
			return ErrInvalidState
		}
		return fault(err)
	}
	return ErrInvalidState
}

// answer is what the provider is asked with at the end of a flow.
func (f *flowFound) answer(k *kernel, code, issuer, user string) ProviderAnswer {
	return ProviderAnswer{
		Code: code, CodeVerifier: f.verifier, Nonce: f.nonce, NonceRequired: true, Issuer: issuer, User: user, Now: k.now(),
	}
}

// nameHash is the hash of what Apple told of the person of a state.
func nameHash(state string) []byte { return hashSecret("name " + state) }

// keepName keeps what Apple posts at the first sign-in of a person, and never again,
// until the flow ends. Nothing is kept for a state that was not issued; what was
// posted first is kept.
func keepName(ctx context.Context, k *kernel, provider, state, user string) error {
	if !wellFormed(state) || user == "" || len(user) > longestName {
		return nil
	}
	found, err := k.store.Token(ctx, tenant, kindOAuthState, hashSecret(state))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fault(err)
	}
	if !awaitsName(&found, provider, k.now()) {
		return nil
	}
	hash := nameHash(state)
	box, err := k.ring.Seal(namePurpose, hash, []byte(user))
	if err != nil {
		return ErrInternal.because(err)
	}
	err = k.store.CreateToken(ctx, store.Token{
		Tenant: tenant, Kind: kindOAuthName, Hash: hash, UserID: found.UserID, Data: box, CreatedAt: k.now(), ExpiresAt: found.ExpiresAt,
	})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return fault(err)
}

// awaitsName says whether the token of a state belongs to a flow of a provider that
// has not ended.
func awaitsName(state *store.Token, provider string, now time.Time) bool {
	var f providerFlow
	err := json.Unmarshal(state.Data, &f)
	return err == nil && f.Provider == provider && state.UsedAt.IsZero() && now.Before(state.ExpiresAt)
}

// keptName returns what keepName kept, or "".
func keptName(ctx context.Context, k *kernel, p Provider, state string) (string, error) {
	if poster, ok := p.(ProviderPoster); !ok || !poster.FormPost() {
		return "", nil
	}
	hash := nameHash(state)
	found, err := k.store.Token(ctx, tenant, kindOAuthName, hash)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fault(err)
	}
	plain, err := k.ring.Open(namePurpose, hash, found.Data)
	if err != nil {
		return "", ErrInternal.because(err)
	}
	return string(plain), nil
}

// askProvider calls a provider, for 10 seconds at most. What the provider returns
// beside its two errors is a failure of the provider, as is a panic.
func askProvider(ctx context.Context, ask func(ctx context.Context) error) (err error) {
	ctx, cancel := afresh(ctx, providerLimit)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			err = ErrOAuthCallbackFailed.because(fmt.Errorf("the provider panicked: %v", cause))
		}
	}()
	err = ask(ctx)
	if err == nil || errors.Is(err, ErrInvalidOAuthCode) || errors.Is(err, ErrOAuthCallbackFailed) {
		return err
	}
	return ErrOAuthCallbackFailed.because(err)
}

// finishAt asks a provider who a person is.
func finishAt(ctx context.Context, k *kernel, p Provider, credentials ProviderCredentials, answer ProviderAnswer) (id ProviderIdentity, err error) {
	defer func() { noteRefusal(ctx, k, p, err) }()
	err = askProvider(ctx, func(ctx context.Context) error {
		id, err = p.Finish(ctx, credentials, answer)
		return err
	})
	if err == nil {
		err = checkIdentity(&id)
	}
	return id, err
}

// noteRefusal logs why a code, an id token or a notice was refused. The answer names
// no reason: the log is where a developer finds it.
func noteRefusal(ctx context.Context, k *kernel, p Provider, err error) {
	if errors.Is(err, ErrInvalidOAuthCode) {
		k.log.InfoContext(ctx, "what a provider sent was refused", "request", clientFrom(ctx).RequestID, "provider", p.Name(), "error", err)
	}
}

// maxSubject is the length of the longest subject (OpenID Connect Core, section 2),
// maxIssuer that of the longest issuer, in bytes.
const (
	maxSubject = 255
	maxIssuer  = 512
)

// checkIdentity refuses what cannot name a person. Issuer and subject are compared
// as they are: they are never trimmed or folded.
func checkIdentity(id *ProviderIdentity) error {
	plain := func(text string, most int) bool {
		return text != "" && len(text) <= most && utf8.ValidString(text) && !slices.ContainsFunc([]rune(text), unicode.IsControl)
	}
	if !plain(id.Issuer, maxIssuer) || !plain(id.Subject, maxSubject) {
		return ErrInvalidOAuthCode.because(errors.New("the provider names nobody"))
	}
	return nil
}
