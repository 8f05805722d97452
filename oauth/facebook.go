package oauth

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// Facebook is Facebook Login, by OAuth 2, and Limited Login of phone apps, by id token.
// See docs/provider-facebook.md.
type Facebook struct {
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "email" and "public_profile".
	Scopes []string
	// Endpoints replace Facebook's own.
	Endpoints Endpoints

	engine *engine
}

const (
	facebookIssuer = "https://www.facebook.com"
	facebookGraph  = "https://graph.facebook.com/v23.0"
)

func (b Facebook) dialect() dialect {
	at := b.Endpoints
	at.Authorization = cmp.Or(at.Authorization, "https://www.facebook.com/v23.0/dialog/oauth")
	at = at.or(Endpoints{
		Issuer: facebookIssuer, Token: facebookGraph + "/oauth/access_token", Keys: "https://limited.facebook.com/.well-known/oauth/openid/jwks/",
		UserInfo: facebookGraph + "/me?fields=id,name,email,picture.width(256)",
	})
	return dialect{
		name: "facebook", scopes: []string{"email", "public_profile"}, endpoints: at, openID: true, nonce: nonceHashed, authStyle: oauth2.AuthStyleInParams, person: b.person,
		accepts: func(issuer string, _ claims) (string, bool) {
			return at.Issuer, issuer == at.Issuer || at.Issuer == facebookIssuer && issuer == "https://facebook.com"
		},
	}
}

func (b Facebook) person(ctx context.Context, f found) (admit.ProviderIdentity, error) {
	const why = "Facebook does not say whether it has verified the address"
	if f.claims != nil { // Limited Login; sub is the id that the graph gives the app
		person := f.claims.profile(f.issuer)
		person.Proof, person.Why = admit.ProofNone, why
		return person, nil
	}
	// The proof shows that the token is used by the app that it was made for. It is a MAC
	// of the token, not the token.
	mac := hmac.New(sha256.New, []byte(f.credentials.ClientSecret))
	mac.Write([]byte(f.token))
	separator := "?"
	if strings.Contains(f.at.UserInfo, "?") {
		separator = "&"
	}
	user, err := f.get(ctx, f.at.UserInfo+separator+"appsecret_proof="+hex.EncodeToString(mac.Sum(nil)))
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	return admit.ProviderIdentity{
		Issuer: f.at.Issuer, Subject: user.text("id"), Email: user.text("email"), Name: user.text("name"),
		Picture: user.object("picture").object("data").text("url"), Proof: admit.ProofNone, Why: why,
	}, nil
}

// Name implements [admit.Provider].
func (b Facebook) Name() string { return "facebook" }

// Credentials implements [admit.Provider].
func (b Facebook) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: b.ClientID, ClientSecret: b.ClientSecret, RedirectURI: b.RedirectURI, Scopes: b.Scopes}
}

// Check implements [admit.Provider].
func (b Facebook) Check() error { return b.engine.or(b.dialect).check(b.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (b Facebook) Open() admit.Provider {
	b.engine = newEngine(b.dialect())
	return b
}

// Begin implements [admit.Provider].
func (b Facebook) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return b.engine.or(b.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (b Facebook) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return b.engine.or(b.dialect).finish(ctx, credentials, answer)
}

// Format prints the provider without its secrets.
func (b Facebook) Format(to fmt.State, _ rune) { show(to, "Facebook", b.ClientID) }

// LogValue logs the provider without its secrets.
func (b Facebook) LogValue() slog.Value { return logged("Facebook", b.ClientID) }
