package pages

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/admit-go/admit"
)

// This file has the pages that send a mail, and those that a mail leads to.

func (v *visit) signUpPage() error {
	if v.signedIn {
		return v.goTo(v.onward())
	}
	if !v.view.Offers.SignUp {
		return admit.ErrSignUpDisabled
	}
	return v.show(http.StatusOK, "sign-up")
}

func (v *visit) signUp() error {
	email := v.form.Get("email")
	made, err := v.auth.SignUps.Create(v.r.Context(), admit.SignUpParams{
		Email: email, Password: v.form.Get("newPassword"), Name: v.form.Get("name"), Locale: v.words.Tag, CallbackURL: v.confirmed(),
	})
	switch {
	case errors.Is(err, admit.ErrSignUpDisabled):
		return err
	case err != nil:
		return v.paused(err, email, "sign-up", "email", "name")
	case made.SignedIn != nil:
		return v.enter(*made.SignedIn)
	}
	v.keepFlow(flow{Kind: flowSignUp, Email: email})
	return v.goTo(v.to("check-mail", v.returnTo()))
}

// confirmed is the page to which the confirmation of an address leads.
func (v *visit) confirmed() string {
	link := v.config.BaseURL + v.pages.Path + "/confirm"
	if to := v.returnTo(); to != "" {
		link += "?" + url.Values{"return_to": {to}}.Encode()
	}
	return link
}

// confirmedPage is where the page of a confirmation leads.
func (v *visit) confirmedPage() error {
	if v.r.URL.Query().Get("verified") == "false" {
		return admit.ErrTokenExpired
	}
	return v.show(http.StatusOK, "confirmed")
}

func (v *visit) forgotPage() error {
	v.view.values["email"] = v.flow.Email
	if v.signedIn {
		v.view.values["email"] = v.user.Email
	}
	return v.show(http.StatusOK, "forgot")
}

func (v *visit) forgot() error { return v.mailReset(v.form.Get("email"), "forgot") }

// mailReset sends a link to set a new password. The page after it is the same for
// every address.
func (v *visit) mailReset(email, name string) error {
	err := v.auth.PasswordResets.Request(v.r.Context(), admit.LinkParams{
		Email: email, CallbackURL: v.config.BaseURL + v.pages.Path + "/reset", Locale: v.words.Tag,
	})
	if err != nil {
		v.view.Email = email
		return v.refused(err, name, "email")
	}
	v.keepFlow(flow{Kind: flowReset, Email: email})
	return v.goTo(v.to("check-mail", v.returnTo()))
}

func (v *visit) resetPage() error {
	query := v.r.URL.Query()
	if v.view.Token = query.Get("token"); v.view.Token == "" {
		return admit.ErrInvalidToken
	}
	v.view.Email = query.Get("email")
	return v.show(http.StatusOK, "reset")
}

func (v *visit) reset() error {
	v.view.Token, v.view.Email = v.form.Get("token"), v.form.Get("email")
	_, err := v.auth.PasswordResets.Confirm(v.r.Context(), admit.ConfirmPasswordResetParams{
		Token: v.view.Token, NewPassword: v.form.Get("newPassword"),
	})
	switch {
	case isDeadLink(err):
		return err
	case err != nil:
		return v.refused(err, "reset")
	}
	// Every session has ended, that of this browser too.
	v.auth.Sessions.ClearCookie(v.w)
	v.keepFlow(flow{Kind: "done", Email: v.view.Email})
	return v.goTo(v.to("sign-in", "") + "?done=password-set")
}

// checkMailPage says that a mail is on its way. For a mailed link it takes the
// code of the same mail, for people who read their mail on another device.
func (v *visit) checkMailPage() error {
	switch v.flow.Kind {
	case flowLink, flowReset, flowSignUp, flowVerify, flowExpired:
	default:
		return v.goTo(v.to("sign-in", v.returnTo()))
	}
	v.aboutFlow()
	v.view.Done = v.said("sent-again")
	return v.show(http.StatusOK, "check-mail")
}

func (v *visit) checkMail() error {
	v.aboutFlow()
	ctx := v.r.Context()
	if v.form.Get("action") == "again" {
		return v.sendAgain()
	}
	if v.flow.Kind != flowLink {
		return v.checkMailPage()
	}
	signed, err := v.auth.MagicLinks.RedeemCode(ctx, admit.RedeemCodeParams{RequestID: v.flow.Ticket, Code: v.form.Get("mailCode")})
	switch {
	case err == nil:
		return v.enter(signed)
	case errors.Is(err, admit.ErrInvalidToken), errors.Is(err, admit.ErrInvalidRequest):
		text, failed := v.words.Text("check-mail.wrong")
		if failed != nil {
			return failed
		}
		v.view.errors["mailCode"] = text
		return v.show(http.StatusUnprocessableEntity, "check-mail")
	case errors.Is(err, admit.ErrTokenExpired):
		text, failed := v.words.Text("check-mail.old")
		if failed != nil {
			return failed
		}
		v.view.errors["mailCode"] = text
		return v.show(http.StatusUnprocessableEntity, "check-mail")
	}
	return v.paused(err, v.flow.Email, "check-mail")
}

// sendAgain mails what the browser waits for once more.
func (v *visit) sendAgain() error {
	ctx, email := v.r.Context(), v.flow.Email
	switch v.flow.Kind {
	case flowLink:
		return v.mailLink(email)
	case flowReset, flowExpired:
		return v.mailReset(email, "check-mail")
	case flowSignUp, flowVerify:
		if err := v.auth.Verifications.Request(ctx, admit.LinkParams{Email: email, Locale: v.words.Tag, CallbackURL: v.confirmed()}); err != nil {
			return v.refused(err, "check-mail")
		}
		link := v.to("check-mail", v.returnTo())
		separator := "?"
		if v.returnTo() != "" {
			separator = "&"
		}
		return v.goTo(link + separator + "done=sent-again")
	}
	return v.checkMailPage()
}

// verifyPage says that an address must be confirmed first: at a sign-in, or at a
// page of the host.
func (v *visit) verifyPage() error {
	switch {
	case v.signedIn && !v.user.EmailVerifiedAt.IsZero():
		return v.goTo(v.onward())
	case v.signedIn:
		v.view.Email = v.user.Email
	case v.flow.Kind == flowVerify:
		v.view.Email = v.flow.Email
	default:
		return v.goTo(v.to("sign-in", v.returnTo()))
	}
	return v.show(http.StatusOK, "verify")
}

func (v *visit) verify() error {
	email := v.flow.Email
	if v.signedIn {
		email = v.user.Email
	} else if v.flow.Kind != flowVerify {
		return v.verifyPage()
	}
	v.view.Email = email
	err := v.auth.Verifications.Request(v.r.Context(), admit.LinkParams{Email: email, Locale: v.words.Tag, CallbackURL: v.confirmed()})
	if err != nil {
		return v.refused(err, "verify")
	}
	v.keepFlow(flow{Kind: flowVerify, Email: email})
	return v.goTo(v.to("check-mail", v.returnTo()))
}

// expiredPage says that a password is too old, or has leaked.
func (v *visit) expiredPage() error {
	if v.flow.Kind != flowExpired {
		return v.goTo(v.to("sign-in", v.returnTo()))
	}
	v.view.Email = v.flow.Email
	return v.show(http.StatusOK, "expired")
}

func (v *visit) expired() error {
	if v.flow.Kind != flowExpired {
		return v.expiredPage()
	}
	return v.mailReset(v.flow.Email, "expired")
}
