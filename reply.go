package admit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/internal/wording"
)

// report logs an error and returns the error for the client. Only unexpected
// errors are logged at level error. A store that does not answer is a warning
// with its cause.
func report(log *slog.Logger, w http.ResponseWriter, r *http.Request, err error) *Error {
	answer := asError(err)
	id := w.Header().Get("X-Request-Id")
	switch {
	case answer.Status == http.StatusServiceUnavailable, answer.Status == http.StatusBadGateway:
		level := slog.LevelWarn
		if errors.Is(r.Context().Err(), context.Canceled) {
			level = slog.LevelDebug // the client hung up
		}
		log.Log(r.Context(), level, "request refused", "request", id, "error", err)
	case answer.Status >= http.StatusInternalServerError:
		log.ErrorContext(r.Context(), "request failed", "request", id, "error", err)
		answer = ErrInternal.detail("requestId", id)
	}
	return answer
}

// writeError answers a program. The message is in a language that the client accepts,
// not in the language of the account, so that it says nothing about an account.
func writeError(k *kernel, w http.ResponseWriter, r *http.Request, e *Error) {
	if e.methods != nil {
		e = withMethodsOf(k, w, r, e)
	}
	f := e.failure()
	if !k.config.Languages.EnglishErrors {
		h := w.Header()
		h.Add("Vary", "Accept-Language")
		spoken := texts.Base
		if c := k.words.Find(locale.Accepted(r.Header.Get("Accept-Language"))); c != nil {
			if translated, ok := wording.Sentence(c, f.Message); ok {
				f.Message, spoken = translated, c.Tag
			}
		}
		h.Set("Content-Language", spoken)
	}
	webio.WriteError(w, f)
}

// withMethodsOf adds the methods that the account has to an error that asks for a proof.
func withMethodsOf(k *kernel, w http.ResponseWriter, r *http.Request, e *Error) *Error {
	ctx, cancel := afresh(r.Context(), k.config.RequestTimeout)
	defer cancel()
	methods, err := e.methods(ctx)
	if err != nil {
		return report(k.log, w, r, fault(err))
	}
	return e.detail("methods", methods)
}

// failure is the error as a client sees it.
func (e *Error) failure() webio.Failure {
	return webio.Failure{Status: e.Status, Code: e.Code, Message: e.Message, Details: e.Details, RetryAfter: e.RetryAfter}
}

type sentBody struct {
	Message   string `json:"message"`
	Email     string `json:"email"`
	RequestID string `json:"requestId,omitempty"`
}

// writeSent answers a request for a mail. The answer is the same for every
// address.
func writeSent(w http.ResponseWriter, status int, email, requestID string) error {
	return webio.Write(w, status, sentBody{"If the address can be used, a mail is on its way.", showEmail(email), requestID})
}

// showEmail returns an address in the form in which it is kept.
func showEmail(email string) string {
	if address, err := emailaddress.Parse(email); err == nil {
		return address.Display
	}
	return ""
}

// newPasswordBody is the answer to a reset and to a change of password. The
// counts are left out if they are zero.
type newPasswordBody struct {
	Message        string `json:"message"`
	LiveAPIKeys    int    `json:"liveApiKeys,omitzero"`
	RevokedAPIKeys int    `json:"revokedApiKeys,omitzero"`
}

// showAccount begins an account with the fields that every answer about an account
// has. GET /auth/me is what clients ask for most, and half of its work would be
// reflection.
func showAccount(u *User) webio.Object {
	o := make(webio.Object, 0, 512)
	o.Text("id", u.ID)
	o.Text("role", u.Role)
	o.Text("name", u.Name)
	o.Optional("nickname", u.Nickname)
	o.Optional("email", u.Email)
	o.Instant("emailVerified", u.EmailVerifiedAt)
	o.Optional("image", u.Image)
	o.Text("onboardingStatus", u.Onboarding)
	o.Raw("mfaEnabled", strconv.FormatBool(u.MFAEnabled))
	o.Instant("createdAt", u.CreatedAt)
	o.Instant("updatedAt", u.UpdatedAt)
	return o
}

// showMe is the caller's own account.
func showMe(u *User, s *Session) []byte {
	o := showAccount(u)
	o.Optional("organizationId", s.OrganizationID)
	return o.End()
}

// showPublicProfile is what everybody sees of an account.
func showPublicProfile(p PublicProfile) jsontext.Value {
	o := make(webio.Object, 0, 256)
	o.Text("id", p.ID)
	o.Text("name", p.Name)
	o.Optional("nickname", p.Nickname)
	o.Optional("image", p.Image)
	o.Text("slug", p.Slug)
	return jsontext.Value(o.End())
}

// accountBody is an identity in a list of linked accounts.
type accountBody struct {
	ID                string         `json:"id"`
	UserID            string         `json:"userId"`
	Provider          string         `json:"provider"`
	ProviderAccountID string         `json:"providerAccountId"`
	Email             webio.Optional `json:"email"`
	ConnectedAt       webio.Instant  `json:"connectedAt"`
}

func showIdentity(one Identity) accountBody {
	return accountBody{one.ID, one.UserID, one.Provider, one.Subject, webio.Optional(one.Email), webio.Instant(one.ConnectedAt)}
}

type signedInBody struct {
	User      json.RawMessage `json:"user"`
	IsNewUser *bool           `json:"is_new_user,omitempty"`
}

type callbackBody struct {
	Tokens
	IsNewUser bool `json:"is_new_user"`
}

// writeSignedIn answers a sign-in: with tokens, or with a session cookie and the
// account where the client asked for the cookie. With withNew the answer says
// whether the account is new.
func writeSignedIn(k *kernel, w http.ResponseWriter, r *http.Request, status int, signed *SignedIn, withNew bool) error {
	switch {
	case wantsCookie(k, r):
		if err := setCookie(k, w, signed); err != nil {
			return err
		}
		body := signedInBody{User: showMe(&signed.User, &signed.Session)}
		if withNew {
			body.IsNewUser = &signed.IsNewUser
		}
		return webio.Write(w, status, body)
	case withNew:
		return webio.Write(w, status, callbackBody{signed.Tokens, signed.IsNewUser})
	}
	return webio.Write(w, status, signed.Tokens)
}

// writeSwitched answers a caller whose session has moved: with tokens, or with a
// new session cookie where the caller came by one, so that no script of a page
// reads the tokens of a cookie.
func writeSwitched(k *kernel, w http.ResponseWriter, r *http.Request, signed *SignedIn) error {
	if token, err := bearer(r); err == nil && token != "" {
		return webio.Write(w, http.StatusOK, signed.Tokens)
	}
	if err := setCookie(k, w, signed); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, signedInBody{User: showMe(&signed.User, &signed.Session)})
}

// setCookie turns the refresh token of a sign-in into a session cookie.
func setCookie(k *kernel, w http.ResponseWriter, signed *SignedIn) error {
	token, err := k.refresh.Open(signed.Tokens.RefreshToken)
	if err != nil {
		return ErrInternal.because(errors.New("there is no sign-in to make a session cookie of"))
	}
	cookie, err := sealCookie(k, signed.Session.ID, signed.Session.ExpiresAt, token.Generation, token.Secret, k.now())
	if err != nil {
		return err
	}
	putCookie(w.Header(), cookie)
	return nil
}
