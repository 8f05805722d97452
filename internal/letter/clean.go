package letter

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/admit-go/admit/mailer"
)

// longestValue is how many characters of a value that a user gave are shown.
const longestValue = 100

// clean makes every value one line of visible text. A value that a user chose
// also cannot look like a link. Link and Code come from the library and are not
// changed. SiteName comes from the host and may look like a host name.
func clean(v mailer.Values) mailer.Values {
	v.SiteName = cut(visible(v.SiteName))
	v.UserName = defang(v.UserName)
	v.Device = defang(v.Device)
	v.IPAddress = cut(visible(v.IPAddress))
	v.UserEmail = plainAddress(v.UserEmail)
	v.NewEmail = plainAddress(v.NewEmail)
	v.InviterName = defang(v.InviterName)
	v.InviterEmail = plainAddress(v.InviterEmail)
	v.InviterLabel = defang(v.InviterLabel)
	v.ResourceName = defang(v.ResourceName)
	return v
}

// visible replaces white space of every kind, line breaks included, by one
// space. It removes control characters, characters that change the direction of
// text, characters without a shape, and bytes that are not text.
func visible(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || unicode.In(r, unicode.Zl, unicode.Zp):
			space = b.Len() > 0
			continue
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) || r == utf8.RuneError:
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cut shortens s to longestValue characters.
func cut(s string) string {
	if len(s) <= longestValue {
		return s
	}
	count := 0
	for i := range s {
		if count == longestValue-1 && utf8.RuneCountInString(s[i:]) > 1 {
			return s[:i] + "…"
		}
		count++
	}
	return s
}

// scheme is the start of a link.
var scheme = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*:[/\\]+`)

// defang changes a text that a user chose, so that mail programs make no link
// of it and people do not take it for one. It removes the scheme, adds a space
// after a colon within a word, and writes a dot within a word as " [.] ",
// unless only a number or a single letter follows, as in versions and initials.
func defang(s string) string {
	runes := []rune(scheme.ReplaceAllString(cut(visible(s)), ""))
	var b strings.Builder
	for i, r := range runes {
		before := i > 0 && runes[i-1] != ' '
		switch {
		case isDot(r) && before && startsLabel(runes[i+1:]):
			b.WriteString(" [.] ")
		case isColon(r) && before && unicode.IsLetter(runes[i-1]) && i+1 < len(runes) && runes[i+1] != ' ':
			b.WriteRune(r)
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isDot reports whether browsers treat a character as a dot in a host name.
func isDot(r rune) bool { return strings.ContainsRune(".\u2024\u3002\uff0e\uff61", r) }

func isColon(r rune) bool { return r == ':' || r == '\uff1a' }

// startsLabel reports whether the text after a dot can be the last part of a
// host name: two or more characters, and not only digits.
func startsLabel(after []rune) bool {
	length, digits := 0, 0
	for _, r := range after {
		if r == ' ' || r != '-' && unicode.IsPunct(r) {
			break
		}
		length++
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return length >= 2 && digits < length
}

// plainAddress returns an e-mail address in a form that is safe to show. It
// leaves out a local part with unusual characters, or one that starts like a
// web address: a person who takes over an account chooses the new address, and
// so part of the text that the owner reads.
func plainAddress(s string) string {
	s = visible(s)
	at := strings.LastIndexByte(s, '@')
	if at < 0 || strings.ContainsFunc(s[at+1:], notOf(".-")) {
		return defang(s)
	}
	local, domain := s[:at], s[at:]
	if strings.ContainsFunc(local, notOf("._+-'")) || len(local) > 64 || strings.Contains(strings.ToLower(local), "www.") {
		local = "…"
	}
	return local + cut(domain)
}

// notOf returns a function that finds a character that is no letter, no digit
// and not in others.
func notOf(others string) func(rune) bool {
	return func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(others, r)
	}
}
