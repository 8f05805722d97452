package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

var _ = faultFlows.add(faultFlow{
	name:  "refresh",
	calls: 2,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return gave(a.Sessions.Refresh(ctx, p.signed.Tokens.RefreshToken))
	},
	done: func(s *harness.Server, p *subject) bool {
		session, _, err := s.Store.SessionUser(s.T.Context(), "", p.signed.Session.ID)
		return err == nil && session.Generation == 2
	},
	inSteps: true,
})

func TestAC084_TwoTabRefresh(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		processes := []*harness.Server{s, s.Process(), s.Process()}
		for _, tabs := range []int{2, 5, 20} {
			p := s.SignUp(fmt.Sprintf("a%d@x.test", tabs))
			answers := harness.Parallel(tabs, func(i int) *harness.Answer { return processes[i%3].Refresh(p.Refresh) })
			next := answers[0].Tokens()
			for _, a := range answers {
				a.Want(http.StatusOK)
				if a.Tokens().Refresh != next.Refresh || next.Refresh == p.Refresh {
					t.Errorf("%d tabs: a tab got another successor", tabs)
				}
				s.Me(a.Tokens().Access).Want(http.StatusOK)
			}
			s.Alive(next)
			if theft := s.Events(p.ID, "refresh.reused"); len(theft) > 0 {
				t.Errorf("%d tabs were taken for theft", tabs)
			}
		}
	})
}

// TestAC084_ALostAnswerIsGivenAgain: as long as nobody has used the new pair,
// the token before it is answered with the same refresh token, however late.
func TestAC084_ALostAnswerIsGivenAgain(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		lost := s.Refresh(p.Refresh).Want(http.StatusOK).Tokens()
		s.Clock.Advance(6 * 24 * time.Hour)
		again := s.Process().Refresh(p.Refresh).Want(http.StatusOK).Tokens()
		if again.Refresh != lost.Refresh {
			t.Error("the retry got another successor")
		}
		s.Alive(again)
	})
}

// TestAC084_TenSecondsOfGraceAfterUse looks at the edge of the grace period,
// once the new pair has been used: by its access token, or by its refresh token.
func TestAC084_TenSecondsOfGraceAfterUse(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		next := s.Refresh(p.Refresh).Want(http.StatusOK).Tokens()
		s.Me(next.Access).Want(http.StatusOK)
		s.Clock.Advance(10*time.Second - time.Millisecond)
		if again := s.Refresh(p.Refresh).Want(http.StatusOK).Tokens(); again.Refresh != next.Refresh {
			t.Error("the retry got another successor")
		}
		s.Clock.Advance(time.Millisecond)
		s.Refresh(p.Refresh).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
		s.Dead(next)
		if theft := s.Events(p.ID, "refresh.reused"); len(theft) != 1 {
			t.Errorf("%d events", len(theft))
		}
	})
}

func TestAC085_AStolenTokenEndsEverySessionOfItsUserOnce(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		first := s.SignUp("a@x.test")
		elsewhere := s.SignIn("a@x.test", harness.Password).Want(http.StatusOK).Tokens()
		neighbour := s.SignUp("b@x.test")
		second := s.Refresh(first.Refresh).Want(http.StatusOK).Tokens()
		third := s.Refresh(second.Refresh).Want(http.StatusOK).Tokens()
		s.Clock.Advance(11 * time.Second)
		s.Refresh(first.Refresh).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
		s.Dead(third)
		s.Dead(elsewhere)
		s.Dead(second)
		s.Refresh(first.Refresh).Want(http.StatusUnauthorized)
		if theft := s.Events(first.ID, "refresh.reused"); len(theft) != 1 {
			t.Errorf("%d events, want one alarm", len(theft))
		}
		s.Alive(neighbour.Tokens)
		s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
	})
}

func TestAC085_OlderTokensAreTheftWithoutGrace(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		first := s.SignUp("a@x.test")
		elsewhere := s.SignIn("a@x.test", harness.Password).Want(http.StatusOK).Tokens()
		second := s.Refresh(first.Refresh).Want(http.StatusOK).Tokens()
		third := s.Refresh(second.Refresh).Want(http.StatusOK).Tokens()
		s.Refresh(first.Refresh).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
		s.Dead(third)
		s.Dead(elsewhere)
		if theft := s.Events(first.ID, "refresh.reused"); len(theft) != 1 {
			t.Errorf("%d events, want one alarm", len(theft))
		}
	})
}

// TestAC085_TwoThievesAtOnceRaiseOneAlarm lets a second one through between the
// first one's look at the session and its end.
func TestAC085_TwoThievesAtOnceRaiseOneAlarm(t *testing.T) {
	var between *overtaking
	s := harness.New(t, func(c *admit.Config) {
		between = &overtaking{Store: c.Store}
		c.Store = between
	})
	first := s.SignUp("a@x.test")
	second := s.Refresh(first.Refresh).Want(http.StatusOK).Tokens()
	s.Refresh(second.Refresh).Want(http.StatusOK)
	between.event = func() { s.Refresh(first.Refresh).Want(http.StatusUnauthorized, "auth/invalid-refresh-token") }
	s.Refresh(first.Refresh).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
	if theft := s.Events(first.ID, "refresh.reused"); len(theft) != 1 {
		t.Errorf("%d events, want one alarm", len(theft))
	}
}

// TestAC085_EndedSessionsRaiseNoAlarm: an old token of a session that its owner
// left must not end the others.
func TestAC085_EndedSessionsRaiseNoAlarm(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		first := s.SignUp("a@x.test")
		elsewhere := s.SignIn("a@x.test", harness.Password).Want(http.StatusOK).Tokens()
		second := s.Refresh(first.Refresh).Want(http.StatusOK).Tokens()
		s.SignOut(second.Access).Want(http.StatusOK)
		s.Refresh(first.Refresh).Want(http.StatusUnauthorized)
		s.Refresh(second.Refresh).Want(http.StatusUnauthorized)
		s.Alive(elsewhere)
		if theft := s.Events(first.ID, "refresh.reused"); len(theft) > 0 {
			t.Errorf("%d alarms", len(theft))
		}
	})
}

func TestAC088_AfterSignOutNoTokenOfTheSessionWorks(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		other := s.Process()
		s.SignUp("a@x.test")
		for range 50 {
			tokens := s.SignIn("a@x.test", harness.Password).Want(http.StatusOK).Tokens()
			answers := harness.Parallel(4, func(i int) *harness.Answer {
				if i == 0 {
					return s.SignOut(tokens.Access)
				}
				return other.Refresh(tokens.Refresh)
			})
			answers[0].Want(http.StatusOK)
			s.Dead(tokens)
			for _, a := range answers[1:] {
				if a.Status == http.StatusOK {
					other.Dead(a.Tokens())
				}
			}
		}
	})
}

func TestAC090_RefreshingDoesNotLastForEver(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		tokens := s.SignUp("a@x.test").Tokens
		for range 2*30 - 1 {
			s.Clock.Advance(12 * time.Hour)
			tokens = s.Refresh(tokens.Refresh).Want(http.StatusOK).Tokens()
		}
		s.Clock.Advance(12*time.Hour - time.Second)
		tokens = s.Refresh(tokens.Refresh).Want(http.StatusOK).Tokens()
		s.Me(tokens.Access).Want(http.StatusOK)
		s.Clock.Advance(time.Second)
		s.Me(tokens.Access).Want(http.StatusUnauthorized, "auth/session-expired")
		s.Refresh(tokens.Refresh).Want(http.StatusUnauthorized, "auth/session-expired")
	})
}

func TestSE02_AnIdleSessionExpires(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		in, out := s.SignUp("a@x.test"), s.SignUp("b@x.test")
		s.Clock.Advance(7*24*time.Hour - time.Second)
		in.Tokens = s.Refresh(in.Refresh).Want(http.StatusOK).Tokens()
		s.Clock.Advance(time.Second)
		s.Refresh(out.Refresh).Want(http.StatusUnauthorized, "auth/session-expired")
		s.Refresh(in.Refresh).Want(http.StatusOK)
		// The clock going back revives nothing that was told to be dead for
		// longer than it went back.
		s.Clock.Advance(7 * 24 * time.Hour)
		s.Refresh(in.Refresh).Want(http.StatusUnauthorized)
	})
}

func TestTK07_RefreshTokensAreWorthNothingWhenDamaged(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		for _, bad := range damaged(p.Refresh) {
			answer := s.Refresh(bad)
			if answer.Status != http.StatusUnauthorized && answer.Status != http.StatusBadRequest {
				t.Errorf("%q: answered %d %s", bad, answer.Status, answer.Body)
			}
		}
		s.Do("POST", "/v1/auth/refresh", `{}`).Want(http.StatusBadRequest, "auth/invalid-request")
		s.Do("POST", "/v1/auth/refresh", nil).Want(http.StatusUnsupportedMediaType)
		s.Refresh(p.Access).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
		s.Alive(p.Tokens)
	})
}

// damaged are spellings close to a token that must not be taken for it.
func damaged(token string) []string {
	list := []string{
		token[:len(token)-1], token + "A", token + "=", token + "\n", " " + token, token[:8], token + token,
		swapCase(token), "null", "undefined", "0",
	}
	for _, i := range []int{0, 1, 5, 10, len(token) / 2, len(token) - 2, len(token) - 1} {
		changed := []byte(token)
		if changed[i] == 'A' {
			changed[i] = 'B'
		} else {
			changed[i] = 'A'
		}
		list = append(list, string(changed))
	}
	return list
}

func swapCase(text string) string {
	swapped := []byte(text)
	for i, c := range swapped {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			swapped[i] = c ^ 0x20
		}
	}
	return string(swapped)
}

// TestTK09_ASwitchOfSecretsIsNoTheft: while the operator moves a new secret to
// the front, two tabs may hold the same token sealed under either.
func TestTK09_ASwitchOfSecretsIsNoTheft(t *testing.T) {
	const newer = "b2a4c6e81f3d5079a8c6e4021b3d5f7798badcfe1032547698afcebd01234567"
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		before := s.Process(func(c *admit.Config) { c.Secrets = admit.Secrets(harness.Secret, newer) })
		after := s.Process(func(c *admit.Config) { c.Secrets = admit.Secrets(newer, harness.Secret) })
		p := before.SignUp("a@x.test")
		one := before.Refresh(p.Refresh).Want(http.StatusOK).Tokens()
		other := after.Refresh(p.Refresh).Want(http.StatusOK).Tokens()
		next := before.Refresh(one.Refresh).Want(http.StatusOK).Tokens()
		again := before.Refresh(other.Refresh).Want(http.StatusOK).Tokens()
		if again.Refresh != next.Refresh {
			t.Error("the tab with the token of the other secret got another successor")
		}
		// The other way round: the token under the new secret is used first.
		again = after.Refresh(other.Refresh).Want(http.StatusOK).Tokens()
		last := after.Refresh(again.Refresh).Want(http.StatusOK).Tokens()
		if late := after.Refresh(next.Refresh).Want(http.StatusOK).Tokens(); late.Refresh != last.Refresh {
			t.Error("the tab with the token of the old secret got another successor")
		}
		s.Clock.Advance(11 * time.Second)
		after.Alive(last)
		if ended := s.Events(p.ID, "session.ended"); len(ended) > 0 {
			t.Errorf("%d sessions ended", len(ended))
		}

		dropped := s.Process(func(c *admit.Config) { c.Secrets = admit.Secrets(newer) })
		dropped.Refresh(one.Refresh).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
	})
}

// TestTK07_UsingAnAccessTokenIsNoticedWithinStaleness: a process that remembers
// the session from before the refresh still confirms the new pair.
func TestTK07_UsingAnAccessTokenIsNoticedWithinStaleness(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		s.Me(p.Access).Want(http.StatusOK)
		next := s.Process().Refresh(p.Refresh).Want(http.StatusOK).Tokens()
		s.Me(next.Access).Want(http.StatusOK)
		s.Clock.Advance(11 * time.Second)
		s.Refresh(p.Refresh).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
		s.Dead(next)
	}, func(c *admit.Config) { c.Sessions.Staleness = time.Minute })
}

// TestTK08_ARefreshTellsTheNewEndOfTheSession: what a host is given is what the
// store holds.
func TestTK08_ARefreshTellsTheNewEndOfTheSession(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		token := p.Refresh
		for range 5 { // 25 days: at the end the absolute limit is nearer
			s.Clock.Advance(5 * 24 * time.Hour)
			signed, err := s.Auth.Sessions.Refresh(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			s.Keep("refreshToken", signed.Tokens.RefreshToken)
			stored, _, err := s.Store.SessionUser(t.Context(), "", signed.Session.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !signed.Session.ExpiresAt.Equal(stored.ExpiresAt) || !signed.Session.LastActivityAt.Equal(stored.LastActivityAt) {
				t.Errorf("told that the session ends at %v and was used at %v, it is %v and %v",
					signed.Session.ExpiresAt, signed.Session.LastActivityAt, stored.ExpiresAt, stored.LastActivityAt)
			}
			token = signed.Tokens.RefreshToken
		}
	})
}
