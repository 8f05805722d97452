package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

const adminUsers = "/v1/admin/users/"

func someone(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	return map[string]string{"userId": p.ID}, nil
}

var _ = feeds.add(
	feed{route: "GET " + adminUsers + "{userId}/sessions", prepare: someone},
	feed{route: "DELETE " + adminUsers + "{userId}/sessions", prepare: someone},
	feed{route: "GET " + adminUsers + "{userId}/passkeys", prepare: someone},
	feed{route: "POST " + adminUsers + "{userId}/send-reset", prepare: someone},
	feed{route: "POST " + adminUsers + "{userId}/resend-verification", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": s.SignUp("unproven-" + p.Email).ID}, nil
	}},
	feed{route: "DELETE " + adminUsers + "{userId}/sessions/{sessionId}", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		other := s.SignUp("other-" + p.Email)
		list, err := s.Auth.Sessions.List(context.Background(), other.ID, admit.PageParams{Number: 1, Limit: 1})
		if err != nil {
			s.T.Fatal(err)
		}
		return map[string]string{"userId": other.ID, "sessionId": list.Items[0].ID}, nil
	}},
	feed{route: "DELETE " + adminUsers + "{userId}/passkeys", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		other := verified(s, "other-"+p.Email)
		s.AddPasskey(other, harness.NewDevice(s.T))
		return map[string]string{"userId": other.ID}, harness.J{"reason": "lost"}
	}},
	feed{route: "POST /v1/admin/outbox/{id}/retry", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		s.Log.ExpectErrors()
		now, id := s.Clock.Now(), "0194f000-"+p.ID[9:]
		if err := s.Store.AddMail(context.Background(), store.Mail{ID: id, Kind: "magic_link", Sealed: []byte("x"), CreatedAt: now, NextAt: now, DeadAt: now}); err != nil {
			s.T.Fatal(err)
		}
		return map[string]string{"id": id}, nil
	}},
)

func TestAnOperatorSeesAndEndsSessions(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		ann := s.SignUp("ann@x.test")
		second := s.SignIn(ann.Email, harness.Password).Want(http.StatusOK).Tokens()
		list := s.Do("GET", adminUsers+ann.ID+"/sessions?limit=1", nil, admin).Want(http.StatusOK)
		if items := list.Items(); len(items) != 1 || items[0]["userId"] != ann.ID || list.Get("pagination", "total") != 2.0 {
			t.Errorf("the sessions are %s", list.Body)
		}
		id := list.Items()[0]["id"].(string)
		// The id of a session of somebody else is no session of this account.
		bob := s.SignUp("bob@x.test")
		s.Do("DELETE", adminUsers+bob.ID+"/sessions/"+id, nil, admin).Want(http.StatusNotFound, "auth/session-not-found")
		s.Do("DELETE", adminUsers+ann.ID+"/sessions/"+id, harness.J{"reason": "stolen phone"}, admin).Want(http.StatusOK)
		s.Dead(ann.Tokens)
		s.Alive(second)
		if got := s.Do("DELETE", adminUsers+ann.ID+"/sessions", nil, admin).Want(http.StatusOK); got.Get("revoked") != 1.0 {
			t.Errorf("ended %s", got.Body)
		}
		s.Dead(second)
		s.Alive(bob.Tokens)
		if events := s.Events(ann.ID, "session.ended"); len(events) != 2 || !strings.Contains(string(events[0].Data), "stolen phone") || events[0].ActorID == ann.ID {
			t.Errorf("the events are %s", events[0].Data)
		}
		nobody := "0194f000-0000-7000-8000-0000000000ff"
		for _, path := range []string{"/sessions", "/passkeys"} {
			s.Do("GET", adminUsers+nobody+path, nil, admin).Want(http.StatusNotFound, "user/not-found")
		}
		s.Do("DELETE", adminUsers+nobody+"/sessions", nil, admin).Want(http.StatusNotFound, "user/not-found")
		s.Do("DELETE", adminUsers+bob.ID+"/sessions", []byte(`{"reason":"a\u0007b"}`), admin).Want(http.StatusBadRequest, "auth/invalid-request")
	}, unlimited)
}

func TestAnOperatorRemovesPasskeysWithAReason(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		ann := verified(s, "ann@x.test")
		path := adminUsers + ann.ID + "/passkeys"
		s.Do("DELETE", path, harness.J{"reason": "lost"}, admin).Want(http.StatusNotFound, "auth/passkey-not-found")
		device := harness.NewDevice(t)
		s.AddPasskey(ann, device)
		list := s.Do("GET", path, nil, admin).Want(http.StatusOK)
		if !strings.Contains(string(list.Body), `"backedUp"`) || strings.Contains(string(list.Body), "publicKey") {
			t.Errorf("the passkeys are %s", list.Body)
		}
		s.Do("DELETE", path, nil, admin).Want(http.StatusBadRequest, "auth/invalid-request")
		s.Do("DELETE", path, harness.J{"reason": "lost phone"}, admin).Want(http.StatusOK)
		letterTo(s, mailer.PasskeyRemoved, ann.Email)
		s.Dead(ann.Tokens)
		s.ByPasskey(device).Want(http.StatusUnauthorized, "auth/invalid-passkey")
		if events := s.Events(ann.ID, "passkey.removed"); len(events) != 1 || !strings.Contains(string(events[0].Data), "lost phone") {
			t.Errorf("the events are %v", events)
		}
	}, unlimited)
}

func TestAnOperatorMailsOnBehalfOfAUserAndSeesNoLink(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		ann := s.SignUp("ann@x.test")
		s.Mail.Clear()
		answer := s.Do("POST", adminUsers+ann.ID+"/send-reset", nil, admin).Want(http.StatusOK)
		link := tokenIn(letterTo(s, mailer.PasswordReset, ann.Email))
		if strings.Contains(string(answer.Body), link) {
			t.Errorf("the answer has the link: %s", answer.Body)
		}
		s.Mail.Clear()
		s.Do("POST", adminUsers+ann.ID+"/resend-verification", nil, admin).Want(http.StatusOK)
		confirmation := tokenIn(letterTo(s, mailer.SignupConfirmation, ann.Email))
		s.Do("POST", "/v1/auth/signup/email/confirm", harness.J{"token": confirmation}).Want(http.StatusOK)
		s.Do("POST", adminUsers+ann.ID+"/resend-verification", nil, admin).Want(http.StatusBadRequest, "auth/already-verified")
		// The budget of the account holds for operators, too.
		for range 30 {
			if answer = s.Do("POST", adminUsers+ann.ID+"/send-reset", nil, admin); answer.Status != http.StatusOK {
				break
			}
		}
		answer.Want(http.StatusTooManyRequests, "auth/too-many-code-requests")
		s.Do("POST", adminUsers+"nobody/send-reset", nil, admin).Want(http.StatusNotFound, "user/not-found")
		eve := s.SignUp("eve@x.test")
		s.Ban(eve.ID)
		s.Do("POST", adminUsers+eve.ID+"/send-reset", nil, admin).Want(http.StatusForbidden, "auth/account-banned")
	})
}

func TestAnOperatorSendsDeadMailAgain(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		s.Do("GET", "/v1/admin/outbox?state=dead", nil, admin).Want(http.StatusOK)
		id := deadMail(s)
		list := s.Do("GET", "/v1/admin/outbox", nil, admin).Want(http.StatusOK)
		items := list.Items()
		if len(items) == 0 || items[0]["id"] != id || items[0]["queue"] != "mail" || items[0]["deadAt"] == nil || items[0]["nextAt"] != nil || strings.Contains(string(list.Body), "ann@x.test") {
			t.Errorf("dead are %s", list.Body)
		}
		s.Do("POST", "/v1/admin/outbox/"+id+"/retry", nil, admin).Want(http.StatusOK)
		s.Do("POST", "/v1/admin/outbox/nothing/retry", nil, admin).Want(http.StatusNotFound, "auth/not-found")
		for _, bad := range []string{"state=all", "queue=sms", "limit=0"} {
			s.Do("GET", "/v1/admin/outbox?"+bad, nil, admin).Want(http.StatusBadRequest, "auth/invalid-request")
		}
		if events := s.Events("", "mail.retried"); len(events) != 1 || !strings.Contains(string(events[0].Data), id) {
			t.Errorf("the events are %v", events)
		}
	}, func(c *admit.Config) {
		c.Mailer = mailer.Func(func(context.Context, mailer.Message) error {
			return &mailer.PermanentError{Err: errors.New("no such mailbox")}
		})
	}, unlimited)
}

// TestEveryChangeByAnOperatorNeedsARecentProof goes through every route of
// administration that changes something.
func TestEveryChangeByAnOperatorNeedsARecentProof(t *testing.T) {
	// What these routes do ends sessions and factors; they ask for the role alone.
	known := map[string]bool{
		"DELETE /v1/admin/api-keys/{id}": true, "DELETE /v1/admin/users/{userId}/factors": true,
	}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		s.Clock.Advance(11 * time.Minute)
		for _, r := range s.Auth.Routes() {
			if !strings.HasPrefix(r.Path, "/v1/admin/") || r.Method == "GET" || known[r.Method+" "+r.Path] {
				continue
			}
			s.Do(r.Method, fill(r.Path, "0194f000-0000-7000-8000-0000000000ff"), bodyFor(r.Method, r.Path), admin).Want(http.StatusForbidden, "auth/reauthentication-required")
		}
	}, unlimited)
}

// In cookie mode a page of another site changes nothing in the name of an
// administrator who reads it.
func TestAPageOfAnotherSiteCallsNoRouteOfAdministration(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		root := s.Admin()
		signed := s.SignIn(root.Email, harness.Password, harness.Header("X-Session-Mode", "cookie")).Want(http.StatusOK)
		cookie := func(r *http.Request) {
			for _, c := range (&http.Response{Header: signed.Header}).Cookies() {
				r.AddCookie(c)
			}
		}
		for _, r := range s.Auth.Routes() {
			if !strings.HasPrefix(r.Path, "/v1/admin/") || r.Method == "GET" {
				continue
			}
			s.Do(r.Method, fill(r.Path, root.ID), bodyFor(r.Method, r.Path), cookie, harness.Header("Origin", "https://evil.example"), harness.Header("Sec-Fetch-Site", "cross-site")).Want(http.StatusForbidden, "auth/cross-origin")
		}
	}, unlimited, withCookies)
}

// deadMail makes a mail that was given up.
func deadMail(s *harness.Server) string {
	s.T.Helper()
	s.Log.ExpectErrors()
	s.SignUp("ann@x.test")
	var id string
	s.Eventually("a mail was given up", func() bool {
		dead, err := s.Auth.Outbox.Dead(s.T.Context(), admit.PageParams{Number: 1, Limit: 1})
		if err != nil || dead.Total == 0 {
			return false
		}
		id = dead.Items[0].ID
		return true
	})
	return id
}
