// Package emailaddress is the one canonicaliser of e-mail addresses. Whatever
// takes an address from outside asks it first and uses nothing but its result.
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

// MaxBytes is the longest address, in any of its forms. No limit of its own
// stands on the part before the @: RFC 5321 asks for 64 bytes at least.
const MaxBytes = 254

// maxInput bounds the work done before the address is known to be short.
const maxInput = 4 * MaxBytes

// Address is one mailbox.
type Address struct {
	// Display is the address as typed: in NFC, with its domain in lower-case
	// ASCII. Mail goes to it.
	Display string
	// Key decides whether two addresses are the same: Display with the case of
	// the local part folded, one character for one ("ß" is not "ss"). Parsing a
	// Key gives the same Key.
	Key string
}

// FormerKey is the Key that earlier versions gave to the address, where it is
// another one, and "" else. They folded one character to several, so that
// "straße" and "strasse" had one key though they are two mailboxes. It finds
// accounts that were stored under such a key.
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

// Each refusal says what is wrong in words that can be shown to its sender.
var (
	errTooLong = errors.New("the address is longer than 254 bytes")
	errShape   = errors.New("the address is not of the form name@domain")
	errLocal   = errors.New("the part before the @ has a character or a dot where none may be")
	errDomain  = errors.New("the part after the @ is not a domain name")
)

// mapping is UTS 46 without transitional mapping, as browsers do it. Labels
// with hyphens in the third and fourth place are real, so hyphens are left to
// validDomain.
var mapping = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckHyphens(false),
	idna.StrictDomainName(true),
)

// Parse takes exactly one plain address: no display name, comment, quoted local
// part, list, address literal or trailing dot. Blanks and invisible characters around it are
// dropped; line breaks are not. Letters of any script may stand before the @, but no
// invisible character and none that is a compatibility form of another. What
// follows a plus sign belongs to the mailbox.
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
	// The domain has one spelling by now, so the case of the local part is all
	// in which two spellings of one mailbox still differ.
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

// blank takes what people paste around an address: blanks, zero-width
// characters, and the marks of direction that chats and spreadsheets put around
// it. Line breaks are not in it: next to an address they are an attempt at a
// mail header.
func blank(r rune) bool {
	return r == '\t' || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\ufeff' || '\u200b' <= r && r <= '\u200d' || r == '\u2060'
}

// validLocal takes what RFC 5322 calls a dot-atom, widened by RFC 6531.
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

// atomText takes the atext of RFC 5322, and the dot that joins atoms.
func atomText(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", b) >= 0
}

// validUnicode refuses what is not UTF-8, what cannot be seen, what hangs on
// nothing, and what another mail system would turn into a different character:
// full-width forms, ligatures, the long s.
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

// ignorable tells which letters and marks leave no trace on the screen.
func ignorable(r rune) bool {
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) ||
		r == '\u2800' // the empty Braille pattern
}

// fold returns the form that equal local parts share. Folding can undo a
// normalisation and the reverse, so it goes on until nothing changes.
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

// simpleFold folds the case of each character to one character. What Unicode
// folds to several ("ß" to "ss") stays, in lower case where the two cases are
// each other's: two mailboxes that a mail server tells apart are two here.
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

// lowerASCII is the way of nearly all addresses: no table, and no allocation
// where nothing changes.
func lowerASCII(s string) (lower string, plain bool) {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return "", false
		}
	}
	return strings.ToLower(s), true
}

// canonicalDomain writes a domain in lower-case ASCII. Names that are ASCII
// already need no mapping, unless one of their labels claims to be mapped.
func canonicalDomain(domain string) (string, error) {
	ascii, plain := lowerASCII(domain)
	if !plain || strings.Contains(ascii, "xn--") {
		// UTS 46 drops soft hyphens and the like; an address that hides them
		// is not what it seems. Joiners have rules of their own there.
		if strings.ContainsFunc(domain, hidden) {
			return "", errDomain
		}
		mapped, err := mapping.ToASCII(domain)
		if err != nil {
			return "", errDomain
		}
		// The rules on direction are checked before mapping alone, so what was
		// mapped is checked again, and must stay.
		if ascii, err = mapping.ToASCII(mapped); err != nil || ascii != mapped {
			return "", errDomain
		}
	}
	if !validDomain(ascii) {
		return "", errDomain
	}
	return ascii, nil
}

// hidden tells which characters of a domain UTS 46 would drop without a word.
func hidden(r rune) bool {
	return r != '\u200c' && r != '\u200d' && (unicode.Is(unicode.Cf, r) || ignorable(r))
}

// validDomain takes two labels or more of letters, digits and inner hyphens.
// The last is not a number, which keeps out IPv4 addresses.
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
