package e2e_test

import (
	"testing"

	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

func TestPasskeyRegistersAndSignsIn(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		made := s.AddPasskey(p, d).Want(201)
		if made.String("name") != "Passkey" || made.Get("backedUp") != false || made.Get("lastUsedAt") != nil {
			t.Errorf("the passkey is %s", made.Body)
		}
		letterTo(s, mailer.PasskeyAdded, "a@x.test")
		signed := s.ByPasskey(d).Want(200)
		s.Alive(signed.Tokens())
		if id := s.Me(signed.Tokens().Access).Want(200).String("id"); id != p.ID {
			t.Errorf("signed in as %s, want %s", id, p.ID)
		}
		list := s.Do("GET", "/v1/auth/passkeys", nil, harness.Bearer(p.Access)).Want(200).Items()
		if len(list) != 1 || list[0]["id"] != made.String("id") || list[0]["lastUsedAt"] == nil {
			t.Errorf("the list is %v", list)
		}
		options := s.PasskeyOptions(harness.J{"email": "a@x.test"}).Want(200)
		s.PasskeySignIn(options, d.Assert(options)).Want(200)
	})
}
