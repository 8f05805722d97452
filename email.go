package admit

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/admit-go/admit/internal/webio"
)

// emailDoors has the two routes that take an address and perhaps a password:
// sign-up and sign-in. The body decides which feature serves the request.
type emailDoors struct {
	*kernel
	signUps    *SignUps
	passwords  *Passwords
	magicLinks *MagicLinks
	mfa        *MFA
}

func (e *emailDoors) feature() feature {
	return feature{
		name:   "email",
		holds:  holding{nothing: "the features behind the routes hold it"},
		events: []string{eventMailRequested, eventLimitReached},
		routes: []route{
			{method: http.MethodPost, path: "/auth/email/signup", who: anyone, scope: "auth:signup", limit: limitSignUp, exchanges: true, serve: e.handleSignUp},
			{method: http.MethodPost, path: "/auth/email/signin", who: anyone, scope: "auth:signin", limit: limitGuess, exchanges: true, serve: e.handleSignIn},
		},
	}
}

type signInInput struct {
	Method      *string `json:"method"`
	Email       string  `json:"email"`
	Password    string  `json:"password"`
	CallbackURL string  `json:"callbackUrl"`
	Locale      string  `json:"locale"`
	MFACode     string  `json:"mfaCode"`
	DeviceToken string  `json:"deviceToken"`
}

func (e *emailDoors) handleSignIn(w http.ResponseWriter, r *http.Request) error {
	var in signInInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	byLink, err := byMagicLink(in.Method)
	if err != nil {
		return err
	}
	if byLink {
		return e.answerMagicLink(w, r, http.StatusOK, MagicLinkParams{Email: in.Email, CallbackURL: in.CallbackURL, Locale: in.Locale})
	}
	ctx := WithDeviceToken(r.Context(), cmp.Or(in.DeviceToken, rememberedIn(e.kernel, r)))
	signed, err := e.passwords.SignIn(ctx, SignInParams{Email: in.Email, Password: in.Password})
	if in.MFACode != "" && errors.Is(err, ErrMFARequired) {
		pause := asError(err)
		ticket, _ := pause.Details["mfaToken"].(string)
		done, completion := e.mfa.Verify(withBrowser(ctx, pause.browser), VerifyMFAParams{Ticket: ticket, Code: in.MFACode})
		signed, err = done.SignedIn, completion
	}
	if err != nil {
		return err
	}
	return writeSignedIn(e.kernel, w, r, http.StatusOK, &signed, false)
}

type signUpInput struct {
	Method      *string `json:"method"`
	Email       string  `json:"email"`
	Password    string  `json:"password"`
	Name        string  `json:"name"`
	CallbackURL string  `json:"callbackUrl"`
	Locale      string  `json:"locale"`
	// InvitationToken is for a sign-up with a password.
	InvitationToken string `json:"invitationToken"`
}

func (e *emailDoors) handleSignUp(w http.ResponseWriter, r *http.Request) error {
	var in signUpInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	byLink, err := byMagicLink(in.Method)
	if err != nil {
		return err
	}
	if byLink {
		return e.answerMagicLink(w, r, http.StatusCreated, MagicLinkParams{Email: in.Email, CallbackURL: in.CallbackURL, Locale: in.Locale})
	}
	result, err := e.signUps.Create(asked(r), SignUpParams{
		Email: in.Email, Password: in.Password, Name: in.Name, CallbackURL: in.CallbackURL, Locale: in.Locale, InvitationToken: in.InvitationToken,
	})
	if err != nil {
		return err
	}
	if result.SignedIn == nil {
		return writeSent(w, http.StatusCreated, in.Email, "")
	}
	return writeSignedIn(e.kernel, w, r, http.StatusCreated, result.SignedIn, false)
}

// byMagicLink reads the method of a sign-up or sign-in. The default is
// "password".
func byMagicLink(method *string) (bool, error) {
	switch {
	case method == nil || *method == "password":
		return false, nil
	case *method == "magiclink":
		return true, nil
	}
	return false, ErrInvalidRequest.detail("method", "must be password or magiclink")
}

// answerMagicLink answers a request for a magic link. The answer is the same
// for every address. A sign-up with an address that has an account signs in to
// this account.
func (e *emailDoors) answerMagicLink(w http.ResponseWriter, r *http.Request, status int, in MagicLinkParams) error {
	in.SignUp = status == http.StatusCreated
	id, err := e.magicLinks.Request(asked(r), in)
	if err != nil {
		return err
	}
	return writeSent(w, status, in.Email, id)
}
