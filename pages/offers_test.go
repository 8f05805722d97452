package pages_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/pages"
)

func TestThePagesHideWhatTheSettingsSwitchOff(t *testing.T) {
	auth, err := open(t, &pages.Pages{})
	if err != nil {
		t.Fatal(err)
	}
	if body := get(auth, "/auth/sign-in", nil).Body.String(); !strings.Contains(body, "/auth/sign-up") || !strings.Contains(body, `value="link"`) {
		t.Errorf("the page is %s", body)
	}
	off, twelve := false, 12
	_, err = auth.Settings.UpdateEmail(t.Context(), admit.UpdateEmailSettingsParams{
		SignUpEnabled: admit.Some(&off), MagicLinkEnabled: admit.Some(&off), MinLength: admit.Some(&twelve),
	})
	if err != nil {
		t.Fatal(err)
	}
	if body := get(auth, "/auth/sign-in", nil).Body.String(); strings.Contains(body, "/auth/sign-up") || strings.Contains(body, `value="link"`) {
		t.Errorf("the page is %s", body)
	}
	if page := get(auth, "/auth/sign-up", nil); page.Code != http.StatusForbidden || !strings.Contains(page.Body.String(), "New accounts are not possible") {
		t.Errorf("sign-up is answered %d %s", page.Code, page.Body)
	}
	if _, err := auth.Settings.UpdateEmail(t.Context(), admit.UpdateEmailSettingsParams{SignUpEnabled: admit.Optional[*bool]{Set: true}}); err != nil {
		t.Fatal(err)
	}
	if body := get(auth, "/auth/sign-up", nil).Body.String(); !strings.Contains(body, `minlength="12"`) {
		t.Errorf("the page is %s", body)
	}
}
