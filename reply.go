package admit

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
)

func writeError(w http.ResponseWriter, e *Error) { webio.WriteError(w, e.failure()) }

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

// showMe is the caller's own account. It is what clients ask for most, and half
// of its work would be reflection.
func showMe(u *User, s *Session) []byte {
	o := make(webio.Object, 0, 512)
	o.Text("id", u.ID)
	o.Text("role", u.Role)
	o.Text("name", u.Name)
	o.Optional("nickname", u.Nickname)
	o.Text("email", u.Email)
	o.Instant("emailVerified", u.EmailVerifiedAt)
	o.Optional("image", u.Image)
	o.Text("onboardingStatus", u.Onboarding)
	o.Raw("mfaEnabled", strconv.FormatBool(u.MFAEnabled))
	o.Optional("organizationId", s.OrganizationID)
	o.Instant("createdAt", u.CreatedAt)
	o.Instant("updatedAt", u.UpdatedAt)
	return o.End()
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
