package letter

import (
	"fmt"
	"time"

	"github.com/admit-go/admit/internal/locale"
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
		return "until " + locale.Moment("en", until)
	},
	letters: map[mailer.Kind]words{
		mailer.SignupConfirmation: {
			subject:     "Confirm your sign-up at {site}",
			preheader:   "One step, and your account is ready.",
			heading:     "Confirm your address",
			opening:     []string{"You signed up at {site} with this e-mail address. Please confirm that it is yours."},
			when:        "Signed up",
			button:      "Confirm your address",
			belowButton: []string{"The link works {lasts}."},
			closing:     []string{"You did not sign up? Then open the link and choose “I did not create this”. That deletes the account."},
			needsLink:   true,
		},
		mailer.EmailVerification: {
			subject:   "Confirm your e-mail address for {site}",
			preheader: "One step, and your address is confirmed.",
			heading:   "Confirm your e-mail address",
			opening: []string{
				"This e-mail address is to be used with an account at {site}. Please confirm that it is yours.",
				"The account has the address {email} now. When you confirm, this address takes its place.",
			},
			when:        "Asked for",
			button:      "Confirm your address",
			belowButton: []string{"The link works once, {lasts}."},
			closing:     []string{"You did not ask for this? Then ignore this message: without your confirmation the address is not used."},
			needsLink:   true,
		},
		mailer.PasswordReset: {
			subject:     "Choose a new password for {site}",
			preheader:   "The link in this message lets you choose a new password.",
			heading:     "Choose a new password",
			opening:     []string{"With this link you choose a new password for your account at {site}."},
			when:        "Asked for",
			button:      "Choose a new password",
			belowButton: []string{"The link works once, {lasts}. When you use it, every device is signed out."},
			closing:     []string{"You did not ask for this? Then ignore this message: your password stays as it is. Please do not pass the link on to anybody."},
			needsLink:   true,
			named:       true,
		},
		mailer.MagicLink: {
			subject:     "Sign in to {site}",
			preheader:   "The link in this message signs you in.",
			heading:     "Sign in to {site}",
			opening:     []string{"With this link you sign in to {site}."},
			when:        "Asked for",
			button:      "Sign in",
			belowButton: []string{"The link works once, {lasts}."},
			aboveCode:   "Or type this code where you asked to sign in:",
			codeOnly: codeOnly{
				preheader: "The code in this message signs you in.",
				opening:   []string{"Type this code where you asked to sign in:"},
				button:    "How to use the code",
			},
			closing:   []string{"You did not ask for this? Then ignore this message: nobody gets in without it. Please pass neither link nor code on to anybody; {site} never asks for them."},
			needsLink: true,
			named:     true,
		},
		mailer.AccountExists: {
			subject:     "You already have an account at {site}",
			preheader:   "Sign in instead. Nothing was changed.",
			heading:     "You already have an account",
			opening:     []string{"This e-mail address was entered at {site}. There is an account with it already, so no other was made and nothing was changed."},
			when:        "Entered",
			aboveButton: []string{"You can sign in with this address:"},
			button:      "Sign in",
			withoutLink: []string{"You can sign in with this address. If you have forgotten your password, ask for a new one there."},
			closing:     []string{"It was not you? Then there is nothing you need to do: nobody got in."},
		},
		mailer.PasswordChanged: {
			subject:     "Your password for {site} was changed",
			preheader:   "Every device was signed out.",
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
			preheader: "The new address is in use from now on.",
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
			preheader:   "Your account was used on a device that was not known before.",
			heading:     "New sign-in to your account",
			opening:     []string{"Your account at {site} was signed in to from a device that was not known before."},
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
		mailer.MFAEnabled: {
			subject:     "Two-step sign-in is on at {site}",
			preheader:   "From now on signing in asks for a code, too.",
			heading:     "Two-step sign-in is on",
			opening:     []string{"An authenticator app was set up for your account at {site}. From now on signing in asks for one of its codes, too.", "Keep your recovery codes in a safe place: each of them stands in for the app once."},
			when:        "Switched on",
			aboveButton: []string{"If it was you, there is nothing else to do.", "If it was not you, choose a new password at once:"},
			button:      "Choose a new password",
			withoutLink: []string{
				"If it was you, there is nothing else to do.",
				"If it was not you, ask for a new password on the sign-in page at once, and write to the people who run {site}.",
			},
			named: true,
		},
		mailer.MFADisabled: {
			subject:     "Two-step sign-in is off at {site}",
			preheader:   "From now on signing in asks for no code.",
			heading:     "Two-step sign-in is off",
			opening:     []string{"The authenticator app and the recovery codes of your account at {site} were removed. From now on signing in asks for no code."},
			when:        "Switched off",
			aboveButton: []string{"If it was you, there is nothing else to do.", "If it was not you, choose a new password at once:"},
			button:      "Choose a new password",
			withoutLink: []string{
				"If it was you, there is nothing else to do.",
				"If it was not you, ask for a new password on the sign-in page at once, and write to the people who run {site}.",
			},
			named: true,
		},
		mailer.RecoveryCodesMade: {
			subject:     "New recovery codes for your account at {site}",
			preheader:   "The codes from before are worth nothing any more.",
			heading:     "Your recovery codes were replaced",
			opening:     []string{"New recovery codes were made for your account at {site}. The codes from before are worth nothing any more."},
			when:        "Replaced",
			aboveButton: []string{"If it was you, there is nothing else to do.", "If it was not you, choose a new password at once:"},
			button:      "Choose a new password",
			withoutLink: []string{
				"If it was you, there is nothing else to do.",
				"If it was not you, ask for a new password on the sign-in page at once, and write to the people who run {site}.",
			},
			named: true,
		},
		mailer.RecoveryCodeUsed: {
			subject:     "A recovery code was used at {site}",
			preheader:   "The code is worth nothing any more.",
			heading:     "A recovery code was used",
			opening:     []string{"A recovery code of your account at {site} was used in place of a code of the authenticator app. It is worth nothing any more."},
			when:        "Used",
			aboveButton: []string{"If it was you, there is nothing else to do.", "If it was not you, choose a new password at once:"},
			button:      "Choose a new password",
			withoutLink: []string{
				"If it was you, there is nothing else to do.",
				"If it was not you, ask for a new password on the sign-in page at once, and write to the people who run {site}.",
			},
			named: true,
		},
	},
}

func englishDuration(d time.Duration) string {
	count, unit := amount(d)
	name := map[time.Duration]string{time.Minute: "minute", time.Hour: "hour", 24 * time.Hour: "day"}[unit]
	if count > 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", count, name)
}
