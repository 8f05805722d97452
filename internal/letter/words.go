package letter

import (
	"html/template"
	"strings"

	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/mailer"
)

// A message of a kind has these texts, with the key "mail.<kind>.<part>". The kind
// has the parts that the English texts have:
//
//	subject, heading
//	preheader      what mail programs show next to the subject
//	opening        the first paragraphs
//	when           the label of the time; without it, the time, the device and the
//	               address are not shown
//	aboveButton, button, belowButton   shown if there is a link
//	withoutLink    shown if there is none
//	operator.opening, operator.withoutLink   in place of opening and of all that is
//	               shown with or without a link, if an operator did it
//	               (mailer.Values.ByOperator)
//	aboveCode      shown if there is a code
//	code.preheader, code.opening, code.button   of a message whose link signs nobody
//	               in (mailer.Values.CodeOnly): the code comes first, and the button
//	               says that it explains the code
//	closing        what a reader can do, in smaller letters, who did not ask for the
//	               message
//
// A part with paragraphs has a line for each. {site:text}, {name:text}, {email:text},
// {newEmail:text}, {provider:text}, {inviter:text}, {inviterEmail:text}, {label:text},
// {resource:text} and {lasts:text} are facts. A paragraph with a
// missing fact is left out.

// rules are those of a kind, which no language changes.
type rules struct {
	// needsLink says that the message needs a link, or a code if it shows one.
	needsLink bool
	// named greets the reader by name if the account's address is verified
	// (mailer.Values). A message to another address does not.
	named bool
}

// rulesOf returns the rules of a kind. Most messages are notices to the owner of an
// account.
func rulesOf(kind mailer.Kind) rules {
	switch kind {
	case mailer.SignupConfirmation, mailer.EmailVerification, mailer.Invitation:
		return rules{needsLink: true}
	case mailer.PasswordReset, mailer.MagicLink, mailer.AccountWithdrawn:
		return rules{needsLink: true, named: true}
	case mailer.AccountExists:
		return rules{}
	}
	return rules{named: true}
}

// fontsOf are fonts that come before the usual fonts, for scripts that these lack.
func fontsOf(tag string) template.CSS {
	language, _, _ := strings.Cut(tag, "-")
	switch language {
	case "ja":
		return "'Hiragino Sans','Hiragino Kaku Gothic ProN','Yu Gothic UI',Meiryo,'Noto Sans JP','Noto Sans CJK JP',"
	case "ko":
		return "'Apple SD Gothic Neo','Malgun Gothic','Noto Sans KR','Noto Sans CJK KR',"
	case "zh":
		return "'PingFang SC','Microsoft YaHei','Noto Sans SC','Noto Sans CJK SC',"
	}
	return ""
}

// words are the texts of a message in a language.
type words struct {
	*texts.Catalogue
	kind  mailer.Kind
	facts placeholders
}

// speaks reports whether a language has every text of a message. A message in which
// two languages are mixed looks like a fraud, so it is then written in another one.
func speaks(c *texts.Catalogue, kind mailer.Kind) bool {
	for _, key := range c.Keys() {
		of, named := strings.CutPrefix(key, "mail.")
		if named && (!strings.Contains(of, ".") || strings.HasPrefix(of, string(kind)+".")) && !c.HasOwn(key) {
			return false
		}
	}
	return true
}

// raw returns a text of the kind with its placeholders, or "".
func (w words) raw(part string) string { return w.Raw("mail." + string(w.kind) + "." + part) }

// one returns a text of the kind.
func (w words) one(part string) string { return w.facts.fill(w.raw(part)) }

// each returns the paragraphs of a text of the kind.
func (w words) each(part string) []string {
	if raw := w.raw(part); raw != "" {
		return w.facts.paragraphs(strings.Split(raw, "\n"))
	}
	return nil
}

// common returns a text that all messages share.
func (w words) common(part string) string { return w.facts.fill(w.Raw("mail." + part)) }
