package source

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/passhash"
)

// reading collects what is wrong with the fields of a record: errors, for which
// the record is left out, and notes on what was mended or left out of it.
type reading struct {
	fields
	options Options
	err     error
	notes   []string
}

func (r *reading) fail(err error) {
	r.err = errors.Join(r.err, err)
}

func (r *reading) notef(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *reading) truth(names ...string) bool {
	value, err := r.fields.truth(names...)
	r.fail(err)
	return value
}

// fact reads a field that is yes, no, or the time since when it is yes. A value
// that reads as none of them is an error: nobody is verified or deleted by a typo.
func (r *reading) fact(names ...string) bool {
	value, err := r.fields.truth(names...)
	if err == nil {
		return value
	}
	at, timeErr := r.time(names...)
	if timeErr != nil {
		r.fail(fmt.Errorf("%s is neither true nor false nor a time", names[0]))
	}
	return timeErr == nil && !at.IsZero() && at.After(time.Unix(0, 0))
}

// verified is fact for a field that ought to hold yes or no, and says so.
func (r *reading) verified(names ...string) bool {
	value := r.fact(names...)
	if _, err := r.fields.truth(names...); err != nil && r.err == nil {
		r.notef("%s is a time: read as %t", names[0], value)
	}
	return value
}

// until reads the end of a ban, and says whether it is to come.
func (r *reading) until(names ...string) (ends time.Time, toCome bool) {
	ends, err := r.time(names...)
	r.fail(err)
	return ends, ends.After(r.options.Now)
}

// created reads when an account was made. It is not worth refusing an account.
func (r *reading) created(names ...string) time.Time {
	at, err := r.time(names...)
	switch {
	case err != nil:
		r.notef("%s; it is left out", err)
	case at.IsZero():
		if r.text(names...) != "" {
			r.notef("%s is no time of the calendar; it is left out", names[0])
		}
		return time.Time{}
	case at.Year() < 1970 || at.Equal(time.Unix(0, 0)):
		r.notef("%s is not after 1970; it is left out", names[0])
	case !r.options.Now.IsZero() && at.After(r.options.Now.Add(24*time.Hour)):
		r.notef("%s is in the future; it is left out", names[0])
	default:
		return at
	}
	return time.Time{}
}

// hash reads a stored password. One that is no text must not vanish without a
// word.
func (r *reading) hash(names ...string) string {
	text := r.text(names...)
	for _, name := range names {
		_, isText := r.fields[name].(string)
		if r.given(name) && !isText {
			text = ""
			r.password(fmt.Errorf("%w: it %w", passhash.ErrUnrecognised, errShape))
		}
	}
	return text
}

// password takes the error of a hash. One that cannot be read is left out where
// the operator said so.
func (r *reading) password(err error) {
	switch {
	case err == nil || r.options.NoPasswords:
	case errors.Is(err, passhash.ErrUnrecognised) && r.options.UnknownHashes:
		r.notef("the password: %v; it is left out", err)
	default:
		r.fail(fmt.Errorf("the password: %w", err))
	}
}

// converted takes a hash that had to be put together.
func (r *reading) converted(hash string, err error) string {
	if err != nil {
		r.password(err)
		return ""
	}
	return hash
}

func (r *reading) common(hash string, created ...string) Account {
	return Account{
		OldID: r.text("id"),
		ImportUserParams: admit.ImportUserParams{
			Email: r.text("email"), Name: r.text("name"), PasswordHash: hash, CreatedAt: r.created(created...),
		},
	}
}

// fullName puts a first and a last name together.
func (r *reading) fullName(first, last string) string {
	return strings.TrimSpace(r.text(first) + " " + r.text(last))
}

// maxName is the length of the longest name, in characters.
const maxName = 100

// name mends what an account may not be called.
func (r *reading) name(name string) string {
	kept := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.In(c, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || c == utf8.RuneError {
			return -1
		}
		return c
	}, name)
	kept = norm.NFC.String(strings.TrimSpace(kept))
	if kept != norm.NFC.String(strings.TrimSpace(name)) {
		r.notef("the name has characters that steer text; they are left out")
	}
	if utf8.RuneCountInString(kept) > maxName {
		r.notef("the name is longer than %d characters; it is cut", maxName)
		kept = strings.TrimSpace(string([]rune(kept)[:maxName]))
		kept = norm.NFC.String(kept)
	}
	return kept
}

// role mends a role. An account has one; which of several it should be is not
// for this program to guess.
func (r *reading) role(role string) string {
	mended := strings.ToLower(strings.Trim(role, `[]"{} `))
	valid := mended != "" && len(mended) <= 50 && strings.Trim(mended, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
	switch {
	case role == "":
		return ""
	case !valid:
		r.notef("the role is not one of a-z, 0-9, - and _; it is left out")
		return ""
	case mended != role:
		r.notef("the role is written in lower case")
	}
	return mended
}

// locale leaves out what names no language.
func (r *reading) locale(names ...string) string {
	text := strings.ReplaceAll(r.text(names...), "_", "-")
	base, _, _ := strings.Cut(text, "-")
	if text == "" || len(text) <= 35 && (len(base) == 2 || len(base) == 3) && letters(text) {
		return text
	}
	r.notef("%s is not a language tag such as de or pt-BR; it is left out", names[0])
	return ""
}

func letters(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-')
	})
}
