package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
	"github.com/admit-go/admit/authtest/issuer"
	"github.com/admit-go/admit/oauth"
)

// The test of docs/provider-oidc.md.
func TestGoogleSignsIn(t *testing.T) {
	var server *issuer.Server
	kit := authtest.New(t, func(c *admit.Config) {
		var err error
		server, err = issuer.Start(issuer.Options{Now: c.Now, People: []issuer.Person{{Email: "ada@example.com", Name: "Ada"}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		c.Providers = []admit.Provider{oauth.Google{ClientID: "dev", ClientSecret: "dev", Endpoints: oauth.Endpoints{Issuer: server.Issuer()}}}
	})
	// As a phone app does it, which got the id token from Google's library.
	token, err := server.IDToken("dev", issuer.Person{Email: "ada@example.com", Name: "Ada"}, "")
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	kit.Auth.Handler().ServeHTTP(answer, kit.Request(admit.SignedIn{}, "POST", "/v1/auth/google/callback", map[string]string{"idToken": token}))
	if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"is_new_user":true`) {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}
