package admit

import (
	"net/http"
	"slices"
)

const (
	corsHeaders = "Authorization, Content-Type, X-API-Key, X-Session-Mode"
	corsExposed = "Retry-After, WWW-Authenticate"
)

// crossOrigin adds the headers that let pages of Config.AllowedOrigins read a
// response, and answers OPTIONS. It reports whether the request is answered.
// Origins are compared as they are and never echoed unless listed.
func (a *Auth) crossOrigin(w http.ResponseWriter, r *http.Request, at *node) bool {
	h := w.Header()
	h["Vary"] = []string{"Origin"}
	origin := r.Header["Origin"]
	allowed := len(origin) == 1 && slices.Contains(a.config.AllowedOrigins, origin[0])
	if allowed {
		h["Access-Control-Allow-Origin"] = origin
		h.Set("Access-Control-Expose-Headers", corsExposed)
	}
	if r.Method != http.MethodOptions || at == nil {
		return false
	}
	h.Set("Allow", at.allow)
	if allowed && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", at.allow)
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
