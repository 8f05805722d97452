package admit

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/admit-go/admit/internal/webio"
)

// S1: a rule of a guess route that forgets to reserve a guess lets nobody in,
// whatever it answers, and is told in the log.
func TestS1_AGuessRouteGivesNothingToARequestThatHasPaidNothing(t *testing.T) {
	answers := map[string]func(w http.ResponseWriter, r *http.Request) error{
		"json": func(w http.ResponseWriter, _ *http.Request) error { return webio.Write(w, http.StatusOK, "the tokens") },
		"body": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.Write([]byte("the tokens"))
			return err
		},
		"nothing": func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusNoContent); return nil },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) error {
			http.Redirect(w, r, "/the-tokens", http.StatusSeeOther)
			return nil
		},
	}
	for name, answer := range answers {
		for pays, want := range map[bool]bool{true: true, false: false} {
			var log strings.Builder
			p := newPausing(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			err := p.router.Add(http.MethodPost, "/v1/forgetful", &route{
				method: http.MethodPost, path: "/forgetful", who: anyone, scope: "auth:signin", limit: limitGuess, exchanges: true,
				serve: func(w http.ResponseWriter, r *http.Request) error {
					if pays {
						if _, err := p.attempt(r.Context(), firstFactor, "ann@x.test"); err != nil {
							return err
						}
					}
					w.Header().Set("Set-Cookie", "session=the-tokens")
					return answer(w, r)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			p.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/forgetful", nil))
			given := w.Code < http.StatusBadRequest && w.Header().Get("Set-Cookie") != ""
			if given != want {
				t.Errorf("%s, paid %v: %d %v %s", name, pays, w.Code, w.Header(), w.Body)
			}
			if !want && (w.Code != http.StatusInternalServerError || w.Header().Get("Set-Cookie") != "" || w.Header().Get("Location") != "" ||
				strings.Contains(w.Body.String(), "the tokens") || !strings.Contains(log.String(), errUnpaid.Error())) {
				t.Errorf("%s for nothing: %d %v %s; the log says %s", name, w.Code, w.Header(), w.Body, log.String())
			}
		}
	}
}
