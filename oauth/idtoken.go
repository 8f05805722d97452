package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/admit-go/admit"
)

const (
	// skew is how far the clocks of an issuer and of the host may differ at the end of
	// an id token, and future how far its iat may be ahead.
	skew   = time.Minute
	future = 5 * time.Minute

	maxIDToken = 32 << 10
)

// nonceRule says what a provider does with a nonce.
type nonceRule int

const (
	// nonceKept: it is in the id token as it was sent.
	nonceKept nonceRule = iota
	// nonceHashed: apps of the provider may send its SHA-256 in hex.
	nonceHashed
	// nonceLost: the provider leaves it out.
	nonceLost
)

// idToken is an id token with whatever it is judged by.
type idToken struct {
	text string
	// accessToken came along with it, if one did.
	accessToken string
	credentials admit.ProviderCredentials
	answer      admit.ProviderAnswer
}

// verification goes through go-oidc to the keys, and brings back what go-oidc would
// only tell as text.
type verification struct {
	now time.Time
	err error
}

type verificationKey struct{}

// verify checks an id token (OpenID Connect Core, section 3.1.3.7) and returns its
// claims with the issuer that names the person.
func (e *engine) verify(ctx context.Context, at endpoints, token idToken) (claims, string, error) {
	c, verified, err := e.verifySigned(ctx, at, token.text, token.answer.Now, false)
	if err != nil {
		return nil, "", err
	}
	issuer, ok := e.issuer(at, c)
	if !ok {
		return nil, "", refused("the id token is of another issuer")
	}
	if err := e.checkParties(verified.Audience, c, token.credentials); err != nil {
		return nil, "", err
	}
	if err := e.checkNonce(c.text("nonce"), token.answer); err != nil {
		return nil, "", err
	}
	if token.accessToken != "" && c["at_hash"] != nil && verified.VerifyAccessToken(token.accessToken) != nil {
		return nil, "", refused("at_hash of the id token is not that of the access token")
	}
	if !isSubject(c.text("sub")) {
		return nil, "", refused("the id token has no usable sub")
	}
	return c, issuer, nil
}

// verifySigned checks the signature and the times of a token. Notices of Apple are
// endless: they have no exp.
func (e *engine) verifySigned(ctx context.Context, at endpoints, text string, now time.Time, endless bool) (claims, *oidc.IDToken, error) {
	if len(text) > maxIDToken || strings.Count(text, ".") != 2 {
		return nil, nil, refused("the id token is malformed")
	}
	verifier := oidc.NewVerifier(at.Issuer, e.keysOf(at.Keys), &oidc.Config{
		SupportedSigningAlgs: at.algorithms,
		// The issuer is compared by issuer, and the audience by checkParties, because a
		// provider may have several of both.
		SkipIssuerCheck: true, SkipClientIDCheck: true,
		SkipExpiryCheck: endless, Now: func() time.Time { return now.Add(-skew) },
	})
	asked := &verification{now: now}
	verified, err := verifier.Verify(context.WithValue(ctx, verificationKey{}, asked), text)
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return nil, nil, refused("the id token has expired")
	case errors.Is(asked.err, admit.ErrOAuthCallbackFailed):
		return nil, nil, asked.err
	case err != nil:
		return nil, nil, refused("the id token is malformed, or not signed by the issuer")
	}
	var payload json.RawMessage
	if err := verified.Claims(&payload); err != nil {
		return nil, nil, refused("the claims of the id token cannot be read")
	}
	// go-oidc reads names in any case.
	c, ok := readClaims(payload)
	if !ok || c.text("iss") != verified.Issuer || c.text("sub") != verified.Subject || c.text("nonce") != verified.Nonce {
		return nil, nil, refused("the claims of the id token cannot be read")
	}
	if verified.IssuedAt.Unix() <= 0 || verified.IssuedAt.After(now.Add(future)) {
		return nil, nil, refused("the id token was issued in the future, or at no time")
	}
	return c, verified, nil
}

// checkParties compares aud and azp with the ids of the host. A token for several
// parties names the one that it was made for.
func (e *engine) checkParties(audience []string, c claims, credentials admit.ProviderCredentials) error {
	ours := func(id string) bool {
		return id != "" && (id == credentials.ClientID || slices.Contains(credentials.Audiences, id))
	}
	if !slices.ContainsFunc(audience, ours) {
		return refused("the id token is for another client")
	}
	azp := c.text("azp")
	if c["azp"] == nil && len(audience) == 1 || ours(azp) {
		return nil
	}
	if len(audience) == 1 && e.dialect.foreignParty && azp != "" {
		return nil
	}
	return refused("the id token was made for another client")
}

// checkNonce compares the nonce of an id token with the one that is expected.
func (e *engine) checkNonce(nonce string, answer admit.ProviderAnswer) error {
	switch {
	case nonce == "" && answer.Nonce == "" && !answer.NonceRequired:
		return nil
	case nonce == "" && e.dialect.nonce == nonceLost:
		return nil
	case nonce == "" || answer.Nonce == "":
		return refused("the nonce is missing")
	}
	if subtle.ConstantTimeCompare([]byte(nonce), []byte(answer.Nonce)) == 1 {
		return nil
	}
	sum := sha256.Sum256([]byte(answer.Nonce))
	if e.dialect.nonce == nonceHashed && subtle.ConstantTimeCompare([]byte(strings.ToLower(nonce)), []byte(hex.EncodeToString(sum[:]))) == 1 {
		return nil
	}
	return refused("the nonce is another")
}
