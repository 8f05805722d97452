package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest/issuer"
	"github.com/admit-go/admit/oauth"
)

// providerFlags are the flags of providers that people sign in by.
type providerFlags struct {
	google, github struct{ id, secret string }
	googleIssuer   string
	githubURL      string
	githubAPI      string
	issuers        []oauth.OIDC
	dev            bool
	problems       []error
}

func (p *providerFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&p.google.id, "google-client-id", "", "client `id` at Google; without it people do not sign in by Google")
	flags.StringVar(&p.google.secret, "google-client-secret", "", "client `secret` at Google")
	flags.StringVar(&p.googleIssuer, "google-issuer", "", "`issuer` in the place of Google, for tests")
	flags.StringVar(&p.github.id, "github-client-id", "", "client `id` at GitHub; without it people do not sign in by GitHub")
	flags.StringVar(&p.github.secret, "github-client-secret", "", "client `secret` at GitHub")
	flags.StringVar(&p.githubURL, "github-url", "", "`URL` of GitHub Enterprise, or of a test (default https://github.com)")
	flags.StringVar(&p.githubAPI, "github-api-url", "", "`URL` of its API (default https://api.github.com, or /api/v3 of -github-url)")
	flags.BoolVar(&p.dev, "dev-provider", false, "start a provider on this machine that signs in anybody as anybody, in the place of Google and GitHub; on loopback alone")
	flags.Func("oidc", "another OpenID Connect issuer, `name=issuer,client-id,client-secret`; may be repeated", func(text string) error {
		name, rest, _ := strings.Cut(text, "=")
		parts := strings.Split(rest, ",")
		if name == "" || len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
			// An error that is returned here would be told with the value, and its secret.
			p.problems = append(p.problems, errors.New("-oidc: must be name=issuer,client-id,client-secret"))
			return nil
		}
		p.issuers = append(p.issuers, oauth.OIDC{Provider: name, Issuer: parts[0], ClientID: parts[1], ClientSecret: parts[2]})
		return nil
	})
}

// check tells of half a provider.
func (p *providerFlags) check() error {
	problems := p.problems
	for name, half := range map[string]struct {
		id, secret string
		further    []string
	}{
		"google": {p.google.id, p.google.secret, []string{p.googleIssuer}},
		"github": {p.github.id, p.github.secret, []string{p.githubURL, p.githubAPI}},
	} {
		given := half.id + half.secret + strings.Join(half.further, "")
		if given != "" && (half.id == "" || half.secret == "") {
			problems = append(problems, fmt.Errorf("-%s-client-id and -%s-client-secret: both are needed", name, name))
		}
	}
	for name, text := range map[string]string{"google-issuer": p.googleIssuer, "github-url": p.githubURL, "github-api-url": p.githubAPI} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
			problems = append(problems, fmt.Errorf("-%s: must be a URL, such as https://github.example.com", name))
		}
	}
	return errors.Join(problems...)
}

// startDev starts the provider of -dev-provider, for a server that only this machine
// reaches. It prints openAt, the page from which people come to the provider.
func (p *providerFlags) startDev(at net.Addr, openAt string, stdout io.Writer) (stop func() error, err error) {
	nothing := func() error { return nil }
	switch {
	case !p.dev:
		return nothing, nil
	case at == nil || !isLoopback(at.String()):
		return nothing, errors.New("-dev-provider: only with a loopback -addr: the provider signs in anybody as anybody")
	case p.google.id != "" || p.github.id != "":
		return nothing, errors.New("-dev-provider: takes the place of Google and GitHub, so their flags must be left out")
	}
	server, err := issuer.Start(issuer.Options{})
	if err != nil {
		return nothing, fmt.Errorf("-dev-provider: %w", err)
	}
	p.google.id, p.google.secret, p.googleIssuer = "dev", "dev", server.Issuer()
	p.github.id, p.github.secret, p.githubURL = "dev", "dev", server.GitHub()
	_, err = fmt.Fprintf(stdout, "development provider: %s\nIt stands for Google and GitHub. Open %s\n", server.Issuer(), openAt)
	return server.Close, err
}

// providers are those that the flags amount to.
func (p *providerFlags) providers() []admit.Provider {
	var all []admit.Provider
	if p.google.id != "" {
		all = append(all, oauth.Google{ClientID: p.google.id, ClientSecret: p.google.secret, Endpoints: oauth.Endpoints{Issuer: p.googleIssuer}})
	}
	if p.github.id != "" {
		hub := oauth.GitHub{ClientID: p.github.id, ClientSecret: p.github.secret, BaseURL: strings.TrimSuffix(p.githubURL, "/")}
		if api := strings.TrimSuffix(p.githubAPI, "/"); api != "" {
			base := cmp.Or(hub.BaseURL, "https://github.com")
			hub.Endpoints = oauth.Endpoints{
				Authorization: base + "/login/oauth/authorize", Token: base + "/login/oauth/access_token",
				UserInfo: api + "/user", Emails: api + "/user/emails", Revocation: api + "/applications",
			}
		}
		all = append(all, hub)
	}
	for _, issuer := range p.issuers {
		all = append(all, issuer)
	}
	return all
}
