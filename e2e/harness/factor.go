package harness

import (
	"crypto/hmac"
	"crypto/sha1" // the hash of RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"
)

// App is an authenticator app with the secret of one account. It is written
// from RFC 4226 and RFC 6238 alone, without the code that it tests.
type App struct {
	Secret      string
	BackupCodes []string
}

// Code returns the code that the app shows at a time.
func (a App) Code(at time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.Secret)
	if err != nil {
		return "no secret"
	}
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix()/30))
	mac := hmac.New(sha1.New, key)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at4 := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at4:])&0x7fffffff)%1_000_000)
}

// EnrollTOTP sets up an authenticator app for a person and confirms it. Then it
// moves the clock to the next step, so that the app has a new code.
func (s *Server) EnrollTOTP(p Person) App {
	s.T.Helper()
	app := s.SetUpTOTP(p)
	s.Do("POST", "/v1/auth/mfa/confirm", J{"code": app.Code(s.Clock.Now())}, Bearer(p.Access)).Want(http.StatusOK)
	s.Clock.Advance(30 * time.Second)
	return app
}

// SetUpTOTP begins to set up an authenticator app.
func (s *Server) SetUpTOTP(p Person) App {
	s.T.Helper()
	return s.AppOf(s.Do("POST", "/v1/auth/mfa/enable", J{"password": Password}, Bearer(p.Access)).Want(http.StatusOK))
}

// AppOf returns the app that an answer sets up.
func (s *Server) AppOf(answer *Answer) App {
	s.T.Helper()
	app := App{Secret: answer.String("secret")}
	list, _ := answer.Get("backupCodes").([]any)
	for _, code := range list {
		text, _ := code.(string)
		app.BackupCodes = append(app.BackupCodes, text)
		s.Keep("recovery code", text)
	}
	s.Keep("TOTP secret", app.Secret)
	return app
}

// Paused fails the test unless a sign-in asks for the second factor. It returns
// the ticket.
func (s *Server) Paused(a *Answer) string {
	s.T.Helper()
	a.Want(http.StatusForbidden, "auth/mfa-required")
	ticket := a.String("error", "details", "mfaToken")
	if ticket == "" {
		s.T.Errorf("a pause without a ticket: %s", a.Body)
	}
	s.Keep("mfaToken", ticket)
	return ticket
}

// Complete sends a ticket with a code.
func (s *Server) Complete(ticket, code string, sets ...Set) *Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/mfa/verify", J{"mfaToken": ticket, "code": code}, sets...)
}
