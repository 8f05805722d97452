package admit

import (
	"errors"
	"testing"

	"github.com/admit-go/admit/mailer"
)

// A link to an address without an account is found by its address alone, and
// dies with the next one, and with the move of an account that had the address.
func TestALinkToAnAddressWithoutAnAccountIsReplaced(t *testing.T) {
	l := newLiving(t, false)
	ask := func() string {
		t.Helper()
		_, err := l.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "ann@x.test", SignUp: true})
		l.ok(err)
		return l.token(mailer.MagicLink, "ann@x.test")
	}
	refused := func(why, token string) {
		t.Helper()
		if _, err := l.MagicLinks.Redeem(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: the older link answers %v", why, err)
		}
	}
	first := ask()
	second := ask()
	refused("a newer link", first)

	user := l.verified("ann@x.test")
	l.ok(l.EmailChanges.Confirm(t.Context(), TokenParams{Token: l.move(user, "ann@y.test")}))
	refused("a move of the account", second)
}
