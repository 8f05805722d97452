package ui

import "strconv"

var german = catalogue{
	tag:         "de",
	newPassword: "Neues Passwort",
	hint: func(minLength int, rules []string) string {
		return "Mindestens " + strconv.Itoa(minLength) + " Zeichen" + before(", ", rules) + ". Ein paar Wörter, die nichts miteinander zu tun haben, eignen sich gut."
	},
	texts: map[string]string{
		// Who an address belongs to.
		"When you confirm it, the account below has the new address instead of its present one.":          "Wenn Sie bestätigen, hat das folgende Konto die neue Adresse statt seiner bisherigen.",
		"If the account is not yours, or you did not ask for this, close this page: nothing will change.": "Wenn das Konto nicht Ihres ist oder Sie das nicht angefordert haben, schließen Sie diese Seite: Es ändert sich nichts.",
		"New address": "Neue Adresse",
		"API keys that this account has made still work. Revoke those that you do not know.":                                                                       "API-Schlüssel dieses Kontos gelten weiter. Widerrufen Sie die, die Sie nicht kennen.",
		"Revoke the API keys that this account has made, too":                                                                                                      "Auch die API-Schlüssel dieses Kontos widerrufen",
		"This address was used to sign up more than once. When you confirm it, we mail you a link to set a password. Passwords that were set before stop working.": "Mit dieser Adresse hat sich mehr als einmal jemand registriert. Wenn Sie bestätigen, erhalten Sie per E-Mail einen Link, um ein Passwort festzulegen. Früher gesetzte Passwörter gelten dann nicht mehr.",
		"This address was used to sign up more than once. Look into your mailbox for a link to set your password.":                                                 "Mit dieser Adresse hat sich mehr als einmal jemand registriert. In Ihrem Postfach finden Sie einen Link, um Ihr Passwort festzulegen.",

		// Confirming an address.
		"Confirm your address":  "Adresse bestätigen",
		"Confirm my address":    "Meine Adresse bestätigen",
		"I did not create this": "Das war ich nicht",
		"Confirm that this e-mail address is yours. Then your account is ready.": "Bestätigen Sie, dass diese E-Mail-Adresse Ihnen gehört. Dann ist Ihr Konto bereit.",
		"Somebody signed up here with this address. If it was you, confirm it.":  "Mit dieser Adresse hat sich hier jemand registriert. Wenn Sie das waren, bestätigen Sie bitte die Adresse.",
		"Your address is confirmed":                             "Ihre Adresse ist bestätigt",
		"You can close this page and go on where you left off.": "Sie können diese Seite schließen und dort weitermachen, wo Sie aufgehört haben.",
		"Delete this account?":                                  "Dieses Konto löschen?",
		"Delete the account":                                    "Konto löschen",
		"Keep the account":                                      "Konto behalten",
		"The account was deleted":                               "Das Konto wurde gelöscht",
		"Nothing else was stored under your address. You can close this page.": "Unter Ihrer Adresse ist nichts weiter gespeichert. Sie können diese Seite schließen.",
		"Confirm this address": "Diese Adresse bestätigen",
		"Confirm that this e-mail address is to be used with your account here.": "Bestätigen Sie, dass diese E-Mail-Adresse für Ihr Konto verwendet werden soll.",
		"If you did not ask for this, close this page: nothing will change.":     "Wenn Sie das nicht angefordert haben, schließen Sie diese Seite: Es ändert sich nichts.",

		// A change of address that is taken back.
		"Take the change of address back": "Addressänderung rückgängig machen",
		"Take it back":                    "Rückgängig machen",
		"The account moved to another address. If that was not you, take it back.":            "Für das Konto gilt jetzt eine andere Adresse. Wenn Sie das nicht waren, machen Sie die Änderung rückgängig.",
		"Every device will be signed out, and we will mail you a link to set a new password.": "Alle Geräte werden abgemeldet, und Sie erhalten per E-Mail einen Link, um ein neues Passwort festzulegen.",
		"Your address is back": "Ihre Adresse gilt wieder",
		"Every device was signed out. Look into your mailbox for a link to set a new password.": "Alle Geräte wurden abgemeldet. In Ihrem Postfach finden Sie einen Link, um ein neues Passwort festzulegen.",

		// Passwords.
		"Choose a new password":                                       "Neues Passwort festlegen",
		"Set the password":                                            "Passwort festlegen",
		"You will be signed out on every device.":                     "Sie werden auf allen Geräten abgemeldet.",
		"Your password is set":                                        "Ihr Passwort ist festgelegt",
		"Every device was signed out. Sign in with the new password.": "Alle Geräte wurden abgemeldet. Melden Sie sich mit dem neuen Passwort an.",
		"an upper-case letter":                                        "ein Großbuchstabe",
		"a lower-case letter":                                         "ein Kleinbuchstabe",
		"a digit":                                                     "eine Ziffer",
		"a sign that is neither letter nor digit":                     "ein Zeichen, das weder Buchstabe noch Ziffer ist",

		// Signing in.
		"Sign in with your code": "Mit dem Code anmelden",
		"To sign in, go back to where you asked for this mail and type the six digits from the mail.": "Gehen Sie zum Anmelden dorthin zurück, wo Sie diese E-Mail angefordert haben, und geben Sie die sechs Ziffern aus der E-Mail ein.",
		"If you did not ask to sign in, close this page: nobody was signed in by opening it.":         "Wenn Sie sich nicht anmelden wollten, schließen Sie diese Seite: Durch das Öffnen wurde niemand angemeldet.",
		"Sign in": "Anmelden",

		// Links that are too old, and what is left.
		"That did not work":  "Das hat nicht funktioniert",
		"Send me a new link": "Neuen Link senden",
		"Check your mail":    "Sehen Sie in Ihr Postfach",
		"If this address can be used here, a mail with a new link is on its way. Older links stop working.": "Wenn diese Adresse hier verwendet werden kann, ist eine E-Mail mit einem neuen Link unterwegs. Ältere Links werden damit ungültig.",
		"Nothing there after some minutes? Look in your junk mail too.":                                     "Nach einigen Minuten ist nichts da? Sehen Sie auch im Spam-Ordner nach.",
		"Done already":     "Bereits erledigt",
		"Go on":            "Weiter",
		"To the home page": "Zur Startseite",

		"This link is too old.":                                   "Dieser Link ist zu alt.",
		"Links work once and only for a while.":                   "Links funktionieren nur einmal und nur für eine begrenzte Zeit.",
		"Ask for a new one where you asked for this one.":         "Fordern Sie dort einen neuen an, wo Sie diesen angefordert haben.",
		"This address is confirmed. There is nothing left to do.": "Diese Adresse ist bestätigt. Sie müssen nichts weiter tun.",
		"If you did not sign up here, delete the account that was made with your address. This cannot be undone.": "Wenn Sie sich hier nicht registriert haben, löschen Sie das Konto, das mit Ihrer Adresse angelegt wurde. Das lässt sich nicht rückgängig machen.",
		"Reference":                            "Referenz",
		"Something went wrong on our side.":    "Bei uns ist etwas schiefgegangen.",
		"This path does not take that method.": "Diese Seite kann so nicht aufgerufen werden.",
		"The link may have been cut on its way. Open it from the mail once more, or copy the whole of it.": "Der Link wurde vielleicht unterwegs abgeschnitten. Öffnen Sie ihn noch einmal aus der E-Mail, oder kopieren Sie ihn vollständig.",

		// Labels.
		"Address":    "Adresse",
		"Account":    "Konto",
		"Device":     "Gerät",
		"Signed up":  "Registriert",
		"Asked for":  "Angefordert",
		"IP address": "IP-Adresse",

		// Errors.
		"The service is not available at the moment. Please try again.": "Der Dienst ist zurzeit nicht verfügbar. Bitte versuchen Sie es noch einmal.",
		"There is nothing here.":                                          "Hier ist nichts.",
		"The request could not be understood.":                            "Die Anfrage wurde nicht verstanden.",
		"Too many requests. Please wait a while.":                         "Zu viele Anfragen. Bitte warten Sie eine Weile.",
		"Too many messages were asked for. Please wait a while.":          "Es wurden zu viele Nachrichten angefordert. Bitte warten Sie eine Weile.",
		"Too many attempts. Please wait a while, or sign in another way.": "Zu viele Versuche. Bitte warten Sie eine Weile, oder melden Sie sich auf einem anderen Weg an.",
		"This link is not valid, or was used already.":                    "Dieser Link ist ungültig oder wurde bereits verwendet.",
		"This link is too old. Please ask for a new one.":                 "Dieser Link ist zu alt. Bitte fordern Sie einen neuen an.",
		"The token is not valid.":                                         "Der Link ist ungültig.",
		"The token has expired.":                                          "Der Link ist abgelaufen.",
		"That is not a place to return to.":                               "Dorthin kann nicht weitergeleitet werden.",
		"That is not an e-mail address we can use.":                       "Diese E-Mail-Adresse kann nicht verwendet werden.",
		"That password is too easy to guess. Please choose another.":      "Dieses Passwort ist zu leicht zu erraten. Bitte wählen Sie ein anderes.",
		"The new password must differ from the current one.":              "Das neue Passwort muss sich vom bisherigen unterscheiden.",
		"The password does not meet the rules.":                           "Das Passwort erfüllt die Vorgaben nicht.",
		"The account does not exist any more.":                            "Das Konto gibt es nicht mehr.",
		"There is no such account.":                                       "Dieses Konto gibt es nicht.",
		"The account is banned.":                                          "Das Konto ist gesperrt.",
		"The account was changed at the same time. Please try again.":     "Das Konto wurde gleichzeitig geändert. Bitte versuchen Sie es noch einmal.",
		"The address is verified already.":                                "Die Adresse ist bereits bestätigt.",
		"There is already an account with this address.":                  "Zu dieser Adresse gibt es bereits ein Konto.",
		"The address or the password is wrong.":                           "Die Adresse oder das Passwort ist falsch.",
		"Please confirm your address first: we have sent you a mail.":     "Bitte bestätigen Sie zuerst Ihre Adresse: Wir haben Ihnen eine E-Mail gesendet.",
		"The session has ended. Please sign in again.":                    "Die Sitzung ist beendet. Bitte melden Sie sich erneut an.",
		"Please sign in.":                                                 "Bitte melden Sie sich an.",
		"You may not do that.":                                            "Dazu sind Sie nicht berechtigt.",
		"Signing in by link is not switched on.":                          "Die Anmeldung per Link ist nicht eingeschaltet.",
	},
}
