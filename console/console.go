// Package console has the pages where administrators look after an application:
// people, API keys, mail, settings, templates, organisations and the audit log. A
// host switches them on with one field beside its hosted pages:
//
//	auth, err := admit.New(admit.Config{
//		// …
//		Pages:   &pages.Pages{},
//		Console: &console.Console{},
//	})
//
// The pages are html/template and work without JavaScript. They read by the exported
// methods of admit.Auth. Each change is a request of the signed-in administrator to
// the HTTP API, in the same process, so it passes every rule of its route.
package console

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/origin"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/ui"
)

// Console is the console of one host. The zero value works.
type Console struct {
	// Path is where the console starts. Default "/console".
	Path string
	// Brand is how the console looks. Default: Config.SiteName in the built-in
	// colours.
	Brand ui.Brand
	// Texts adds languages, or replaces single texts, as Pages.Texts does. The
	// built-in texts are English. Nil keeps them.
	Texts fs.FS
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed texts/*.json
var textFiles embed.FS

//go:embed console.css
var style string

//go:embed console.js
var script string

// site is Console, ready to be served.
type site struct {
	brand  ui.Brand
	config admit.Config
	// path is where requests start, and prefix where a browser reaches it: with the
	// path of Config.BaseURL, which a proxy may have removed.
	path, prefix string
	// origin is that of Config.BaseURL.
	origin    string
	texts     *texts.Set
	templates templates
	guard     *http.CrossOriginProtection
	assets    map[string]asset
}

// Open implements admit.HostedPages.
func (c *Console) Open(config admit.Config) (admit.OpenedPages, error) {
	s := &site{brand: c.Brand, config: config, path: cmp.Or(c.Path, "/console"), guard: http.NewCrossOriginProtection()}
	s.brand.Name = cmp.Or(c.Brand.Name, config.SiteName)
	wrong := []error{c.Brand.Check()}
	base, err := url.Parse(config.BaseURL)
	if err != nil {
		return admit.OpenedPages{}, nil //nolint:nilerr // New says what is wrong with the BaseURL
	}
	s.prefix = base.EscapedPath() + s.path
	if s.origin, err = origin.Of(config.BaseURL); err == nil {
		err = s.guard.AddTrustedOrigin(s.origin)
	}
	if err != nil {
		return admit.OpenedPages{}, nil //nolint:nilerr // as above
	}
	builtIn, err := fs.Sub(textFiles, "texts")
	if err != nil {
		return admit.OpenedPages{}, err
	}
	if s.texts, err = texts.Load(builtIn, texts.Options{Own: c.Texts}); err != nil {
		wrong = append(wrong, fmt.Errorf("Texts: %w", err))
	}
	if s.templates, err = parseTemplates(); err != nil {
		return admit.OpenedPages{}, err
	}
	s.assets = newAssets(s.brand)
	if err := errors.Join(wrong...); err != nil {
		return admit.OpenedPages{}, err
	}
	return admit.OpenedPages{Path: s.path, Handler: s}, nil
}
