package oauth

import (
	"cmp"
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/golang-jwt/jwt/v5"

	"github.com/admit-go/admit"
)

// Apple is Sign in with Apple, by OpenID Connect. See docs/provider-apple.md.
type Apple struct {
	// ClientID is the Services ID, such as "com.example.web". Empty: settings at run time
	// give it.
	ClientID string
	// TeamID is the id of the developer's team, and KeyID that of the PrivateKey: ten
	// characters each.
	TeamID, KeyID string
	// PrivateKey is the text of the file AuthKey_….p8. The client secret is signed with it
	// for each request and lasts five minutes. It is never printed.
	PrivateKey string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "name" and "email".
	Scopes []string
	// Audiences are the bundle ids of the host's apps, whose id tokens are taken too.
	Audiences []string
	// Endpoints replace Apple's own.
	Endpoints Endpoints

	engine *engine
}

const (
	appleIssuer = "https://appleid.apple.com"
	// appleSecretLife is how long a client secret lasts. Apple allows half a year.
	appleSecretLife = 5 * time.Minute
)

func (a Apple) dialect() dialect {
	return dialect{
		name: "apple", scopes: []string{"name", "email"}, openID: true, nonce: nonceHashed, authStyle: oauth2.AuthStyleInParams,
		endpoints: a.Endpoints.or(Endpoints{
			Issuer: appleIssuer, Authorization: appleIssuer + "/auth/authorize", Token: appleIssuer + "/auth/token", Keys: appleIssuer + "/auth/keys",
			Revocation: appleIssuer + "/auth/revoke",
		}),
		// With a scope, Apple answers by form_post alone.
		parameters:    map[string]string{"response_mode": "form_post"},
		alwaysIDToken: true, secret: a.secret, person: a.person, accepts: a.accepts,
	}
}

// accepts takes Apple's other name too, which its metadata has had for a while.
func (a Apple) accepts(issuer string, _ claims) (string, bool) {
	own := cmp.Or(a.Endpoints.Issuer, appleIssuer)
	return own, issuer == own || own == appleIssuer && issuer == "https://account.apple.com"
}

// FormPost implements [admit.ProviderPoster].
func (a Apple) FormPost() bool { return true }

// secret signs the client secret.
func (a Apple) secret(credentials admit.ProviderCredentials, now time.Time) (string, error) {
	if credentials.ClientSecret != "" { // made by the host, and set at run time
		return credentials.ClientSecret, nil
	}
	key, err := jwt.ParseECPrivateKeyFromPEM([]byte(a.PrivateKey))
	if err != nil {
		return "", errors.New("the PrivateKey is not the text of a .p8 file")
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": a.TeamID, "sub": credentials.ClientID, "aud": cmp.Or(a.Endpoints.Issuer, appleIssuer),
		"iat": now.Add(-skew).Unix(), "exp": now.Add(appleSecretLife).Unix(),
	})
	token.Header["kid"] = a.KeyID
	signed, err := token.SignedString(key)
	if err != nil {
		return "", errors.New("the PrivateKey signs no ES256")
	}
	return signed, nil
}

func (a Apple) check() error {
	problems := []error{a.engine.or(a.dialect).check(a.Credentials())}
	if a.ClientID == "" && a.TeamID == "" && a.KeyID == "" && a.PrivateKey == "" {
		return problems[0]
	}
	if a.ClientID == "" {
		problems = append(problems, errors.New(`provider "apple": there is a key and no ClientID`))
	}
	if len(a.TeamID) != 10 || len(a.KeyID) != 10 {
		problems = append(problems, errors.New(`provider "apple": TeamID and KeyID have ten characters each`))
	}
	if key, err := jwt.ParseECPrivateKeyFromPEM([]byte(a.PrivateKey)); err != nil || key.Curve != elliptic.P256() {
		problems = append(problems, errors.New(`provider "apple": PrivateKey must be the text of the .p8 file, with its first and last line`))
	}
	return errors.Join(problems...)
}

func (a Apple) person(_ context.Context, f found) (admit.ProviderIdentity, error) {
	person := f.claims.profile(f.issuer)
	person.Name, person.Nickname, person.Picture, person.Locale = appleName(f.answer.User), "", "", ""
	switch domain := domainOf(person.Email); {
	case !f.claims.yesInWords("email_verified"):
		person.Proof, person.Why = admit.ProofNone, "Apple has not verified the address"
	case slices.Contains([]string{"icloud.com", "me.com", "mac.com", "privaterelay.appleid.com"}, domain):
		person.Proof, person.Why = admit.ProofAuthoritative, "Apple runs the mailbox"
	default:
		person.Proof, person.Why = admit.ProofAsserted, "Apple has verified the address"
	}
	return person, nil
}

// appleName reads the name out of the JSON that the browser brings with a person's first
// sign-in. Apple does not sign it, so nothing else is taken from it.
func appleName(user string) string {
	c, _ := readClaims([]byte(user))
	name := c.object("name")
	return strings.TrimSpace(name.text("firstName") + " " + name.text("lastName"))
}

// ReadNotice implements [admit.ProviderNotifier].
func (a Apple) ReadNotice(ctx context.Context, credentials admit.ProviderCredentials, body []byte, now time.Time) (admit.ProviderNotice, error) {
	e := a.engine.or(a.dialect)
	defer e.end()
	ctx, cancel := context.WithTimeout(ctx, e.dialect.limit)
	defer cancel()
	posted, _ := readClaims(body)
	at, err := e.endpoints(ctx, now)
	if err != nil {
		return admit.ProviderNotice{}, err
	}
	c, verified, err := e.verifySigned(ctx, at, posted.text("payload"), now, true)
	if err != nil {
		return admit.ProviderNotice{}, err
	}
	if _, ok := e.issuer(at, c); !ok {
		return admit.ProviderNotice{}, refused("the notice is of another issuer")
	}
	if err := e.checkParties(verified.Audience, c, credentials); err != nil {
		return admit.ProviderNotice{}, err
	}
	// events is an object, or its JSON as a string.
	event := c.object("events")
	if event == nil {
		event, _ = readClaims([]byte(c.text("events")))
	}
	notice := admit.ProviderNotice{
		ID: c.text("jti"), Kind: event.text("type"), Issuer: at.Issuer, Subject: event.text("sub"), Email: address(event.text("email")), At: verified.IssuedAt,
	}
	if notice.Kind == "account-deleted" { // in the notices before the documents
		notice.Kind = "account-delete"
	}
	if !slices.Contains([]string{"consent-revoked", "account-delete", "email-disabled", "email-enabled"}, notice.Kind) || !isSubject(notice.Subject) || !isSubject(notice.ID) {
		return admit.ProviderNotice{}, refused("the notice says nothing that is known")
	}
	return notice, nil
}

// Name implements [admit.Provider].
func (a Apple) Name() string { return "apple" }

// Credentials implements [admit.Provider].
func (a Apple) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: a.ClientID, RedirectURI: a.RedirectURI, Scopes: a.Scopes, Audiences: a.Audiences}
}

// Check implements [admit.Provider].
func (a Apple) Check() error { return a.check() }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (a Apple) Open() admit.Provider {
	a.engine = newEngine(a.dialect())
	return a
}

// Begin implements [admit.Provider].
func (a Apple) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return a.engine.or(a.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (a Apple) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return a.engine.or(a.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (a Apple) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return a.engine.or(a.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Revoke implements [admit.ProviderRevoker].
func (a Apple) Revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, now time.Time) error {
	return a.engine.or(a.dialect).revoke(ctx, credentials, token, now)
}

// Format prints the provider without its secrets.
func (a Apple) Format(to fmt.State, _ rune) { show(to, "Apple", a.ClientID) }

// LogValue logs the provider without its secrets.
func (a Apple) LogValue() slog.Value { return logged("Apple", a.ClientID) }
