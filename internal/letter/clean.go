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

// clean makes every value one line that holds only what is visible, and takes
// from those that a user chooses the look of a link. Link and Code come from
// the library and stay as they are; SiteName is the host's own and may look
// like a host name.
func clean(v mailer.Values) mailer.Values {
	v.SiteName = cut(visible(v.SiteName))
	v.UserName = defang(v.UserName)
	v.Device = defang(v.Device)
	v.IPAddress = cut(visible(v.IPAddress))
	v.UserEmail = plainAddress(v.UserEmail)
	v.NewEmail = plainAddress(v.NewEmail)
	return v
}

// visible makes white space of every kind, line breaks too, one space, and
// leaves out control characters, characters that turn the direction of text or
// have no shape, and bytes that are no text.
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

// scheme is how a link starts.
var scheme = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*:[/\\]+`)

// defang makes of s, which a user chose, a text that mail programs make no
// link of and people do not take for one: the scheme goes, a colon within a
// word gets a space, and a dot within a word becomes " [.] ", unless only a
// number or a single letter follows, as in versions and initials.
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

// isDot knows what browsers take for a dot in a host name.
func isDot(r rune) bool { return strings.ContainsRune(".\u2024\u3002\uff0e\uff61", r) }

func isColon(r rune) bool { return r == ':' || r == '\uff1a' }

// startsLabel answers whether what follows a dot can be the part of a host name
// that ends one: two characters or more, and not only digits.
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

// plainAddress returns an e-mail address as it may be shown. A local part that
// is not of the usual kind, or that starts like a web address, is left out:
// whoever takes an account over chooses the new address, and with it what the
// owner reads.
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

// notOf finds what is no letter, no digit and none of others.
func notOf(others string) func(rune) bool {
	return func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(others, r)
	}
}
