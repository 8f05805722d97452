package harness

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/admit-go/admit"
)

// Provider is a provider in the process of a test. It checks what real ones check:
// a code works once, for its verifier and redirect URI, and the nonce comes back.
type Provider struct {
	name   string
	issuer string
	posts  bool

	mu     sync.Mutex
	count  int
	grants map[string]grant
	// Asked counts the calls of Finish.
	asked int
	// Before is called at the beginning of Finish, with its context.
	before func(ctx context.Context) error
	// renew answers refreshes.
	renew   func(refreshToken string) (admit.ProviderTokens, error)
	notices map[string]admit.ProviderNotice
	client  string
}

type grant struct {
	who              admit.ProviderIdentity
	challenge, nonce string
	redirect         string
	needsPKCE        bool
}

// NewProvider returns a provider with an issuer of its own.
func NewProvider(name string) *Provider {
	return &Provider{name: name, issuer: "https://" + name + ".test", grants: map[string]grant{}, notices: map[string]admit.ProviderNotice{}, client: "client-of-" + name}
}

// Posting makes the provider answer by a form post, as Apple does.
func (p *Provider) Posting() *Provider {
	p.posts = true
	return p
}

// With is the option of a server that has providers.
func With(providers ...admit.Provider) Option {
	return func(c *admit.Config) { c.Providers = append(c.Providers, providers...) }
}

// Person is somebody at the provider.
func (p *Provider) Person(subject, email string, proof admit.AddressProof) admit.ProviderIdentity {
	return admit.ProviderIdentity{
		Issuer: p.issuer, Subject: subject, Email: email, Proof: proof, Name: "Grace Hopper", Picture: "https://pictures.test/grace.png",
		Tokens: admit.ProviderTokens{AccessToken: "access-of-" + subject, RefreshToken: "refresh-of-" + subject, TokenType: "Bearer"},
	}
}

// Name is that of the routes.
func (p *Provider) Name() string { return p.name }

// FormPost says whether the answer is posted.
func (p *Provider) FormPost() bool { return p.posts }

// Credentials are those of the code.
func (p *Provider) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: p.client, ClientSecret: "secret-of-" + p.name}
}

// Unconfigured takes the client id away.
func (p *Provider) Unconfigured() *Provider {
	p.client = ""
	return p
}

// Check finds nothing wrong.
func (p *Provider) Check() error { return nil }

// Begin makes the address of the consent page.
func (p *Provider) Begin(_ context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	sum := sha256.Sum256([]byte(request.CodeVerifier))
	query := url.Values{
		"client_id": {credentials.ClientID}, "state": {request.State}, "nonce": {request.Nonce}, "redirect_uri": {credentials.RedirectURI},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "response_type": {"code"},
	}
	return p.issuer + "/authorize?" + query.Encode(), nil
}

// Approve gives a code for the address that Begin made.
func (p *Provider) Approve(address string, who admit.ProviderIdentity) (code, state string) {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	return p.grant(grant{who: who, challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), redirect: q.Get("redirect_uri"), needsPKCE: true}), q.Get("state")
}

// Code gives a code that an app has asked for, with the challenge of a verifier.
func (p *Provider) Code(who admit.ProviderIdentity, redirect, verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return p.grant(grant{who: who, challenge: base64.RawURLEncoding.EncodeToString(sum[:]), redirect: redirect, needsPKCE: verifier != ""})
}

// IDToken gives an id token with a nonce; "" leaves the nonce out.
func (p *Provider) IDToken(who admit.ProviderIdentity, nonce string) string {
	return "idtoken-" + p.grant(grant{who: who, nonce: nonce})
}

func (p *Provider) grant(g grant) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	code := fmt.Sprintf("code-of-%s-%d", p.name, p.count)
	p.grants[strings.TrimPrefix(code, "idtoken-")] = g
	return code
}

// Asked counts the calls of Finish.
func (p *Provider) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Before makes Finish call a function first; nil takes it away.
func (p *Provider) Before(do func(ctx context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = do
}

// Finish says who the person is.
func (p *Provider) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	p.mu.Lock()
	p.asked++
	before := p.before
	p.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return admit.ProviderIdentity{}, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	refused := func(why string) (admit.ProviderIdentity, error) {
		return admit.ProviderIdentity{}, fmt.Errorf("%w: %s", admit.ErrInvalidOAuthCode, why)
	}
	if token, ok := strings.CutPrefix(answer.IDToken, "idtoken-"); ok {
		g, known := p.grants[token]
		switch {
		case !known:
			return refused("no such id token")
		case g.nonce != answer.Nonce && (g.nonce != "" || answer.Nonce != ""), answer.NonceRequired && g.nonce == "":
			return refused("the nonce is another")
		}
		g.who.Tokens = admit.ProviderTokens{}
		return g.who, nil
	}
	g, known := p.grants[answer.Code]
	if !known {
		return refused("no such code")
	}
	delete(p.grants, answer.Code)
	redirect := answer.RedirectURI
	if redirect == "" {
		redirect = credentials.RedirectURI
	}
	sum := sha256.Sum256([]byte(answer.CodeVerifier))
	switch {
	case g.needsPKCE && base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge:
		return refused("the verifier is another")
	case g.redirect != redirect:
		return refused("the redirect URI is another")
	case g.nonce != answer.Nonce:
		return refused("the nonce is another")
	case answer.Issuer != "" && answer.Issuer != p.issuer:
		return refused("the issuer is another")
	}
	if answer.User != "" {
		g.who.Name = answer.User
	}
	return g.who, nil
}

// Renew makes the provider answer refreshes.
func (p *Provider) Renew(renew func(refreshToken string) (admit.ProviderTokens, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew = renew
}

// Refresh answers new tokens.
func (p *Provider) Refresh(_ context.Context, _ admit.ProviderCredentials, refreshToken string, _ time.Time) (admit.ProviderTokens, error) {
	p.mu.Lock()
	renew := p.renew
	p.mu.Unlock()
	if renew == nil {
		return admit.ProviderTokens{}, admit.ErrInvalidOAuthCode
	}
	return renew(refreshToken)
}

// Notices makes the provider vouch for the body of a notice.
func (p *Provider) Notices(body string, notice admit.ProviderNotice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	notice.Issuer = p.issuer
	p.notices[body] = notice
}

// ReadNotice knows the bodies of Notices.
func (p *Provider) ReadNotice(_ context.Context, _ admit.ProviderCredentials, body []byte, _ time.Time) (admit.ProviderNotice, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if notice, ok := maps.Clone(p.notices)[string(body)]; ok {
		return notice, nil
	}
	return admit.ProviderNotice{}, admit.ErrInvalidOAuthCode
}
