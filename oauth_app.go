package admit

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/admit-go/admit/store"
)

// This file proves who a person is by what an app brings: a code or an id token.
// Social sign-in and linking stand on it.

// ProviderSignInParams is what an app sends that ran the redirect itself. Either
// Code or IDToken is given.
type ProviderSignInParams struct {
	Provider string
	// Code is the authorization code, RedirectURI the redirect URI that it was made
	// for (default: the configured one), and CodeVerifier the secret of PKCE.
	Code, RedirectURI, CodeVerifier string
	// IDToken is an id token, and Nonce what the app has sent to the provider for it.
	IDToken, Nonce string
	// State is the app's own, unless Begin has made it. In the second case Binding
	// must be that of Begin, and the secrets of the beginning are used.
	State, Binding string
}

// providerInput is what an app sends that ran the redirect itself.
type providerInput struct {
	Code         string `json:"code"`
	RedirectURI  string `json:"redirectUri"`
	CodeVerifier string `json:"codeVerifier"`
	IDToken      string `json:"idToken"`
	Nonce        string `json:"nonce"`
	State        string `json:"state"`
	// DeviceToken is that of a device that needs no second factor.
	DeviceToken string `json:"deviceToken"`
}

func (in *providerInput) params(k *kernel, r *http.Request, provider string) ProviderSignInParams {
	return ProviderSignInParams{
		Provider: provider, Code: in.Code, RedirectURI: in.RedirectURI, CodeVerifier: in.CodeVerifier,
		IDToken: in.IDToken, Nonce: in.Nonce, State: in.State, Binding: bindingIn(k, r, in.State),
	}
}

// proveByApp asks a provider about a code or an id token that an app has brought. A
// state that this server has issued must be one of the purpose, and of the same
// browser: its secrets are used, and those of the app are ignored. The owner is the
// account of a flow that is no sign-in.
func proveByApp(ctx context.Context, k *kernel, in ProviderSignInParams, purpose string, owner ...string) (p Provider, id ProviderIdentity, err error) {
	if p, err = providerNamed(&k.config, in.Provider); err != nil {
		return p, id, err
	}
	switch {
	case in.Code == "" && in.IDToken == "":
		return p, id, ErrInvalidRequest.detail("code", "or idToken is missing")
	case in.Code != "" && in.IDToken != "":
		return p, id, ErrInvalidRequest.detail("code", "must not come with idToken")
	}
	if err := k.spendClient(ctx, clientProvider); err != nil {
		return p, id, err
	}
	credentials, err := credentialsOf(ctx, k, k.store, p)
	if err != nil {
		return p, id, err
	}
	if in.RedirectURI != "" && in.RedirectURI != credentials.RedirectURI {
		if err := k.checkCallback(in.RedirectURI); err != nil {
			return p, id, err
		}
	}
	answer := ProviderAnswer{
		Code: in.Code, CodeVerifier: in.CodeVerifier, RedirectURI: in.RedirectURI, IDToken: in.IDToken, Nonce: in.Nonce, Now: k.now(),
	}
	own, err := issuedHere(ctx, k, in.State)
	if err != nil {
		return p, id, err
	}
	if own {
		flow, err := findFlow(ctx, k, in.Provider, in.State, in.Binding)
		if err != nil {
			return p, id, err
		}
		if flow.token.UserID != "" && !slices.Contains(owner, flow.token.UserID) {
			return p, id, ErrInvalidState
		}
		if err := flow.spend(ctx, k, purpose); err != nil {
			return p, id, err
		}
		user, err := keptName(ctx, k, p, in.State)
		if err != nil {
			return p, id, err
		}
		token := answer.IDToken
		answer = flow.answer(k, in.Code, "", user)
		answer.IDToken = token
	}
	id, err = finishAt(ctx, k, p, credentials, answer)
	return p, id, err
}

// issuedHere says whether a state is one of beginFlow.
func issuedHere(ctx context.Context, k *kernel, state string) (bool, error) {
	if !wellFormed(state) {
		return false, nil
	}
	_, err := k.store.Token(ctx, tenant, kindOAuthState, hashSecret(state))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, fault(err)
}
