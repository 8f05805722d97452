// Package pages has the pages of Admit for people who sign in with a browser:
// sign-in with its second step, sign-up, a forgotten password, and an account
// page. A host switches them on with one field:
//
//	auth, err := admit.New(admit.Config{
//		// …
//		Pages: &pages.Pages{},
//	})
//
// and guards its own pages with Auth.RequirePage. The pages are html/template and
// work without JavaScript; passkeys alone need it. They call the same rules as the
// API, through the exported methods of admit.Auth.
package pages

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/origin"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
	"github.com/admit-go/admit/ui"
)

// Pages are the hosted pages of one host. The zero value works.
type Pages struct {
	// Path is where the pages start. Default "/auth".
	Path string
	// Home is where pages lead on when nothing is left to do, and where a sign-in
	// ends that began on the sign-in page. Default: Config.HomeURL.
	Home string
	// Brand is how the pages look: name, logo, colour, links, a style sheet.
	Brand Brand
	// Templates replaces templates of the pages by name, such as "sign-in.html" or
	// "layout.html". docs/pages.md lists the names, and what a template may use.
	// New executes each template once and reports what is wrong. Nil keeps the
	// built-in templates.
	Templates fs.FS
	// Texts adds languages, or replaces single texts: one file for each language, such
	// as "nl.json", that maps keys to texts. The key that a language lacks is shown in
	// English. docs/languages.md has the form. Nil keeps the built-in texts.
	Texts fs.FS
	// Providers are the buttons to sign in with an account of another site, in their
	// order. Default: one for each of Config.Providers.
	Providers []Provider
	// APIKeys shows a page on which people make and revoke API keys of their account.
	// Default: no page.
	APIKeys bool
}

// Brand is the look of the pages.
type Brand = ui.Brand

// Provider is the button of a social sign-in.
type Provider struct {
	// Label is the name on the button, such as "Google", and URL is where the button
	// leads: a path of this origin. The query parameters callbackUrl and mode are added.
	Label, URL string
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed texts/*.json
var textFiles embed.FS

//go:embed pages.js
var script string

// site is Pages, ready to be served.
type site struct {
	pages  Pages
	config admit.Config
	// prefix is where a browser reaches the pages: with the path of
	// Config.BaseURL, which a proxy may have removed before the request comes.
	prefix string
	// base is the path of Config.BaseURL, "" without one.
	base string
	// origin is that of Config.BaseURL.
	origin string
	home   string
	secure bool
	texts  *texts.Set
	// words are the texts of package admit: dates, and names of devices.
	words     *texts.Set
	templates templates
	guard     *http.CrossOriginProtection
	assets    assets
	imports   policy
	// linkables are the providers with which an account can be linked.
	linkables []linkable
}

// linkable is a provider of Config.Providers with its label.
type linkable struct{ Name, Label string }

// Open implements admit.HostedPages.
func (p *Pages) Open(config admit.Config) (admit.OpenedPages, error) {
	s := &site{pages: *p, config: config, guard: http.NewCrossOriginProtection()}
	s.pages.Path = cmp.Or(p.Path, "/auth")
	s.home = cmp.Or(p.Home, config.HomeURL)
	s.pages.Brand.Name = cmp.Or(p.Brand.Name, config.SiteName)
	var wrong []error
	base, err := url.Parse(config.BaseURL)
	if err != nil {
		return admit.OpenedPages{}, nil //nolint:nilerr // New says what is wrong with the BaseURL
	}
	s.base = base.EscapedPath()
	s.prefix, s.secure = s.base+s.pages.Path, base.Scheme == "https"
	if s.origin, err = origin.Of(config.BaseURL); err == nil {
		err = s.guard.AddTrustedOrigin(s.origin)
	}
	if err != nil {
		return admit.OpenedPages{}, nil //nolint:nilerr // as above
	}
	if home, err := url.Parse(s.home); err != nil || home.Host == "" && !strings.HasPrefix(s.home, "/") {
		wrong = append(wrong, fmt.Errorf("Home %q: must be a path that begins with /, or a URL", s.home))
	}
	wrong = append(wrong, p.Brand.Check())
	for i, provider := range p.Providers {
		if provider.Label == "" || cleanReturn(provider.URL) == "" {
			wrong = append(wrong, fmt.Errorf("Providers[%d]: needs a Label and a URL that is a path of this origin", i))
		}
	}
	for _, provider := range config.Providers {
		button := Provider{Label: label(provider.Name()), URL: s.base + config.BasePath + "/auth/" + provider.Name()}
		if len(p.Providers) == 0 {
			s.pages.Providers = append(s.pages.Providers, button)
		}
		for _, own := range p.Providers {
			if own.URL == button.URL {
				button.Label = own.Label
			}
		}
		s.linkables = append(s.linkables, linkable{provider.Name(), button.Label})
	}
	builtIn, err := fs.Sub(textFiles, "texts")
	if err != nil {
		return admit.OpenedPages{}, err
	}
	if s.texts, err = texts.Load(builtIn, texts.Options{Own: p.Texts, Default: config.Languages.Default, Only: config.Languages.Only, Open: true}); err != nil {
		wrong = append(wrong, fmt.Errorf("Texts: %w", err))
	}
	if s.words, err = wording.Load(texts.Options{Own: config.Languages.Texts}); err != nil {
		return admit.OpenedPages{}, nil //nolint:nilerr // New says what is wrong with Config.Languages
	}
	s.assets = newAssets(s.pages.Brand)
	s.imports = newPolicy(s)
	if s.texts != nil {
		if s.templates, err = parseTemplates(p.Templates); err == nil {
			err = s.rehearse()
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("Templates: %w", err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return admit.OpenedPages{}, err
	}
	return admit.OpenedPages{
		Path: s.pages.Path, Handler: s, Way: s.way, InvitationURL: config.BaseURL + s.pages.Path + "/invitation", LinkPath: s.pages.Path + "/link", Home: s.home, Brand: s.pages.Brand,
	}, nil
}

// way is OpenedPages.Way.
func (s *site) way(r *http.Request, need admit.PageNeed, returnTo string) string {
	page := "sign-in"
	switch need {
	case admit.NeedVerified:
		page = "verify"
	case admit.NeedRecent:
		page = "reauthenticate"
	case admit.NeedFactor:
		page = "reauthenticate?factor=true"
	case admit.NeedSetUp:
		page = "account/two-step"
	default:
		// A sign-in that waits goes on where it stopped.
		if waits := s.readFlow(r).page(); waits != "" {
			page = waits
		}
	}
	return s.to(page, returnTo)
}

// to returns the link to a page, from which a browser comes back to returnTo.
func (s *site) to(page, returnTo string) string {
	link := s.prefix + "/" + page
	if returnTo = s.cleanReturn(returnTo); returnTo != "" {
		separator := "?"
		if strings.Contains(link, "?") {
			separator = "&"
		}
		link += separator + url.Values{"return_to": {returnTo}}.Encode()
	}
	return link
}

// label writes the name of a provider as people know it.
func label(name string) string {
	if known := map[string]string{"github": "GitHub", "gitlab": "GitLab", "linkedin": "LinkedIn"}[name]; known != "" {
		return known
	}
	return strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):]
}
