package letter

import (
	"fmt"
	"time"

	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/mailer"
)

var german = language{
	tag:       "de",
	greeting:  "Guten Tag {name},",
	anonymous: "Guten Tag,",
	device:    "Gerät",
	ipAddress: "IP-Adresse",
	copyLink:  "Falls die Schaltfläche nicht funktioniert, kopieren Sie bitte diese Adresse in Ihren Browser:",
	footer:    "Dies ist eine automatische Nachricht von {site}.",
	moment:    func(t time.Time) string { return germanDays[t.UTC().Weekday()] + ", " + locale.Moment("de", t) },
	lasts: func(from, until time.Time) string {
		if life := until.Sub(from); !from.IsZero() && life > 0 {
			return germanDuration(life) + " lang"
		}
		return "bis zum " + locale.Moment("de", until)
	},
	letters: map[mailer.Kind]words{
		mailer.SignupConfirmation: {
			subject:     "Bestätigen Sie Ihre Registrierung bei {site}",
			preheader:   "Noch ein Schritt, dann ist Ihr Konto bereit.",
			heading:     "Adresse bestätigen",
			opening:     []string{"Sie haben sich bei {site} mit dieser E-Mail-Adresse registriert. Bitte bestätigen Sie, dass sie Ihnen gehört."},
			when:        "Registriert",
			button:      "Adresse bestätigen",
			belowButton: []string{"Der Link ist {lasts} gültig."},
			closing:     []string{"Sie haben sich nicht registriert? Dann öffnen Sie bitte den Link und wählen Sie „Das war ich nicht“. Das Konto wird damit gelöscht."},
			needsLink:   true,
		},
		mailer.EmailVerification: {
			subject:   "Bestätigen Sie Ihre E-Mail-Adresse für {site}",
			preheader: "Noch ein Schritt, dann ist Ihre Adresse bestätigt.",
			heading:   "E-Mail-Adresse bestätigen",
			opening: []string{
				"Diese E-Mail-Adresse soll für ein Konto bei {site} verwendet werden. Bitte bestätigen Sie, dass sie Ihnen gehört.",
				"Das Konto hat jetzt die Adresse {email}. Wenn Sie bestätigen, tritt diese Adresse an ihre Stelle.",
			},
			when:        "Angefordert",
			button:      "Adresse bestätigen",
			belowButton: []string{"Der Link funktioniert einmal und ist {lasts} gültig."},
			closing:     []string{"Sie haben das nicht angefordert? Dann ignorieren Sie bitte diese Nachricht: Ohne Ihre Bestätigung wird die Adresse nicht verwendet."},
			needsLink:   true,
		},
		mailer.PasswordReset: {
			subject:     "Neues Passwort für {site} festlegen",
			preheader:   "Mit dem Link in dieser Nachricht legen Sie ein neues Passwort fest.",
			heading:     "Neues Passwort festlegen",
			opening:     []string{"Mit diesem Link legen Sie ein neues Passwort für Ihr Konto bei {site} fest."},
			when:        "Angefordert",
			button:      "Neues Passwort festlegen",
			belowButton: []string{"Der Link funktioniert einmal und ist {lasts} gültig. Wenn Sie ihn verwenden, werden Sie auf allen Geräten abgemeldet."},
			closing:     []string{"Sie haben das nicht angefordert? Dann ignorieren Sie bitte diese Nachricht: Ihr Passwort bleibt, wie es ist. Bitte geben Sie den Link an niemanden weiter."},
			needsLink:   true,
			named:       true,
		},
		mailer.MagicLink: {
			subject:     "Anmelden bei {site}",
			preheader:   "Mit dem Link in dieser Nachricht melden Sie sich an.",
			heading:     "Anmelden bei {site}",
			opening:     []string{"Mit diesem Link melden Sie sich bei {site} an."},
			when:        "Angefordert",
			button:      "Anmelden",
			belowButton: []string{"Der Link funktioniert einmal und ist {lasts} gültig."},
			aboveCode:   "Oder geben Sie diesen Code dort ein, wo Sie sich anmelden wollten:",
			codeOnly: codeOnly{
				preheader: "Mit dem Code in dieser Nachricht melden Sie sich an.",
				opening:   []string{"Geben Sie diesen Code dort ein, wo Sie sich anmelden wollten:"},
				button:    "So verwenden Sie den Code",
			},
			closing:   []string{"Sie haben das nicht angefordert? Dann ignorieren Sie bitte diese Nachricht: Ohne sie kommt niemand in Ihr Konto. Bitte geben Sie Link und Code an niemanden weiter; {site} fragt Sie nie danach."},
			needsLink: true,
			named:     true,
		},
		mailer.AccountExists: {
			subject:     "Sie haben bereits ein Konto bei {site}",
			preheader:   "Melden Sie sich einfach an. Es wurde nichts geändert.",
			heading:     "Sie haben bereits ein Konto",
			opening:     []string{"Diese E-Mail-Adresse wurde bei {site} eingegeben. Zu ihr gibt es bereits ein Konto, deshalb wurde kein weiteres angelegt und nichts geändert."},
			when:        "Eingegeben",
			aboveButton: []string{"Sie können sich mit dieser Adresse anmelden:"},
			button:      "Anmelden",
			withoutLink: []string{"Sie können sich mit dieser Adresse anmelden. Falls Sie Ihr Passwort vergessen haben, fordern Sie dort ein neues an."},
			closing:     []string{"Sie waren das nicht? Dann brauchen Sie nichts zu tun: Niemand hat Zugang zu Ihrem Konto erhalten."},
		},
		mailer.PasswordChanged: {
			subject:     "Ihr Passwort für {site} wurde geändert",
			preheader:   "Sie wurden auf allen Geräten abgemeldet.",
			heading:     "Ihr Passwort wurde geändert",
			opening:     []string{"Das Passwort Ihres Kontos bei {site} wurde geändert, und Sie wurden auf allen Geräten abgemeldet."},
			when:        "Geändert",
			aboveButton: []string{"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.", "Wenn Sie das nicht waren, legen Sie bitte sofort ein neues Passwort fest:"},
			button:      "Neues Passwort festlegen",
			withoutLink: []string{
				"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.",
				"Wenn Sie das nicht waren, fordern Sie bitte sofort auf der Anmeldeseite ein neues Passwort an. Ändern Sie auch das Passwort dieses Postfachs.",
			},
			named: true,
		},
		mailer.EmailChanged: {
			subject:   "Die E-Mail-Adresse Ihres Kontos bei {site} wurde geändert",
			preheader: "Ab sofort gilt die neue Adresse.",
			heading:   "Ihre E-Mail-Adresse wurde geändert",
			opening:   []string{"Die E-Mail-Adresse Ihres Kontos bei {site} wurde geändert.", "Die neue Adresse lautet {newEmail}."},
			when:      "Geändert",
			aboveButton: []string{
				"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.",
				"Wenn Sie das nicht waren, holen Sie Ihr Konto zurück. Damit gilt wieder die alte Adresse, alle Geräte werden abgemeldet, und Sie erhalten einen Link, um ein neues Passwort festzulegen:",
			},
			button:      "Änderung rückgängig machen",
			belowButton: []string{"Der Link ist {lasts} gültig."},
			withoutLink: []string{
				"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.",
				"Wenn Sie das nicht waren, wenden Sie sich bitte sofort an die Betreiber von {site}.",
			},
			named: true,
		},
		mailer.NewDevice: {
			subject:     "Neue Anmeldung bei {site}",
			preheader:   "Ihr Konto wurde auf einem bisher unbekannten Gerät verwendet.",
			heading:     "Neue Anmeldung in Ihrem Konto",
			opening:     []string{"In Ihrem Konto bei {site} gab es eine Anmeldung mit einem bisher unbekannten Gerät."},
			when:        "Angemeldet",
			aboveButton: []string{"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.", "Wenn Sie das nicht waren, legen Sie bitte sofort ein neues Passwort fest:"},
			button:      "Neues Passwort festlegen",
			withoutLink: []string{
				"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.",
				"Wenn Sie das nicht waren, fordern Sie bitte sofort auf der Anmeldeseite ein neues Passwort an. Damit werden alle Geräte abgemeldet.",
			},
			named: true,
		},
		mailer.AccountDeleted: {
			subject:   "Ihr Konto bei {site} wurde gelöscht",
			preheader: "Eine Anmeldung ist damit nicht mehr möglich.",
			heading:   "Ihr Konto wurde gelöscht",
			opening:   []string{"Ihr Konto bei {site} wurde gelöscht. Sie können sich damit nicht mehr anmelden."},
			when:      "Gelöscht",
			closing:   []string{"Wenn Sie das nicht waren, wenden Sie sich bitte sofort an die Betreiber von {site}."},
			named:     true,
		},
		mailer.MFAEnabled: {
			subject:     "Anmeldung in zwei Schritten bei {site} eingeschaltet",
			preheader:   "Ab jetzt gehört zur Anmeldung auch ein Code.",
			heading:     "Anmeldung in zwei Schritten eingeschaltet",
			opening:     []string{"Für Ihr Konto bei {site} wurde eine Authenticator-App eingerichtet. Ab jetzt wird bei der Anmeldung auch einer ihrer Codes verlangt.", "Bewahren Sie Ihre Wiederherstellungscodes sicher auf: Jeder von ihnen ersetzt die App einmal."},
			when:        "Eingeschaltet",
			aboveButton: []string{"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.", "Wenn Sie das nicht waren, legen Sie bitte sofort ein neues Passwort fest:"},
			button:      "Neues Passwort festlegen",
			withoutLink: []string{
				"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.",
				"Wenn Sie das nicht waren, fordern Sie bitte sofort auf der Anmeldeseite ein neues Passwort an und wenden Sie sich an die Betreiber von {site}.",
			},
			named: true,
		},
		mailer.MFADisabled: {
			subject:     "Anmeldung in zwei Schritten bei {site} ausgeschaltet",
			preheader:   "Ab jetzt wird bei der Anmeldung kein Code verlangt.",
			heading:     "Anmeldung in zwei Schritten ausgeschaltet",
			opening:     []string{"Die Authenticator-App und die Wiederherstellungscodes Ihres Kontos bei {site} wurden entfernt. Ab jetzt wird bei der Anmeldung kein Code verlangt."},
			when:        "Ausgeschaltet",
			aboveButton: []string{"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.", "Wenn Sie das nicht waren, legen Sie bitte sofort ein neues Passwort fest:"},
			button:      "Neues Passwort festlegen",
			withoutLink: []string{
				"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.",
				"Wenn Sie das nicht waren, fordern Sie bitte sofort auf der Anmeldeseite ein neues Passwort an und wenden Sie sich an die Betreiber von {site}.",
			},
			named: true,
		},
		mailer.RecoveryCodesMade: {
			subject:     "Neue Wiederherstellungscodes für Ihr Konto bei {site}",
			preheader:   "Die bisherigen Codes sind ungültig.",
			heading:     "Ihre Wiederherstellungscodes wurden ersetzt",
			opening:     []string{"Für Ihr Konto bei {site} wurden neue Wiederherstellungscodes erstellt. Die bisherigen Codes sind ungültig."},
			when:        "Ersetzt",
			aboveButton: []string{"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.", "Wenn Sie das nicht waren, legen Sie bitte sofort ein neues Passwort fest:"},
			button:      "Neues Passwort festlegen",
			withoutLink: []string{
				"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.",
				"Wenn Sie das nicht waren, fordern Sie bitte sofort auf der Anmeldeseite ein neues Passwort an und wenden Sie sich an die Betreiber von {site}.",
			},
			named: true,
		},
		mailer.RecoveryCodeUsed: {
			subject:     "Ein Wiederherstellungscode wurde bei {site} verwendet",
			preheader:   "Der Code ist jetzt ungültig.",
			heading:     "Ein Wiederherstellungscode wurde verwendet",
			opening:     []string{"Bei Ihrem Konto bei {site} wurde ein Wiederherstellungscode anstelle eines Codes der Authenticator-App verwendet. Er ist jetzt ungültig."},
			when:        "Verwendet",
			aboveButton: []string{"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.", "Wenn Sie das nicht waren, legen Sie bitte sofort ein neues Passwort fest:"},
			button:      "Neues Passwort festlegen",
			withoutLink: []string{
				"Wenn Sie das waren, brauchen Sie nichts weiter zu tun.",
				"Wenn Sie das nicht waren, fordern Sie bitte sofort auf der Anmeldeseite ein neues Passwort an und wenden Sie sich an die Betreiber von {site}.",
			},
			named: true,
		},
	},
}

var germanDays = [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}

func germanDuration(d time.Duration) string {
	count, unit := amount(d)
	names := map[time.Duration][2]string{time.Minute: {"Minute", "Minuten"}, time.Hour: {"Stunde", "Stunden"}, 24 * time.Hour: {"Tag", "Tage"}}[unit]
	if count == 1 {
		return "1 " + names[0]
	}
	return fmt.Sprintf("%d %s", count, names[1])
}
