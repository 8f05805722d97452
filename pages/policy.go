package pages

import "github.com/admit-go/admit/ui"

// policy is the Content-Security-Policy without the nonce.
type policy struct{ images, styles, forms string }

func newPolicy(s *site) policy {
	p := policy{images: "'self' data:", forms: "'self'"}
	if logo := ui.Source(s.pages.Brand.Logo); logo != "" && logo != "'self'" {
		p.images += " " + logo
	}
	if css := ui.Source(s.pages.Brand.CSS); css != "" {
		// Its pictures and fonts come from the same place.
		p.styles = " " + css
	}
	// After a form, browsers follow a redirect only to what form-action names.
	if home := ui.Source(s.home); home != "'self'" && home != s.origin && home != "" {
		p.forms += " " + home
	}
	return p
}

func (p policy) with(nonce string) string {
	return "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'nonce-" + nonce + "'" + p.styles + "; img-src " + p.images +
		"; font-src 'self'" + p.styles + "; connect-src 'self'; form-action " + p.forms + "; base-uri 'none'; frame-ancestors 'none'"
}
