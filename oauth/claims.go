package oauth

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	jsonv2 "github.com/go-json-experiment/json"
)

// The bounds of what a provider says of a person.
const (
	maxSubject = 255 // OpenID Connect Core, section 2
	maxName    = 200
	maxAddress = 254
	maxPicture = 2048
)

// claims are the members of a JSON object. A member of another type than the one that
// is asked for counts as absent, so that an odd picture keeps nobody out; names are
// compared exactly, and an object that has a name twice is none.
type claims map[string]jsontext.Value

func readClaims(text []byte) (claims, bool) {
	var c claims
	if err := jsonv2.Unmarshal(text, &c); err != nil || c == nil {
		return nil, false
	}
	return c, true
}

// text is a member that is a string, or empty.
func (c claims) text(name string) string {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return ""
	}
	return text
}

// texts is a member that is a list of strings, or nil.
func (c claims) texts(name string) []string {
	var list []string
	if json.Unmarshal(c[name], &list) != nil {
		return nil
	}
	return list
}

// yes is a member that is true: the boolean alone, and none of the words that mean it.
func (c claims) yes(name string) bool { return string(c[name]) == "true" }

// yesInWords is for providers whose documents say that the boolean may come as a string.
func (c claims) yesInWords(name string) bool {
	return c.yes(name) || string(c[name]) == `"true"`
}

// object is a member that is an object, or nil.
func (c claims) object(name string) claims {
	inner, _ := readClaims(c[name])
	return inner
}

// number is a member that is a whole number above zero, as its digits, or empty.
func (c claims) number(name string) string {
	digits := string(c[name])
	if digits == "" || len(digits) > 20 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits
}

// isSubject says whether a text can be a subject: it is compared byte by byte, so it
// has no control characters that hide in a log, and a bounded length.
func isSubject(subject string) bool {
	return subject != "" && len(subject) <= maxSubject && utf8.ValidString(subject) && !strings.ContainsFunc(subject, unicode.IsControl)
}

// name is a text of the profile, cut to its length, without control characters.
func name(text string) string {
	text = strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == utf8.RuneError {
			return -1
		}
		return c
	}, text))
	for i := range text {
		if utf8.RuneCountInString(text[:i]) == maxName {
			return text[:i]
		}
	}
	return text
}

// address is a mail address as the provider sent it, or empty if it can be none.
// Package admit reads it by its own rules.
func address(text string) string {
	local, domain, found := strings.Cut(text, "@")
	if !found || local == "" || domain == "" || len(text) > maxAddress || !utf8.ValidString(text) ||
		strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) }) {
		return ""
	}
	return text
}

// picture is the address of a picture, or empty if it is not https.
func picture(text string) string {
	if !strings.HasPrefix(text, "https://") || len(text) > maxPicture || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return ""
	}
	return text
}

// domainOf is the domain of an address in lower case.
func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}
