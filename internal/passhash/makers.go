package passhash

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
)

// parseWerkzeugPBKDF2 reads the rest of a string of Werkzeug or Flask after
// "pbkdf2:": sha256:600000$salt$hex. The characters of the salt are its bytes.
func parseWerkzeugPBKDF2(rest string) (stored, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 3 || fields[1] == "" {
		return stored{}, damaged("Werkzeug")
	}
	name, digits, _ := strings.Cut(fields[0], ":")
	digest := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}[name]
	iterations, ok := number(digits)
	want, err := hex.DecodeString(fields[2])
	if digest == nil || !ok || err != nil {
		return stored{}, damaged("Werkzeug")
	}
	return pbkdf2Of(digest, iterations, []byte(fields[1]), want)
}

// parseWerkzeugScrypt reads the rest of a string after "scrypt:":
// 32768:8:1$salt$hex.
func parseWerkzeugScrypt(rest string) (stored, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 3 || fields[1] == "" {
		return stored{}, damaged("Werkzeug")
	}
	costs := strings.Split(fields[0], ":")
	if len(costs) != 3 {
		return stored{}, damaged("Werkzeug")
	}
	n, nOK := number(costs[0])
	r, rOK := number(costs[1])
	p, pOK := number(costs[2])
	want, err := hex.DecodeString(fields[2])
	if !nOK || !rOK || !pOK || err != nil {
		return stored{}, damaged("Werkzeug")
	}
	return scryptKey(scryptCosts{n, r, p}, []byte(fields[1]), want)
}

// parseLucia reads the rest of a string of Lucia 2 after "s2:": salt:hex. The
// text of the salt is the salt. Lucia 3 writes the same strings as better-auth.
func parseLucia(rest string) (stored, error) {
	salt, key, _ := strings.Cut(rest, ":")
	want, err := hex.DecodeString(key)
	if err != nil || len(want) != 64 || len(salt) < 16 || len(salt) > 128 {
		return stored{}, damaged("Lucia")
	}
	return scryptNFKC([]byte(salt), want), nil
}

// aspNetDigests are the numbers that ASP.NET Identity gives to the digests.
var aspNetDigests = map[uint32]func() hash.Hash{0: sha1.New, 1: sha256.New, 2: sha512.New}

// isASPNet reports whether a string can be one of ASP.NET Identity: base64
// whose first byte is the version.
func isASPNet(encoded string) bool {
	return strings.HasPrefix(encoded, "AQAAAA") && len(encoded) >= 56 || strings.HasPrefix(encoded, "A") && len(encoded) == 68
}

// parseASPNet reads the bytes of ASP.NET Identity. Version 2 is a zero, 16 bytes
// of salt, and 32 bytes of PBKDF2 with SHA-1 and 1,000 iterations. Version 3 is a
// one, and then the digest, the iterations, the length of the salt, the salt and
// the key.
func parseASPNet(encoded string) (stored, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	switch {
	case err != nil || strings.ContainsAny(encoded, "\r\n") || len(raw) < 14:
		return stored{}, damaged("ASP.NET Identity")
	case raw[0] == 0 && len(raw) == 49:
		return pbkdf2Of(sha1.New, 1000, raw[1:17], raw[17:])
	case raw[0] != 1:
		return stored{}, damaged("ASP.NET Identity")
	}
	digest := aspNetDigests[binary.BigEndian.Uint32(raw[1:])]
	iterations := binary.BigEndian.Uint32(raw[5:])
	saltLength := uint64(binary.BigEndian.Uint32(raw[9:]))
	if digest == nil || saltLength < 8 || saltLength > uint64(len(raw)-13) {
		return stored{}, damaged("ASP.NET Identity")
	}
	return pbkdf2Of(digest, uint64(iterations), raw[13:13+saltLength], raw[13+saltLength:])
}

// pbkdf2Of is the common part of all forms of PBKDF2.
func pbkdf2Of(digest func() hash.Hash, iterations uint64, salt, want []byte) (stored, error) {
	if iterations < 1 || len(want) < 16 || len(want) > maxKeyBytes {
		return stored{}, damaged("PBKDF2")
	}
	size := digest().Size()
	work := iterations * uint64((len(want)+size-1)/size)
	if size == sha512.Size {
		work *= 3 // processors speed up the other digests
	}
	if work > maxIterations {
		return stored{}, costly("PBKDF2")
	}
	s := foreign(want, func(password string) ([]byte, error) {
		return pbkdf2.Key(digest, password, salt, int(iterations), len(want))
	})
	s.quick = work < quickIterations
	return s, nil
}

// parseWordPress reads the rest of a string after "$wp" (since WordPress 6.8):
// bcrypt of a digest of the password. WordPress removes blanks at the ends of a
// password before it hashes or compares it.
func parseWordPress(rest string) (stored, error) {
	return parseBcrypt(rest, func(password string) []byte {
		mac := hmac.New(sha512.New384, []byte("wp-sha384"))
		mac.Write([]byte(phpTrim(password)))
		return base64.StdEncoding.AppendEncode(nil, mac.Sum(nil))
	})
}

// phpTrim is the function trim of PHP.
func phpTrim(text string) string { return strings.Trim(text, " \t\n\r\x00\x0b") }

// phpassText is the alphabet of phpass and of crypt.
const phpassText = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// maxPHPassCost is about two seconds of MD5.
const maxPHPassCost = 22

// parsePHPass reads the rest of a string after "$P$" (WordPress until 6.7,
// imports of Drupal) or "$H$" (phpBB): a character for the cost, eight
// characters of salt, 22 of hash. WordPress removes the blanks at the ends of a
// password, phpBB does not. So the password is tried unchanged first, and
// without the blanks second.
func parsePHPass(rest string) (stored, error) {
	if len(rest) != 31 || strings.Trim(rest, phpassText) != "" {
		return stored{}, damaged("phpass")
	}
	cost := strings.IndexByte(phpassText, rest[0])
	if cost < 7 || cost > 30 {
		return stored{}, damaged("phpass")
	}
	if cost > maxPHPassCost {
		return stored{}, costly("phpass")
	}
	salt, want := rest[1:9], rest[9:]
	derive := func(password string) bool {
		sum := md5.Sum([]byte(salt + password))
		for range 1 << cost {
			sum = md5.Sum(append(sum[:], password...))
		}
		return equal([]byte(phpassEncode(sum[:])), []byte(want))
	}
	return stored{outdated: true, quick: true, matches: func(password string) bool {
		if derive(password) {
			return true
		}
		trimmed := phpTrim(password)
		return trimmed != password && derive(trimmed)
	}}, nil
}

// phpassEncode writes three bytes as four characters, the low bits first.
func phpassEncode(raw []byte) string {
	var out []byte
	for at := 0; at < len(raw); at += 3 {
		group := raw[at:min(at+3, len(raw))]
		var value uint32
		for i, b := range group {
			value |= uint32(b) << (8 * i)
		}
		for range len(group) + 1 {
			out = append(out, phpassText[value&63])
			value >>= 6
		}
	}
	return string(out)
}
