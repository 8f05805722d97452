// Package emailaddress brings e-mail addresses into their canonical form. All
// code that takes an address from outside uses this package, and uses only its
// result.
package emailaddress

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxBytes is the length of the longest address, in each of its forms. The part
// before the @ has no limit of its own: RFC 5321 requires at least 64 bytes.
const MaxBytes = 254

// maxInput bounds the work before the length of the address is known.
const maxInput = 4 * MaxBytes

// Address is one mailbox.
type Address struct {
	// Display is the address as typed: in NFC, with its domain in lower-case
	// ASCII. Mail goes to it.
	Display string
	// Key decides whether two addresses are the same. It is Display with the
	// case of the local part folded, one character for one character ("ß" is
	// not "ss"). Parsing a Key gives the same Key.
	Key string
}

// FormerKey returns the Key that earlier versions gave to the address, or "" if
// it is the same. Earlier versions folded one character to several, so that
// "straße" and "strasse" had one key although they are two mailboxes. FormerKey
// finds accounts that were stored under such a key.
func (a Address) FormerKey() string {
	local, domain, _ := strings.Cut(a.Display, "@")
	if _, plain := lowerASCII(local); plain {
		return ""
	}
	for range 4 {
		next := norm.NFC.String(cases.Fold().String(local))
		if next == local {
			break
		}
		local = next
	}
	if former := local + "@" + domain; former != a.Key {
		return former
	}
	return ""
}

// The text of each refusal can be shown to its sender.
var (
	errTooLong = errors.New("the address is longer than 254 bytes")
	errShape   = errors.New("the address is not of the form name@domain")
	errLocal   = errors.New("the part before the @ has a character or a dot where none may be")
	errDomain  = errors.New("the part after the @ is not a domain name")
)

// mapping is UTS 46 without transitional mapping, as in browsers. Real labels
// may have hyphens in the third and fourth place, so validDomain checks
// hyphens.
var mapping = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckHyphens(false),
	idna.StrictDomainName(true),
)

// Parse reads exactly one plain address. It refuses a display name, a comment,
// a quoted local part, a list, an address literal and a trailing dot. It
// removes blanks and invisible characters at both ends, but no line breaks. The
// local part may have letters of any script, but no invisible characters and no
// compatibility forms of other characters. A plus sign and the text after it
// belong to the mailbox.
func Parse(s string) (Address, error) {
	if len(s) > maxInput {
		return Address{}, errTooLong
	}
	s = strings.TrimFunc(s, blank)
	s = norm.NFC.String(s)
	local, domain, found := strings.Cut(s, "@")
	if !found || local == "" || domain == "" {
		return Address{}, errShape
	}
	if !validLocal(local) {
		return Address{}, errLocal
	}
	ascii, err := canonicalDomain(domain)
	if err != nil {
		return Address{}, err
	}
	// The domain has only one spelling now, so only the case of the local part
	// can differ between two spellings of one mailbox.
	folded, stable := fold(local)
	if !stable {
		return Address{}, errLocal
	}
	address := Address{Display: s, Key: s}
	if ascii != domain {
		address.Display = local + "@" + ascii
	}
	if folded == local {
		address.Key = address.Display
	} else {
		address.Key = folded + "@" + ascii
	}
	if len(address.Display) > MaxBytes || len(address.Key) > MaxBytes {
		return Address{}, errTooLong
	}
	return address, nil
}

// blank reports whether a character at the ends of an address is ignored:
// blanks, zero-width characters, and the direction marks that chats and
// spreadsheets add. Line breaks are not ignored, because a line break next to
// an address is an attempt to add a mail header.
func blank(r rune) bool {
	return r == '\t' || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\ufeff' || '\u200b' <= r && r <= '\u200d' || r == '\u2060'
}

// validLocal accepts a dot-atom of RFC 5322, extended by RFC 6531.
func validLocal(local string) bool {
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	plain := true
	for i := range len(local) {
		if local[i] >= utf8.RuneSelf {
			plain = false
		} else if !atomText(local[i]) {
			return false
		}
	}
	return plain || validUnicode(local)
}

// atomText accepts the atext of RFC 5322, and the dot between atoms.
func atomText(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", b) >= 0
}

// validUnicode refuses text that is not UTF-8, invisible characters, marks
// without a base, and characters that another mail system would change into
// other characters: full-width forms, ligatures, the long s.
func validUnicode(local string) bool {
	previous := '.'
	for _, r := range local {
		switch {
		case ignorable(r), r == utf8.RuneError:
			return false
		case unicode.Is(unicode.M, r):
			if previous == '.' {
				return false
			}
		case !unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S):
			return false
		}
		previous = r
	}
	return norm.NFKC.IsNormalString(local)
}

// ignorable reports whether a letter or mark is invisible.
func ignorable(r rune) bool {
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) ||
		r == '\u2800' // the empty Braille pattern
}

// fold returns the form that equal local parts have in common. Folding can undo
// a normalisation, and a normalisation can undo a folding, so fold repeats both
// until nothing changes.
func fold(local string) (folded string, stable bool) {
	if lower, plain := lowerASCII(local); plain {
		return lower, true
	}
	folded = local
	for range 4 {
		next := norm.NFC.String(simpleFold(folded))
		if next == folded {
			return folded, validLocal(folded)
		}
		folded = next
	}
	return "", false
}

// simpleFold folds the case of each character to one character. A character
// that Unicode folds to several ("ß" to "ss") becomes its own lower case: two
// mailboxes that a mail server distinguishes stay two mailboxes.
func simpleFold(s string) string {
	caser := cases.Fold()
	return strings.Map(func(r rune) rune {
		full := caser.String(string(r))
		if one, size := utf8.DecodeRuneInString(full); size == len(full) {
			return one
		}
		lower := unicode.ToLower(r)
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if other == lower {
				return lower
			}
		}
		return r
	}, s)
}

// lowerASCII is the fast way for nearly all addresses: it needs no table, and
// no allocation if nothing changes.
func lowerASCII(s string) (lower string, plain bool) {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return "", false
		}
	}
	return strings.ToLower(s), true
}

// Domain returns the canonical form of the domain of addresses, which is typed
// alone: lower-case ASCII without a dot at the end.
func Domain(s string) (string, error) {
	if len(s) > maxInput {
		return "", errTooLong
	}
	return canonicalDomain(strings.TrimSuffix(norm.NFC.String(strings.TrimFunc(s, blank)), "."))
}

// canonicalDomain writes a domain in lower-case ASCII. An ASCII name needs no
// mapping, unless one of its labels starts with "xn--".
func canonicalDomain(domain string) (string, error) {
	ascii, plain := lowerASCII(domain)
	if !plain || strings.Contains(ascii, "xn--") {
		// UTS 46 removes soft hyphens and similar characters. An address that
		// hides them looks like another address, so it is refused. Joiners have
		// rules of their own in UTS 46.
		if strings.ContainsFunc(domain, hidden) {
			return "", errDomain
		}
		mapped, err := mapping.ToASCII(domain)
		if err != nil {
			return "", errDomain
		}
		// The rules on direction are checked only before the mapping, so the
		// mapped name is checked again and must not change.
		if ascii, err = mapping.ToASCII(mapped); err != nil || ascii != mapped {
			return "", errDomain
		}
	}
	if !validDomain(ascii) {
		return "", errDomain
	}
	return ascii, nil
}

// hidden says which characters of a domain UTS 46 would remove silently.
func hidden(r rune) bool {
	return r != '\u200c' && r != '\u200d' && (unicode.Is(unicode.Cf, r) || ignorable(r))
}

// validDomain accepts two or more labels of letters, digits and inner hyphens.
// The last label is not a number, which excludes IPv4 addresses.
func validDomain(domain string) bool {
	if len(domain) > 253 {
		return false
	}
	labels, last := 0, ""
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			b := label[i]
			if b != '-' && (b < '0' || b > '9') && (b < 'a' || b > 'z') {
				return false
			}
		}
		labels, last = labels+1, label
	}
	return labels >= 2 && strings.Trim(last, "0123456789") != ""
}
