package passhash

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// scheme reads the text after a name in braces. LDAP servers (RFC 3112),
// Dovecot and Spring Security name the format of a hash in this way.
type scheme func(rest string, current Params) (stored, error)

// schemes are the formats by their names in lower case.
var schemes = map[string]scheme{
	"ssha": digestOf(sha1.New, true), "ssha1": digestOf(sha1.New, true), "ssha256": digestOf(sha256.New, true),
	"ssha384": digestOf(sha512.New384, true), "ssha512": digestOf(sha512.New, true), "smd5": digestOf(md5.New, true),
	"sha": digestOf(sha1.New, false), "sha256": digestOf(sha256.New, false), "sha384": digestOf(sha512.New384, false),
	"sha512": digestOf(sha512.New, false), "md5": digestOf(md5.New, false),
	// passlib, OpenLDAP's pw-pbkdf2.
	"pbkdf2-sha1":   func(rest string, _ Params) (stored, error) { return parsePBKDF2(rest, sha1.New, unpad) },
	"pbkdf2-sha256": func(rest string, _ Params) (stored, error) { return parsePBKDF2(rest, sha256.New, unpad) },
	"pbkdf2-sha512": func(rest string, _ Params) (stored, error) { return parsePBKDF2(rest, sha512.New, unpad) },
	"pbkdf2": func(rest string, _ Params) (stored, error) {
		if strings.Contains(rest, "$") {
			return parsePBKDF2(rest, sha1.New, unpad)
		}
		return springPBKDF2(rest, sha1.New, 185_000, 8)
	},
	"pbkdf2@springsecurity_v5_8": func(rest string, _ Params) (stored, error) {
		return springPBKDF2(rest, sha256.New, 310_000, 16)
	},
	"scrypt": springScrypt, "scrypt@springsecurity_v5_8": springScrypt,
}

// carriers are schemes whose content names its own format.
var carriers = []string{
	"bcrypt", "crypt", "blf-crypt", "sha256-crypt", "sha512-crypt", schemeArgon2, "argon2i", "argon2id", "argon2@springsecurity_v5_8", schemeOwn,
}

const (
	// schemeArgon2 marks an Argon2 string of another system. It is a hash of
	// the password as sent. A string of this package is a hash of the NFC form.
	schemeArgon2 = "argon2"
	// schemeOwn marks an Argon2 string of this package in an export.
	schemeOwn = "argon2@admit"
)

// FromElsewhere returns the string to store for a hash from another system, or
// from an export of Admit, so that Verify compares passwords as the other
// system did. It returns the error of Recognise.
func FromElsewhere(encoded string) (string, error) {
	if err := Recognise(encoded); err != nil {
		return "", err
	}
	if own, found := strings.CutPrefix(encoded, "{"+schemeOwn+"}"); found {
		return own, nil
	}
	if strings.HasPrefix(encoded, "$argon2id$") {
		return "{" + schemeArgon2 + "}" + encoded, nil
	}
	return encoded, nil
}

// ForElsewhere returns a stored string in the form of an export. FromElsewhere
// reads this form.
func ForElsewhere(encoded string) string {
	if strings.HasPrefix(encoded, "$argon2id$") {
		return "{" + schemeOwn + "}" + encoded
	}
	return strings.TrimPrefix(encoded, "{"+schemeArgon2+"}")
}

// parseScheme reads {name}rest.
func parseScheme(encoded string, current Params) (stored, error) {
	name, rest, found := strings.Cut(encoded[1:], "}")
	name = strings.ToLower(name)
	if found && slices.Contains(carriers, name) {
		if !strings.HasPrefix(rest, "$") { // a scheme in a scheme is damage
			return stored{}, fmt.Errorf("%w: the scheme in braces holds a kind of hash that is not known", ErrUnrecognised)
		}
		if argon2, found := strings.CutPrefix(rest, "$argon2"); found && name != schemeOwn {
			others, err := parseArgon2(argon2, current, asSent)
			others.outdated = true
			return others, err
		}
		return parse(rest, current)
	}
	read := schemes[name]
	if !found || read == nil {
		return stored{}, fmt.Errorf("%w: the scheme in braces is not known", ErrUnrecognised)
	}
	return read(rest, current)
}

// digestOf reads the base64 of a digest of the password. If salted is true, the
// digest is of the password and the salt, and the salt follows the digest.
func digestOf(digest func() hash.Hash, salted bool) scheme {
	size := digest().Size()
	return func(rest string, _ Params) (stored, error) {
		raw, ok := unpad(rest)
		if !ok || salted && (len(raw) <= size || len(raw) > size+64) || !salted && len(raw) != size {
			return stored{}, damaged("LDAP")
		}
		want, salt := raw[:size], raw[size:]
		return stored{outdated: true, quick: true, matches: func(password string) bool {
			h := digest()
			h.Write([]byte(password))
			h.Write(salt)
			return equal(h.Sum(nil), want)
		}}, nil
	}
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// springPBKDF2 reads the hexadecimal salt and key of Spring Security, whose
// parameters are in its code. If the server was given a secret of its own,
// nobody else can verify its hashes.
func springPBKDF2(rest string, digest func() hash.Hash, iterations uint64, saltLength int) (stored, error) {
	raw, err := hex.DecodeString(rest)
	if err != nil || len(raw) != saltLength+32 {
		return stored{}, damaged("Spring Security")
	}
	return pbkdf2Of(digest, iterations, raw[:saltLength], raw[saltLength:])
}

// springScrypt reads $costs$salt$key. The costs are a hexadecimal number with
// the logarithm of N, and then r and p in one byte each.
func springScrypt(rest string, _ Params) (stored, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 4 || fields[0] != "" || len(fields[1]) == 0 || len(fields[1]) > 6 {
		return stored{}, damaged("Spring Security")
	}
	costs, err := hex.DecodeString(strings.Repeat("0", 6-len(fields[1])) + fields[1])
	salt, saltOK := unpad(fields[2])
	if err != nil || !saltOK || costs[0] > 30 {
		return stored{}, damaged("Spring Security")
	}
	return scryptOf(scryptCosts{1 << costs[0], uint64(costs[1]), uint64(costs[2])}, salt, fields[3])
}
