package admit

import (
	"errors"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

// shared is an account with two sessions. The refresh token of the first one was
// copied by a thief.
type shared struct {
	*pausing
	owner         SignedIn
	owned, stolen Tokens
	other         Tokens
}

// newShared lets the thief refresh first. The owner presents the same token after
// the grace, as a client does whose answer got lost.
func newShared(t *testing.T, change ...func(*Config)) *shared {
	t.Helper()
	p := newPausing(t, change...)
	p.strict = false
	user := p.user(t)
	signIn := func() SignedIn {
		signed, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "quiet harbour lamp"})
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	s := &shared{pausing: p, owner: signIn()}
	s.other = signIn().Tokens
	s.stolen = s.refreshed(t, s.owner.Tokens)
	s.advance(s.config.Sessions.RefreshGrace)
	s.owned = s.refreshed(t, s.owner.Tokens)
	return s
}

func (s *shared) refreshed(t *testing.T, tokens Tokens) Tokens {
	t.Helper()
	signed, err := s.Sessions.Refresh(t.Context(), tokens.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	return signed.Tokens
}

// uses demands what the use of an access token answers.
func (s *shared) uses(t *testing.T, who string, tokens Tokens, want error) {
	t.Helper()
	if _, _, err := s.VerifyToken(t.Context(), tokens.AccessToken); !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", who, err, want)
	}
}

func (s *shared) alarms(t *testing.T, want int) {
	t.Helper()
	events, err := s.store.ListEvents(t.Context(), store.EventQuery{Tenant: tenant, Kind: eventRefreshReused, Limit: 10})
	if err != nil || len(events) != want {
		t.Errorf("%d alarms were raised, %v, want %d", len(events), err, want)
	}
}

// Whoever of the two uses an access token second is found out, and then neither
// has a session any more.
func TestS6_ARefreshTokenInTwoHandsEndsItsSessions(t *testing.T) {
	for name, first := range map[string]func(s *shared) (first, second Tokens){
		"the owner first": func(s *shared) (first, second Tokens) { return s.owned, s.stolen },
		"the thief first": func(s *shared) (first, second Tokens) { return s.stolen, s.owned },
	} {
		for policy, other := range map[string]error{reuseEndsAll: ErrSessionExpired, reuseEndsOne: nil} {
			t.Run(name+"/"+policy, func(t *testing.T) {
				s := newShared(t, func(c *Config) { c.Sessions.OnReuse = policy })
				one, two := first(s)
				s.uses(t, "the first", one, nil)
				s.alarms(t, 0)
				s.uses(t, "the second", two, ErrSessionExpired)
				s.uses(t, "the first, afterwards", one, ErrSessionExpired)
				s.uses(t, "the second, again", two, ErrSessionExpired)
				s.uses(t, "the other session", s.other, other)
				if _, err := s.Sessions.Refresh(t.Context(), s.owned.RefreshToken); !errors.Is(err, ErrSessionExpired) {
					t.Errorf("a refresh after it: %v", err)
				}
				s.alarms(t, 1)
			})
		}
	}
}

// The owner has refreshed once more before the thief uses what it has.
func TestS6_ARefreshInBetweenHidesNoThief(t *testing.T) {
	s := newShared(t)
	s.uses(t, "the owner", s.owned, nil)
	next := s.refreshed(t, s.owned)
	s.uses(t, "the owner, after a refresh", next, nil)
	s.uses(t, "the thief", s.stolen, ErrSessionExpired)
	s.uses(t, "the owner, afterwards", next, ErrSessionExpired)
	s.alarms(t, 1)
}

// Here nobody else has the token: the first answer got lost, and perhaps the
// second one too.
func TestS6_AClientThatLostItsAnswerIsNeverThrownOut(t *testing.T) {
	for lost := range 3 {
		s := newShared(t)
		for range lost {
			s.owned = s.refreshed(t, s.owner.Tokens)
		}
		for range 4 {
			s.uses(t, "the client", s.owned, nil)
			s.uses(t, "the client, again", s.owned, nil)
			before := s.owned
			s.advance(time.Minute)
			s.owned = s.refreshed(t, s.owned)
			s.uses(t, "the client, with the token before", before, nil)
		}
		s.uses(t, "the other session", s.other, nil)
		s.alarms(t, 0)
	}
}

// Each session, and each refresh of it, has a random part that no other token has.
// Without it, whoever has the secret of the host alone could write a token.
func TestTK07_TwoRefreshTokensDifferInTheirRandomPart(t *testing.T) {
	p := newOpen(t)
	p.user(t)
	seen := map[[32]byte]bool{{}: true}
	note := func(what string, tokens Tokens) {
		t.Helper()
		token, err := p.refresh.Open(tokens.RefreshToken)
		if err != nil || seen[token.Secret] {
			t.Errorf("%s has the random part %x of another token, or none, %v", what, token.Secret, err)
		}
		seen[token.Secret] = true
	}
	for range 3 {
		signed, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: "ann@example.com", Password: annsPassword})
		if err != nil {
			t.Fatal(err)
		}
		note("a session", signed.Tokens)
		if signed, err = p.Sessions.Refresh(t.Context(), signed.Tokens.RefreshToken); err != nil {
			t.Fatal(err)
		}
		note("its refresh", signed.Tokens)
	}
}
