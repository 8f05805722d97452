package passhash

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
	"golang.org/x/text/unicode/norm"
)

// A stored string may not need more work than this. Each limit is about two
// seconds of one core.
const (
	maxStored     = 1024            // bytes of the stored string
	maxKeyBytes   = 128             // bytes of the hash in the string
	maxMemoryKiB  = 256 * 1024      // Argon2, scrypt
	maxWorkKiB    = 2 * 1024 * 1024 // Argon2: memory times passes
	maxBlocks     = 1 << 22         // scrypt: N times r times p
	maxIterations = 6_000_000       // PBKDF2: iterations times blocks of output
	maxBcryptCost = 15

	// quickIterations of PBKDF2 take far less time than a derivation of our
	// own.
	quickIterations = 30_000
)

// stored is one parsed hash.
type stored struct {
	// matches runs the derivation of the format exactly once.
	matches func(password string) bool
	// outdated says that the hash should be replaced by one with the current
	// parameters.
	outdated bool
	// quick says that the derivation takes far less time than a derivation of
	// our own.
	quick bool
}

func damaged(format string) error {
	return fmt.Errorf("%w: damaged %s string", ErrUnrecognised, format)
}
func costly(format string) error {
	return fmt.Errorf("%w: %s costs beyond the limit", ErrUnrecognised, format)
}

// Recognise reports whether Verify can check passwords against a stored string:
//
//	$argon2id$ $argon2i$                   PHC strings, GoTrue
//	$2a$ $2b$ $2y$                         bcrypt: Supabase, Auth0, Clerk and others
//	$scrypt$ln=…                           PHC strings
//	$pbkdf2$ $pbkdf2-sha256$ $pbkdf2-sha512$  passlib; Keycloak through FromKeycloak
//	$fbscrypt$                             GoTrue; Firebase through FromFirebase
//	pbkdf2_sha256$ pbkdf2_sha1$ argon2$ bcrypt$ bcrypt_sha256$ scrypt$  Django
//	hex:hex s2:salt:hex                    better-auth, Lucia 3; Lucia 2
//	pbkdf2:sha256: scrypt:                 Werkzeug
//	$P$ $H$ $wp$2y$                        phpass: WordPress, phpBB; WordPress since 6.8
//	AQAAAA… and 68 characters of base64    ASP.NET Identity
//	$5$ $6$                                crypt(3)
//	{SSHA} {SSHA512} {CRYPT} {bcrypt} …    LDAP servers, Dovecot, Spring Security
//
// The error is ErrUnrecognised with the reason.
//
// Passwords for foreign strings are compared as their maker compared them: as
// sent, or in NFKC for better-auth and Lucia. FromElsewhere marks the Argon2id
// strings of others, which look like ours. bcrypt alone sees no more than 72 bytes of a
// password, so a longer one never matches: its owner resets it. A digest without
// salt is taken only where a scheme in braces says what it is.
func Recognise(encoded string) error {
	_, err := parse(encoded, Params{}.withDefaults())
	return err
}

func parse(encoded string, current Params) (stored, error) {
	if len(encoded) > maxStored {
		return stored{}, fmt.Errorf("%w: longer than %d bytes", ErrUnrecognised, maxStored)
	}
	if rest, found := strings.CutPrefix(encoded, "$argon2id"); found {
		return parseArgon2("id"+rest, current, normal)
	}
	if rest, found := strings.CutPrefix(encoded, "$argon2"); found {
		return parseArgon2(rest, current, asSent)
	}
	if rest, found := strings.CutPrefix(encoded, "argon2$argon2"); found {
		return parseArgon2(rest, current, asSent)
	}
	if strings.HasPrefix(encoded, "{") {
		return parseScheme(encoded, current)
	}
	for _, format := range [...]struct {
		prefix string
		parse  func(rest string) (stored, error)
	}{
		{"$2", func(rest string) (stored, error) { return parseBcrypt("$2"+rest, asSent) }},
		{"bcrypt$", func(rest string) (stored, error) { return parseBcrypt(rest, asSent) }},
		{"bcrypt_sha256$", func(rest string) (stored, error) { return parseBcrypt(rest, hexSHA256) }},
		{"$scrypt$", parsePHCScrypt},
		{"scrypt$", parseDjangoScrypt},
		{"$pbkdf2-sha256$", func(rest string) (stored, error) { return parsePBKDF2(rest, sha256.New, unpad) }},
		{"$pbkdf2-sha512$", func(rest string) (stored, error) { return parsePBKDF2(rest, sha512.New, unpad) }},
		{"$pbkdf2$", func(rest string) (stored, error) { return parsePBKDF2(rest, sha1.New, unpad) }},
		{"pbkdf2_sha256$", func(rest string) (stored, error) { return parsePBKDF2(rest, sha256.New, asText) }},
		{"pbkdf2_sha1$", func(rest string) (stored, error) { return parsePBKDF2(rest, sha1.New, asText) }},
		{"$fbscrypt$", parseFirebase},
		{"$wp$2y$", func(rest string) (stored, error) { return parseWordPress("$2y$" + rest) }},
		{"$P$", parsePHPass},
		{"$H$", parsePHPass},
		{"$5$", func(rest string) (stored, error) { return parseSHACrypt(rest, sha256.New, sha256Order) }},
		{"$6$", func(rest string) (stored, error) { return parseSHACrypt(rest, sha512.New, sha512Order) }},
		{"pbkdf2:", parseWerkzeugPBKDF2},
		{"scrypt:", parseWerkzeugScrypt},
		{"s2:", parseLucia},
	} {
		if rest, found := strings.CutPrefix(encoded, format.prefix); found {
			return format.parse(rest)
		}
	}
	if salt, key, found := strings.Cut(encoded, ":"); found {
		return parseBetterAuth(salt, key)
	}
	if isASPNet(encoded) {
		return parseASPNet(encoded)
	}
	return stored{}, ErrUnrecognised
}

// foreign makes a stored of any format other than Argon2id. Its derivation
// fails only on a platform that forbids the algorithm. Then no password
// matches.
func foreign(want []byte, derive func(password string) ([]byte, error)) stored {
	return stored{outdated: true, matches: func(password string) bool {
		got, err := derive(password)
		return err == nil && subtle.ConstantTimeCompare(got, want) == 1
	}}
}

func asSent(password string) []byte { return []byte(password) }

// hexSHA256 is how Django shortens a long password to fit into bcrypt.
func hexSHA256(password string) []byte {
	sum := sha256.Sum256([]byte(password))
	return hex.AppendEncode(nil, sum[:])
}

// parseBcrypt accepts the prefixes of the corrected algorithm. $2x$ is the
// faulty algorithm, and $2$ has not been written for twenty years. A password
// that bcrypt would cut is derived too, so that its refusal takes the same
// time.
func parseBcrypt(encoded string, prepare func(password string) []byte) (stored, error) {
	if len(encoded) != 60 || encoded[:2] != "$2" || strings.IndexByte("aby", encoded[2]) < 0 {
		return stored{}, damaged("bcrypt")
	}
	cost, err := bcrypt.Cost([]byte(encoded))
	if err != nil || encoded[3] != '$' || encoded[4] == '+' || encoded[6] != '$' || !bcryptText(encoded[7:]) {
		return stored{}, damaged("bcrypt")
	}
	if cost > maxBcryptCost {
		return stored{}, costly("bcrypt")
	}
	return stored{outdated: true, matches: func(password string) bool {
		prepared := prepare(password)
		whole := prepared[:min(len(prepared), 72)]
		return bcrypt.CompareHashAndPassword([]byte(encoded), whole) == nil && len(whole) == len(prepared)
	}}, nil
}

// bcryptText reports whether a text is in the base64 of bcrypt.
func bcryptText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '/')
	})
}

// asText returns a salt as Django writes it: its characters are its bytes.
func asText(salt string) ([]byte, bool) { return []byte(salt), salt != "" }

// parsePBKDF2 reads iterations$salt$hash, or i=iterations,l=length$salt$hash as
// in PHC strings. The systems differ in how they write the salt and in the
// length of their keys.
func parsePBKDF2(rest string, digest func() hash.Hash, readSalt func(string) ([]byte, bool)) (stored, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 3 {
		return stored{}, damaged("PBKDF2")
	}
	digits, length, hasLength := strings.Cut(strings.TrimPrefix(fields[0], "i="), ",l=")
	iterations, ok := number(digits)
	salt, saltOK := readSalt(fields[1])
	want, wantOK := unpad(fields[2])
	if !ok || !saltOK || !wantOK {
		return stored{}, damaged("PBKDF2")
	}
	if bytes, ok := number(length); hasLength && (!ok || bytes != uint64(len(want))) {
		return stored{}, damaged("PBKDF2")
	}
	return pbkdf2Of(digest, iterations, salt, want)
}

// scryptCosts are the parameters of scrypt. n is N itself.
type scryptCosts struct{ n, r, p uint64 }

// check refuses parameters with which scrypt.Key fails or which need too much
// memory.
func (c scryptCosts) check() error {
	if c.n < 2 || c.n&(c.n-1) != 0 || c.r < 1 || c.p < 1 {
		return damaged("scrypt")
	}
	if c.n > maxBlocks || c.r > maxBlocks || c.p > maxBlocks || c.n*c.r > maxBlocks || c.n*c.r*c.p > maxBlocks || c.n*c.r/8 > maxMemoryKiB {
		return costly("scrypt")
	}
	return nil
}

func (c scryptCosts) key(password string, salt []byte, length int) ([]byte, error) {
	return scrypt.Key([]byte(password), salt, int(c.n), int(c.r), int(c.p), length)
}

// parsePHCScrypt reads ln=14,r=8,p=1$salt$hash. Ory Kratos writes N itself, PHC
// strings write its logarithm.
func parsePHCScrypt(rest string) (stored, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 3 {
		return stored{}, damaged("scrypt")
	}
	values, ok := numbers(fields[0], "ln", "r", "p")
	salt, saltOK := unpad(fields[1])
	if !ok || !saltOK {
		return stored{}, damaged("scrypt")
	}
	n := values[0]
	if n <= 30 {
		n = 1 << n
	}
	return scryptOf(scryptCosts{n, values[1], values[2]}, salt, fields[2])
}

// parseDjangoScrypt reads N$salt$r$p$hash.
func parseDjangoScrypt(rest string) (stored, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 5 {
		return stored{}, damaged("scrypt")
	}
	n, nOK := number(fields[0])
	r, rOK := number(fields[2])
	p, pOK := number(fields[3])
	if !nOK || !rOK || !pOK || fields[1] == "" {
		return stored{}, damaged("scrypt")
	}
	return scryptOf(scryptCosts{n, r, p}, []byte(fields[1]), fields[4])
}

// scryptOf is the common part of all forms of scrypt.
func scryptOf(costs scryptCosts, salt []byte, encodedKey string) (stored, error) {
	want, ok := unpad(encodedKey)
	if !ok {
		return stored{}, damaged("scrypt")
	}
	return scryptKey(costs, salt, want)
}

func scryptKey(costs scryptCosts, salt, want []byte) (stored, error) {
	if len(want) < 16 || len(want) > maxKeyBytes {
		return stored{}, damaged("scrypt")
	}
	if err := costs.check(); err != nil {
		return stored{}, err
	}
	return foreign(want, func(password string) ([]byte, error) { return costs.key(password, salt, len(want)) }), nil
}

// parseBetterAuth reads a salt, whose hexadecimal text is the salt, and a key.
// The parameters are in the code of better-auth and of Lucia 3, which are the
// same.
func parseBetterAuth(salt, key string) (stored, error) {
	if _, err := hex.DecodeString(salt); err != nil || len(salt) < 16 || len(salt) > 128 {
		return stored{}, ErrUnrecognised
	}
	want, err := hex.DecodeString(key)
	if err != nil || len(want) != 64 {
		return stored{}, ErrUnrecognised
	}
	return scryptNFKC([]byte(salt), want), nil
}

// scryptNFKC is the derivation of better-auth and Lucia.
func scryptNFKC(salt, want []byte) stored {
	costs := scryptCosts{n: 1 << 14, r: 16, p: 1}
	return foreign(want, func(password string) ([]byte, error) {
		return costs.key(norm.NFKC.String(password), salt, len(want))
	})
}

// parseFirebase reads v=1,n=14,r=8,p=1,ss=separator,sk=signer key$salt$hash.
// The hash is the signer key, encrypted with a key that scrypt derives from the
// password.
func parseFirebase(rest string) (stored, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 3 {
		return stored{}, damaged("Firebase")
	}
	list, signer, hasSigner := strings.Cut(fields[0], ",sk=")
	list, separator, _ := strings.Cut(list, ",ss=")
	values, ok := numbers(list, "v", "n", "r", "p")
	signerKey, signerOK := unpad(signer)
	separatorBytes, separatorOK := unpad(separator)
	salt, saltOK := unpad(fields[1])
	want, wantOK := unpad(fields[2])
	if !ok || !hasSigner || !signerOK || !separatorOK || !saltOK || !wantOK || values[0] != 1 || values[1] > 30 ||
		len(salt) == 0 || len(want) < 16 || len(want) > maxKeyBytes || len(want) != len(signerKey) {
		return stored{}, damaged("Firebase")
	}
	costs := scryptCosts{1 << values[1], values[2], values[3]}
	if err := costs.check(); err != nil {
		return stored{}, err
	}
	salt = append(salt, separatorBytes...)
	return foreign(want, func(password string) ([]byte, error) {
		key, err := costs.key(password, salt, 32)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		out := make([]byte, len(signerKey))
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, signerKey)
		return out, nil
	}), nil
}
