package letter

import (
	"fmt"
	"time"

	"github.com/admit-go/admit/mailer"
)

var english = language{
	tag:       "en",
	greeting:  "Hello {name},",
	anonymous: "Hello,",
	device:    "Device",
	ipAddress: "IP address",
	copyLink:  "If the button does not work, copy this address into your browser:",
	footer:    "This is an automatic message from {site}.",
	moment: func(t time.Time) string {
		return t.UTC().Format("Monday, 2 January 2006, 15:04 UTC")
	},
	lasts: func(from, until time.Time) string {
		if life := until.Sub(from); !from.IsZero() && life > 0 {
			return "for " + englishDuration(life)
		}
		return "until " + until.UTC().Format("2 January 2006, 15:04 UTC")
	},
	letters: map[mailer.Kind]words{
		mailer.SignupConfirmation: {
			subject:   "Confirm your sign-up at {site}",
			preheader: "Please say whether it was you who signed up with this address.",
			heading:   "Was this you?",
			opening:   []string{"An account at {site} was made with your e-mail address."},
			when:      "Signed up",
			aboveButton: []string{
				"Please open the page below. It lets you confirm that the account is yours, or say “I did not create this”, which deletes it.",
			},
			button:      "Confirm or decline",
			belowButton: []string{"The link works {lasts}."},
			closing:     []string{"If it was not you, please do choose “I did not create this”: nobody can then use your address there."},
			needsLink:   true,
		},
		mailer.EmailVerification: {
			subject:     "Confirm your e-mail address for {site}",
			preheader:   "One step, and your address is confirmed.",
			heading:     "Confirm your e-mail address",
			opening: []string{
				"Somebody asked to use this e-mail address with an account at {site}.",
				"The account's present address is {email}. When you confirm, this address takes its place.",
			},
			when:        "Asked for",
			aboveButton: []string{"If it was you, please confirm that the address is yours:"},
			button:      "Confirm address",
			belowButton: []string{"The link works once, {lasts}."},
			closing:     []string{"If it was not you, ignore this message: without your confirmation the address is not used."},
			needsLink:   true,
		},
		mailer.PasswordReset: {
			subject:     "Choose a new password for {site}",
			preheader:   "The link in this message lets you choose a new password.",
			heading:     "Choose a new password",
			opening:     []string{"Somebody, we hope you, asked for a new password for your account at {site}."},
			when:        "Asked for",
			aboveButton: []string{"If it was you, choose it here:"},
			button:      "Choose a new password",
			belowButton: []string{"The link works once, {lasts}. When you use it, every device is signed out."},
			closing:     []string{"If it was not you, ignore this message: your password stays as it is. Please do not pass the link on to anybody."},
			needsLink:   true,
			named:       true,
		},
		mailer.MagicLink: {
			subject:     "Sign in to {site}",
			preheader:   "The link in this message signs you in.",
			heading:     "Sign in to {site}",
			opening:     []string{"Somebody, we hope you, asked to sign in with this e-mail address."},
			when:        "Asked for",
			aboveButton: []string{"If it was you, continue here:"},
			button:      "Sign in",
			belowButton: []string{"The link works once, {lasts}."},
			aboveCode:   "Or type this code where you asked to sign in:",
			closing:     []string{"If it was not you, ignore this message: nobody gets in without it. Please pass neither link nor code on to anybody; {site} never asks for them."},
			needsLink:   true,
			named:       true,
		},
		mailer.AccountExists: {
			subject:     "You already have an account at {site}",
			preheader:   "Somebody tried to sign up with your address. Nothing was changed.",
			heading:     "You already have an account",
			opening:     []string{"Somebody tried to sign up at {site} with your e-mail address. There is an account with this address already, so no other was made and nothing was changed."},
			when:        "Tried",
			aboveButton: []string{"If it was you, sign in instead:"},
			button:      "Sign in",
			withoutLink: []string{"If it was you, sign in instead, and ask for a new password there if you have forgotten yours."},
			closing:     []string{"If it was not you, there is nothing you need to do: nobody got in."},
		},
		mailer.PasswordChanged: {
			subject:     "Your password for {site} was changed",
			preheader:   "If it was not you, please act now.",
			heading:     "Your password was changed",
			opening:     []string{"The password of your account at {site} was changed, and every device was signed out."},
			when:        "Changed",
			aboveButton: []string{"If it was you, there is nothing else to do.", "If it was not you, choose a new password at once:"},
			button:      "Choose a new password",
			withoutLink: []string{
				"If it was you, there is nothing else to do.",
				"If it was not you, ask for a new password on the sign-in page at once. Change the password of this mailbox too.",
			},
			named: true,
		},
		mailer.EmailChanged: {
			subject:   "The e-mail address of your account at {site} was changed",
			preheader: "If it was not you, you can undo it.",
			heading:   "Your e-mail address was changed",
			opening:   []string{"The e-mail address of your account at {site} was changed.", "The new address is {newEmail}."},
			when:      "Changed",
			aboveButton: []string{
				"If it was you, there is nothing else to do.",
				"If it was not you, take your account back. That restores the old address, signs every device out and sends you a link to choose a new password:",
			},
			button:      "Undo the change",
			belowButton: []string{"The link works {lasts}."},
			withoutLink: []string{
				"If it was you, there is nothing else to do.",
				"If it was not you, write to the people who run {site} at once.",
			},
			named: true,
		},
		mailer.NewDevice: {
			subject:     "New sign-in to {site}",
			preheader:   "Somebody signed in to your account from a device we did not know.",
			heading:     "New sign-in to your account",
			opening:     []string{"Somebody signed in to your account at {site} from a device that was not known before."},
			when:        "Signed in",
			aboveButton: []string{"If it was you, there is nothing else to do.", "If it was not you, choose a new password at once:"},
			button:      "Choose a new password",
			withoutLink: []string{
				"If it was you, there is nothing else to do.",
				"If it was not you, ask for a new password on the sign-in page at once. That signs every device out.",
			},
			named: true,
		},
		mailer.AccountDeleted: {
			subject:   "Your account at {site} was deleted",
			preheader: "You can no longer sign in with it.",
			heading:   "Your account was deleted",
			opening:   []string{"Your account at {site} was deleted. You can no longer sign in with it."},
			when:      "Deleted",
			closing:   []string{"If it was not you, write to the people who run {site} at once."},
			named:     true,
		},
	},
}

// englishDuration rounds down to what people say. What misses a full minute by
// the moments that passed while the message was made counts as full.
func englishDuration(d time.Duration) string {
	d = d.Round(time.Minute)
	unit, name := time.Minute, "minute"
	switch {
	case d > 48*time.Hour:
		unit, name = 24*time.Hour, "day"
	case d >= 2*time.Hour:
		unit, name = time.Hour, "hour"
	}
	count := max(1, int(d/unit))
	if count > 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", count, name)
}
