// Package oauth has the providers of social sign-in: Google, GitHub, Apple,
// Microsoft, GitLab, LinkedIn, Discord, Slack, Facebook, X, any issuer of OpenID
// Connect by [OIDC], and any other server of OAuth 2 by [OAuth2]:
//
//	auth, err := admit.New(admit.Config{
//		…
//		Providers: []admit.Provider{oauth.Google{ClientID: id, ClientSecret: secret}},
//	})
//
// A provider begins a sign-in and says who the person is. It keeps no account and
// has no way to make a session: state, binding to the browser, linking and the gate
// are rules of package admit, and a host without this package links none of what it
// stands on (golang.org/x/oauth2, github.com/coreos/go-oidc and
// github.com/go-jose/go-jose).
//
// # What every provider does
//
// Every request goes through one guarded client: https alone (http on loopback, where
// the host itself names a loopback address), no proxy from the environment, no
// redirect, no address of a private network, at most 64 KiB, and ten seconds for one
// sign-in altogether. A secret is in no error, and a provider that is printed shows
// none.
//
// An id token is verified in full: one of the asymmetric algorithms, a key of the
// issuer, iss, aud, azp, exp, iat, nonce, and at_hash if an access token came along
// (OpenID Connect Core, section 3.1.3.7). Issuer and subject name the person. An
// address counts only as far as the provider proves it; each page docs/provider-….md
// says how far this is.
//
// # The state of a provider
//
// A provider is a plain value. Its methods work as it is, and then ask for the
// metadata and the keys of the issuer each time. Open returns the same provider with
// a memory for both; admit.New calls it.
package oauth
