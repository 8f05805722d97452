package admit

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/unicode/norm"

	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/timezone"
)

// This file has what people can change of what they say of themselves, checks it, and
// brings it to the form in which it is kept.

// Errors about profiles.
var (
	ErrInvalidNickname = &Error{Code: "user/invalid-nickname", Status: http.StatusBadRequest, Message: "A nickname has 1 to 50 characters and no control characters."}
	ErrSlugTaken       = &Error{Code: "user/slug-taken", Status: http.StatusConflict, Message: "Another profile has this name."}
)

// UpdateProfileParams is what changes of a profile. A field that is not set stays as
// it is; "" clears it.
type UpdateProfileParams struct {
	UserID string
	// Name is 1 to 100 characters and cannot be cleared. It is the name of the account.
	Name Optional[string]
	// Nickname is 1 to 50 characters.
	Nickname Optional[string]
	// Mobile is a telephone number with "+" and the code of the country. Blanks,
	// hyphens and points are taken out.
	Mobile Optional[string]
	// Gender is "none", "male", "female" or "etc".
	Gender Optional[string]
	// Bio is at most 500 characters, and may have several lines.
	Bio Optional[string]
	// GitHub, Twitter and LinkedIn are https URLs of at most 300 characters.
	GitHub, Twitter, LinkedIn Optional[string]
}

// UpdatePreferencesParams is what changes of preferences. A field that is not set
// stays as it is; "" clears it.
type UpdatePreferencesParams struct {
	UserID string
	// Locale is a language (BCP 47) in any spelling.
	Locale Optional[string]
	// Timezone is a name of the IANA time zone database; the letters match in either
	// case.
	Timezone Optional[string]
	// Theme is "light", "dark" or "system".
	Theme Optional[string]
}

// UpdateNotificationsParams is what changes of notifications. A field that is not set
// stays as it is.
type UpdateNotificationsParams struct {
	UserID                                          string
	Service, Marketing, Push, Email, SMS, NightTime Optional[bool]
	// SecurityAlerts needs a recent proof of the person who switches it off, and mails
	// a notice of it.
	SecurityAlerts Optional[bool]
}

// UpdateOnboardingParams is what changes of an introduction. A field that is not set
// stays as it is.
type UpdateOnboardingParams struct {
	UserID string
	// Status is "pending", "in_progress" or "completed"; "" is "pending".
	Status Optional[string]
	// Step is at most 100 characters; "" clears it.
	Step Optional[string]
	// Data is JSON of at most 16 KiB, which takes the place of the data before; empty
	// data clears it.
	Data Optional[[]byte]
}

// UpdatePublicSettingsParams is what changes of public settings. A field that is not
// set stays as it is.
type UpdatePublicSettingsParams struct {
	UserID string
	// Slug is 3 to 40 of a-z, 0-9 and "-"; "" gives the name up.
	Slug Optional[string]
	// IsPublic needs a slug.
	IsPublic Optional[bool]
}

const (
	maxNickname = 50
	maxBio      = 500
	maxStep     = 100
	// maxLink is the greatest length of a link in bytes.
	maxLink = 300
	// maxOnboarding is the greatest size of the data of an introduction in bytes.
	maxOnboarding = 16 << 10
)

// checked collects what is wrong with the fields of a change.
type checked struct {
	// code is the error of the first field that has an error of its own.
	code    *Error
	reasons map[string]any
}

func (c *checked) refuse(field, reason string) {
	if c.reasons == nil {
		c.reasons = map[string]any{}
	}
	c.reasons[field] = reason
}

// err returns nil if nothing is wrong.
func (c *checked) err() error {
	if c.reasons == nil {
		return nil
	}
	refused := *ErrInvalidRequest
	if c.code != nil {
		refused = *c.code
	}
	refused.Details = c.reasons
	return &refused
}

// text checks a field that may be cleared, unless it is cleared.
func (c *checked) text(field string, at *Optional[string], clean func(string) (string, bool), reason string) bool {
	if !at.Set || at.Value == "" {
		return true
	}
	value, ok := clean(at.Value)
	if !ok {
		c.refuse(field, reason)
		return false
	}
	at.Value = value
	return true
}

// among says whether a text is one of a list.
func among(list ...string) func(string) (string, bool) {
	return func(text string) (string, bool) { return text, slices.Contains(list, text) }
}

func cleanNickname(nickname string) (string, bool) {
	name, ok := cleanName(nickname)
	return name, ok && utf8.RuneCountInString(name) <= maxNickname
}

// cleanBio trims a text of several lines, brings it to Unicode form NFC, and reports
// whether it may be shown. The directions of the text around it cannot be changed by
// it, which needs a character that opens or overrides a direction.
func cleanBio(bio string) (string, bool) {
	if len(bio) > 16*maxBio || !utf8.ValidString(bio) {
		return "", false
	}
	bio = norm.NFC.String(strings.TrimSpace(strings.ReplaceAll(bio, "\r\n", "\n")))
	steers := func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	}
	return bio, utf8.RuneCountInString(bio) <= maxBio && !strings.ContainsFunc(bio, steers)
}

// cleanMobile takes the blanks, hyphens and points out of a telephone number, and
// reports whether the rest has the form of E.164: a plus, and 7 to 15 digits of which
// the first is no zero. No country has shorter numbers.
func cleanMobile(mobile string) (string, bool) {
	if len(mobile) > 64 {
		return "", false
	}
	mobile = strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, mobile)
	digits, plus := strings.CutPrefix(mobile, "+")
	return mobile, plus && len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

// cleanLink reports whether a text is an https URL that leads to a host, and returns
// it in ASCII. A name and a password in front of the host would make another host look
// like the one that people know.
func cleanLink(link string) (string, bool) {
	link = strings.TrimSpace(link)
	if len(link) > maxLink || !utf8.ValidString(link) || strings.ContainsFunc(link, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\\' }) {
		return "", false
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Hostname() == "" || strings.Trim(u.Host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") != "" {
		return "", false
	}
	link = u.String()
	ascii := !strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>`{}|^", r) })
	return link, ascii && len(link) <= maxLink
}

// cleanLocale returns a language as an account keeps it.
func cleanLocale(tag string) (string, bool) {
	canonical := locale.Canonical(tag)
	return locale.Parse(canonical), canonical != ""
}

func cleanTimezone(name string) (string, bool) {
	found := timezone.Find(name)
	return found, found != ""
}

func cleanStep(step string) (string, bool) { return step, plainText(step, maxStep) }

func (c *checked) profile(in *UpdateProfileParams) {
	if in.Name.Set {
		name, ok := cleanName(in.Name.Value)
		if !ok {
			c.code = ErrInvalidName
			c.refuse("name", "must have 1 to 100 characters and no control characters")
		}
		in.Name.Value = name
	}
	if !c.text("nickname", &in.Nickname, cleanNickname, "must have 1 to 50 characters and no control characters") && c.code == nil {
		c.code = ErrInvalidNickname
	}
	c.text("mobile", &in.Mobile, cleanMobile, "must be a number in the form of E.164, such as +4915112345678")
	c.text("gender", &in.Gender, among("none", "male", "female", "etc"), "must be none, male, female or etc")
	c.text("bio", &in.Bio, cleanBio, "must have at most 500 characters and no control characters")
	c.text("socialLinks.github", &in.GitHub, cleanLink, "must be an https URL of at most 300 characters")
	c.text("socialLinks.twitter", &in.Twitter, cleanLink, "must be an https URL of at most 300 characters")
	c.text("socialLinks.linkedin", &in.LinkedIn, cleanLink, "must be an https URL of at most 300 characters")
}

func (c *checked) preferences(in *UpdatePreferencesParams) {
	c.text("locale", &in.Locale, cleanLocale, "must be a language tag (BCP 47), such as en or de-AT")
	c.text("timezone", &in.Timezone, cleanTimezone, "must be a name of the IANA time zone database, such as Europe/Vienna")
	c.text("theme", &in.Theme, among("light", "dark", "system"), "must be light, dark or system")
}

func (c *checked) onboarding(in *UpdateOnboardingParams) {
	c.text("status", &in.Status, among(onboardingPending, onboardingProgress, onboardingCompleted), "must be pending, in_progress or completed")
	c.text("step", &in.Step, cleanStep, "must have at most 100 characters and no control characters")
	switch data := in.Data.Value; {
	case len(data) > maxOnboarding:
		c.refuse("data", "must have at most 16 KiB")
	case len(data) > 0 && (!utf8.Valid(data) || !jsontext.Value(data).IsValid()):
		c.refuse("data", "must be JSON")
	}
}

func (c *checked) public(in *UpdatePublicSettingsParams) {
	if in.Slug.Set && in.Slug.Value != "" {
		if fault := slugFault(in.Slug.Value); fault != "" {
			c.refuse("slug", fault)
		}
	}
}
