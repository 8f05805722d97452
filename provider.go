package admit

import (
	"context"
	"net/http"
	"time"
)

// This file is what the rules of social sign-in know of a provider: an interface
// of plain structs. Package oauth has the providers; Config.Providers lists those
// of a host. A provider keeps nothing and knows no account: state, binding,
// linking and the gate are rules of oauth.go and link.go.

// Errors of providers and of linked accounts. A provider returns the first two: it
// wraps them, so that the cause stands in the log.
var (
	// ErrInvalidOAuthCode means that the provider refused a code or a token, that an
	// id token is not valid, or that the person refused.
	ErrInvalidOAuthCode = &Error{Code: "auth/invalid-oauth-code", Status: http.StatusUnauthorized, Message: "The sign-in was not completed. Please try again."}
	// ErrOAuthCallbackFailed means that the provider failed, was too slow or sent
	// what cannot be read.
	ErrOAuthCallbackFailed = &Error{Code: "auth/oauth-callback-failed", Status: http.StatusBadGateway, Message: "The sign-in service does not answer as it should. Please try again, or sign in another way."}
	ErrUnsupportedProvider = &Error{Code: "auth/unsupported-provider", Status: http.StatusBadRequest, Message: "There is no such way to sign in."}
	ErrOAuthNotConfigured  = &Error{Code: "auth/oauth-not-configured", Status: http.StatusBadRequest, Message: "This way to sign in is not switched on."}
	// ErrInvalidState means that a redirect to a provider was not begun by the browser
	// that came back, is too old, or has ended already.
	ErrInvalidState = &Error{Code: "auth/invalid-state", Status: http.StatusUnauthorized, Message: "This sign-in was begun elsewhere, is too old, or was used already. Please try again."}
	// ErrAccountExistsDifferentProvider means that the address of the person has an
	// account, and that the provider does not prove enough to open it. Its details
	// say how the owner links the provider.
	ErrAccountExistsDifferentProvider = &Error{Code: "auth/account-exists-different-provider", Status: http.StatusConflict, Message: "There is already an account with this address. Please sign in to it as you did before, and link this way to sign in from your account."}
	ErrOAuthEmailMissing              = &Error{Code: "auth/oauth-email-missing", Status: http.StatusBadRequest, Message: "The sign-in service gave no e-mail address. Please allow it to share one, or sign in another way."}
	// ErrAccountAlreadyLinked means that a person at a provider signs in to an account
	// already, perhaps to this one.
	ErrAccountAlreadyLinked = &Error{Code: "auth/account-already-linked", Status: http.StatusConflict, Message: "This sign-in is linked with an account already."}
	ErrAccountNotFound      = &Error{Code: "auth/account-not-found", Status: http.StatusNotFound, Message: "There is no such linked account."}
)

// Provider is an issuer of identities, such as Google or GitHub. Its methods are
// called by many goroutines at once. A provider may also be a ProviderOpener,
// ProviderRefresher, ProviderRevoker, ProviderNotifier or ProviderPoster.
type Provider interface {
	// Name is the segment of the routes and the name in answers: "google". It has
	// only a-z, 0-9 and hyphens.
	Name() string
	// Credentials are those that the host set in code. Settings at run time may
	// replace them, and every other method gets those that count.
	Credentials() ProviderCredentials
	// Check finds what is wrong with the values that the host set in code. It asks
	// no network. New calls it.
	Check() error
	// Begin makes the address that the browser is sent to.
	Begin(ctx context.Context, credentials ProviderCredentials, request ProviderRequest) (redirect string, err error)
	// Finish asks the provider who the person is. It returns an error that wraps
	// ErrInvalidOAuthCode when the provider refused the code or the id token is not
	// valid, and ErrOAuthCallbackFailed when the provider failed, was too slow or
	// sent what cannot be read. The text of the error is logged, so it holds no code,
	// token or address.
	Finish(ctx context.Context, credentials ProviderCredentials, answer ProviderAnswer) (ProviderIdentity, error)
}

// ProviderCredentials are what the provider knows the host by.
type ProviderCredentials struct {
	// ClientID is the host's id at the provider. Empty: the provider is not
	// configured.
	ClientID string
	// ClientSecret is the host's secret. It is never printed.
	ClientSecret string
	// RedirectURI is where the provider sends the browser back to. Default: the GET
	// callback route of the provider below Config.BaseURL.
	RedirectURI string
	// Scopes are asked for in place of the provider's default scopes. Nil: the
	// default.
	Scopes []string
	// Audiences are further client ids whose id tokens are taken, such as those of
	// the host's phone apps.
	Audiences []string
}

// ProviderRequest begins one sign-in.
type ProviderRequest struct {
	// State comes back unchanged with the answer.
	State string
	// Nonce comes back inside the id token (OpenID Connect Core, section 3.1.2.1).
	Nonce string
	// CodeVerifier is the secret of PKCE; the request sends its S256 challenge (RFC
	// 7636).
	CodeVerifier string
	// LoginHint is the address of the person, if it is known.
	LoginHint string
}

// ProviderAnswer is what came back: a code or an id token.
type ProviderAnswer struct {
	// Code is exchanged for tokens, with CodeVerifier if there is one, and with the
	// redirect URI that the code was made for (default: that of the credentials).
	Code, CodeVerifier, RedirectURI string
	// IDToken is given by an app in place of a code.
	IDToken string
	// Nonce is compared with that of the id token, as it is or as its SHA-256 in hex
	// where the provider does so. An id token that has a nonce is refused without it.
	Nonce string
	// NonceRequired refuses an id token without a nonce: the server began the flow.
	NonceRequired bool
	// Issuer is the iss parameter of the callback (RFC 9207), if there was one.
	Issuer string
	// User is the JSON that Apple sends with a person's first sign-in.
	User string
	// Now is the time to judge the id token by.
	Now time.Time
}

// AddressProof says how far a provider vouches for an address.
type AddressProof string

// The proofs of an address, the weakest first.
const (
	// ProofNone: the provider does not say that the address belongs to the person.
	ProofNone AddressProof = "none"
	// ProofAsserted: the provider says that it has verified the address.
	ProofAsserted AddressProof = "asserted"
	// ProofAuthoritative: the provider runs the mailbox, so nobody else can own it.
	ProofAuthoritative AddressProof = "authoritative"
)

// ProviderIdentity is the person as the provider knows them.
type ProviderIdentity struct {
	// Issuer and Subject name the person for good. No other field does.
	Issuer, Subject string
	// Email is empty if the provider gave none.
	Email string
	// Proof is how far Email is proven, and Why the reason, for logs and events.
	Proof AddressProof
	Why   string
	// Name, Nickname, Picture and Locale fill the profile at the first sign-in.
	// Picture is an https address. Each may be empty.
	Name, Nickname, Picture, Locale string
	// Tokens are the provider's tokens. They are kept only if the host asks for it.
	Tokens ProviderTokens
}

// ProviderTokens are the tokens of a provider. Formatting prints none of them.
type ProviderTokens struct {
	AccessToken, RefreshToken, TokenType string
	// Scopes are those granted. Nil: those asked for.
	Scopes []string
	// ExpiresAt is the end of the access token. Zero: it does not end.
	ExpiresAt time.Time
}

// ProviderOpener is a Provider that keeps something between its calls, such as the
// keys of an issuer.
type ProviderOpener interface {
	// Open returns the provider that is used. New calls it once, after Check.
	Open() Provider
}

// ProviderRefresher is a Provider whose access tokens can be renewed.
type ProviderRefresher interface {
	// Refresh answers new tokens. RefreshToken is empty where the old one stays
	// good.
	Refresh(ctx context.Context, credentials ProviderCredentials, refreshToken string, now time.Time) (ProviderTokens, error)
}

// ProviderRevoker is a Provider that wants to be told when an identity is
// unlinked.
type ProviderRevoker interface {
	// Revoke ends a token at the provider. A token that has ended already is no
	// error.
	Revoke(ctx context.Context, credentials ProviderCredentials, token string, now time.Time) error
}

// ProviderNotifier is a Provider that sends signed notices about identities.
type ProviderNotifier interface {
	// ReadNotice verifies the body of a notice and says what it tells.
	ReadNotice(ctx context.Context, credentials ProviderCredentials, body []byte, now time.Time) (ProviderNotice, error)
}

// ProviderNotice is what a provider tells about an identity.
type ProviderNotice struct {
	// ID is the notice's own id, so that a repetition is known.
	ID string
	// Kind is "consent-revoked", "account-delete", "email-disabled" or
	// "email-enabled".
	Kind string
	// Issuer and Subject name the identity.
	Issuer, Subject string
	// Email is the address it is about, if it names one.
	Email string
	At    time.Time
}

// ProviderPoster is a Provider whose browser answer comes as a form post (Apple).
type ProviderPoster interface {
	// FormPost reports whether the answer is posted, so that the binding cookie
	// must survive a cross-site form.
	FormPost() bool
}

// queuedRevocation is the sealed content of a revocation that waits.
type queuedRevocation struct {
	Provider string `json:"provider"`
	Token    string `json:"token"`
}

// revokesTokens says whether some provider wants to be told.
func revokesTokens(providers []Provider) bool {
	for _, p := range providers {
		if _, ok := p.(ProviderRevoker); ok {
			return true
		}
	}
	return false
}
