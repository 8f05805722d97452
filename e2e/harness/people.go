package harness

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
)

var contextAfterTest = context.Background()

// Password is a password that meets the default rules.
const Password = "Kupfer-Wolke-7319"

// Tokens are a pair of tokens.
type Tokens struct {
	Access, Refresh string
}

// Person is a person with an account.
type Person struct {
	Email, ID string
	Tokens
}

// SignUp makes an account over HTTP.
func (s *Server) SignUp(email string) Person {
	s.T.Helper()
	s.Keep("password", Password)
	answer := s.Do("POST", "/v1/auth/email/signup", J{"email": email, "password": Password, "name": "Ada Lovelace"})
	answer.Want(http.StatusCreated)
	tokens := answer.Tokens()
	return Person{Email: email, ID: s.Me(tokens.Access).Want(http.StatusOK).String("id"), Tokens: tokens}
}

// SignIn signs in with a password and returns the answer, also if it is a
// refusal.
func (s *Server) SignIn(email, password string, sets ...Set) *Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/email/signin", J{"email": email, "password": password}, sets...)
}

// Me asks for the user of an access token.
func (s *Server) Me(access string) *Answer {
	s.T.Helper()
	return s.Do("GET", "/v1/auth/me", nil, Bearer(access))
}

// Refresh exchanges a refresh token.
func (s *Server) Refresh(token string) *Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/refresh", J{"refreshToken": token})
}

// SignOut ends the session of a token.
func (s *Server) SignOut(access string) *Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/signout", nil, Bearer(access))
}

// Alive fails the test unless both tokens of a session work. It refreshes the
// session.
func (s *Server) Alive(t Tokens) Tokens {
	s.T.Helper()
	s.Me(t.Access).Want(http.StatusOK)
	return s.Refresh(t.Refresh).Want(http.StatusOK).Tokens()
}

// Dead fails the test if a token of a session works.
func (s *Server) Dead(t Tokens) {
	s.T.Helper()
	s.Me(t.Access).Want(http.StatusUnauthorized)
	s.Refresh(t.Refresh).Want(http.StatusUnauthorized)
}

// Change changes an account in the store, as an administrator would.
func (s *Server) Change(id string, change func(*store.User)) {
	s.T.Helper()
	user, err := s.Store.User(context.Background(), "", id)
	if err != nil {
		s.T.Fatal(err)
	}
	change(&user)
	if err := s.Store.UpdateUser(context.Background(), user); err != nil {
		s.T.Fatal(err)
	}
}

// Ban bans an account.
func (s *Server) Ban(id string) {
	s.T.Helper()
	s.Change(id, func(u *store.User) { u.BannedAt = s.Clock.Now() })
}

// Role gives an account a role.
func (s *Server) Role(id, role string) {
	s.T.Helper()
	s.Change(id, func(u *store.User) { u.Role = role })
}

// Admin makes an administrator with a session.
func (s *Server) Admin() Person {
	s.T.Helper()
	p := s.SignUp("admin@x.test")
	s.Role(p.ID, "admin")
	return p
}

// NewKey makes an API key as the operator.
func (s *Server) NewKey(kind string, scopes ...string) (id, key string) {
	s.T.Helper()
	made, err := s.Auth.APIKeys.Create(context.Background(), admit.CreateAPIKeyParams{
		Name: "test", Type: kind, Scopes: scopes,
	})
	if err != nil {
		s.T.Fatal(err)
	}
	s.Keep("key", made.Key)
	return made.ID, made.Key
}

// Events returns the recorded events of an account by kind. "" means all
// accounts.
func (s *Server) Events(subject, kind string) []store.Event {
	s.T.Helper()
	events, err := s.Store.ListEvents(context.Background(), store.EventQuery{SubjectID: subject, Kind: kind, Limit: 1000})
	if err != nil {
		s.T.Fatal(err)
	}
	return events
}

// Parallel runs n calls that start together and returns their answers.
func Parallel(n int, call func(i int) *Answer) []*Answer {
	answers := make([]*Answer, n)
	begin := make(chan struct{})
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			<-begin
			answers[i] = call(i)
		})
	}
	close(begin)
	wait.Wait()
	return answers
}

// Count returns how many answers have each status.
func Count(answers []*Answer) map[int]int {
	counts := map[int]int{}
	for _, a := range answers {
		counts[a.Status]++
	}
	return counts
}

// Eventually waits until a condition holds, for at most Patience.
func (s *Server) Eventually(what string, holds func() bool) {
	s.T.Helper()
	deadline := time.Now().Add(Patience)
	for !holds() {
		if time.Now().After(deadline) {
			s.T.Errorf("waited in vain: %s", what)
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}
