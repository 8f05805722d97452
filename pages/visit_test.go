package pages

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"testing/fstest"

	"github.com/admit-go/admit/internal/texts"
)

func TestAFieldForAPasswordIsEmpty(t *testing.T) {
	set, err := texts.Load(fstest.MapFS{"en.json": {Data: []byte(`{"field.currentPassword":"Password","field.email":"Address"}`)}}, texts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := &View{site: &site{}, words: set.Match(nil), values: map[string]string{"currentPassword": "secret", "email": "a@x.test"}}
	password, err := v.Field("currentPassword")
	if err != nil || password.Value != "" || password.Autocomplete != "current-password" {
		t.Errorf("%+v, %v", password, err)
	}
	if email, err := v.Field("email"); err != nil || email.Value != "a@x.test" {
		t.Errorf("%+v, %v", email, err)
	}
	if _, err := v.Field("nothing"); err == nil {
		t.Error("a field is made up")
	}
}

func TestAC104_OfTwoCookiesOfAFlowNeitherIsTaken(t *testing.T) {
	s := &site{secure: true}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-flow", Value: "eyJrIjoiZmFjdG9yIn0"})
	if got := s.readFlow(r).Kind; got != flowFactor {
		t.Errorf("one cookie is read as %q", got)
	}
	r.AddCookie(&http.Cookie{Name: "__Host-flow", Value: "eyJrIjoic2V0LXVwIn0"})
	if got := s.readFlow(r).Kind; got != "" {
		t.Errorf("two cookies are read as %q", got)
	}
}

func TestACookieOfThePagesIsReadByNoScript(t *testing.T) {
	c := (&site{secure: true}).cookie(flowCookie, "x", flowLife)
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Name != "__Host-flow" || c.MaxAge != 3600 {
		t.Errorf("%+v", c)
	}
	if c := (&site{}).cookie(flowCookie, "", 0); c.MaxAge != -1 || c.Secure || c.Name != "flow" {
		t.Errorf("%+v", c)
	}
}
