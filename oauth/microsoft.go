package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// Microsoft is Sign in with Microsoft (Entra ID and personal accounts), by OpenID
// Connect. See docs/provider-microsoft.md.
type Microsoft struct {
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "openid", "email" and "profile".
	Scopes []string
	// Audiences are client ids of the host's apps, whose id tokens are taken too.
	Audiences []string
	// Tenant is who may sign in: "common" (everybody), "organizations", "consumers"
	// (personal accounts), or the id of one tenant, a GUID. Default: "common".
	Tenant string
	// Tenants are the ids of the tenants that may sign in, where Tenant allows several.
	// Nil: all of them.
	Tenants []string
	// Authority is the server. Default: "https://login.microsoftonline.com"; national
	// clouds have others.
	Authority string

	engine *engine
}

// consumersTenant is the tenant of all personal accounts.
const consumersTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

func (m Microsoft) tenant() string { return cmp.Or(m.Tenant, "common") }

func (m Microsoft) authority() string {
	return strings.TrimSuffix(cmp.Or(m.Authority, "https://login.microsoftonline.com"), "/")
}

func (m Microsoft) dialect() dialect {
	base := m.authority() + "/" + m.tenant()
	return dialect{
		name: "microsoft", scopes: []string{"openid", "email", "profile"}, openID: true, hint: true, authStyle: oauth2.AuthStyleInParams,
		endpoints: Endpoints{Authorization: base + "/oauth2/v2.0/authorize", Token: base + "/oauth2/v2.0/token", Keys: base + "/discovery/v2.0/keys"},
		accepts:   m.accepts, person: m.person,
	}
}

func (m Microsoft) check() error {
	problems := []error{m.engine.or(m.dialect).check(m.Credentials())}
	if tenant := m.tenant(); !slices.Contains([]string{"common", "organizations", "consumers"}, tenant) && !isGUID(tenant) {
		problems = append(problems, errors.New(`provider "microsoft": Tenant must be "common", "organizations", "consumers" or the id of a tenant; a domain name says nothing about the iss of an id token`))
	}
	for _, tenant := range m.Tenants {
		if !isGUID(tenant) {
			problems = append(problems, fmt.Errorf(`provider "microsoft": %q in Tenants is no id of a tenant`, tenant))
		}
	}
	return errors.Join(problems...)
}

// accepts compares iss with the tenant of the token. All tenants share keys and client
// ids, so the tenant is known by nothing else.
func (m Microsoft) accepts(issuer string, c claims) (string, bool) {
	inside, found := strings.CutPrefix(issuer, m.authority()+"/")
	tenant, versioned := strings.CutSuffix(inside, "/v2.0")
	if !found || !versioned || !isGUID(tenant) || c != nil && c.text("tid") != tenant {
		return "", false
	}
	switch m.tenant() {
	case "common":
	case "organizations":
		if tenant == consumersTenant {
			return "", false
		}
	case "consumers":
		if tenant != consumersTenant {
			return "", false
		}
	default:
		if tenant != strings.ToLower(m.Tenant) {
			return "", false
		}
	}
	if m.Tenants != nil && !slices.ContainsFunc(m.Tenants, func(allowed string) bool { return strings.EqualFold(allowed, tenant) }) {
		return "", false
	}
	return issuer, true
}

func (m Microsoft) person(_ context.Context, f found) (admit.ProviderIdentity, error) {
	c := f.claims
	person := c.profile(f.issuer)
	person.Nickname = "" // preferred_username is an address that anybody can set
	verified := append(c.texts("verified_primary_email"), c.texts("verified_secondary_email")...)
	if person.Email == "" && len(verified) > 0 {
		person.Email = verified[0]
	}
	switch edov := string(c["xms_edov"]); {
	case slices.ContainsFunc(verified, func(address string) bool { return strings.EqualFold(address, person.Email) }):
		person.Proof, person.Why = admit.ProofAsserted, "the address is one that Microsoft has verified"
	// Microsoft documents a boolean, and sends these too.
	case edov == "true" || edov == "1" || edov == `"1"` || edov == `"true"`:
		person.Proof, person.Why = admit.ProofAsserted, "the owner of the domain has been verified (xms_edov)"
	default:
		person.Proof, person.Why = admit.ProofNone, "an administrator of any tenant can write any address; xms_edov does not speak for this one"
	}
	return person, nil
}

func isGUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range strings.ToLower(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Name implements [admit.Provider].
func (m Microsoft) Name() string { return "microsoft" }

// Credentials implements [admit.Provider].
func (m Microsoft) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: m.ClientID, ClientSecret: m.ClientSecret, RedirectURI: m.RedirectURI, Scopes: m.Scopes, Audiences: m.Audiences}
}

// Check implements [admit.Provider].
func (m Microsoft) Check() error { return m.check() }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (m Microsoft) Open() admit.Provider {
	m.engine = newEngine(m.dialect())
	return m
}

// Begin implements [admit.Provider].
func (m Microsoft) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return m.engine.or(m.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (m Microsoft) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return m.engine.or(m.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (m Microsoft) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return m.engine.or(m.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Format prints the provider without its secrets.
func (m Microsoft) Format(to fmt.State, _ rune) { show(to, "Microsoft", m.ClientID) }

// LogValue logs the provider without its secrets.
func (m Microsoft) LogValue() slog.Value { return logged("Microsoft", m.ClientID) }
