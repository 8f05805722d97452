package passhash

import (
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	saltBytes = 16
	keyBytes  = 32
)

// encode writes a PHC string: $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
func encode(p Params, salt, key []byte) string {
	out := make([]byte, 0, 112)
	out = append(out, "$argon2id$v=19$m="...)
	out = strconv.AppendUint(out, uint64(p.MemoryKiB), 10)
	out = append(out, ",t="...)
	out = strconv.AppendUint(out, uint64(p.Time), 10)
	out = append(out, ",p="...)
	out = strconv.AppendUint(out, uint64(p.Threads), 10)
	out = append(out, '$')
	out = base64.RawStdEncoding.AppendEncode(out, salt)
	out = append(out, '$')
	return string(base64.RawStdEncoding.AppendEncode(out, key))
}

// parseArgon2 reads the rest of a string after "$argon2":
// id$v=19$m=19456,t=2,p=1$salt$hash, or i$ for Argon2i. It accepts only this
// version, because the first version had a flaw. prepare makes the bytes to
// hash from the password. Only strings of this package are current, and only
// they use the NFC form.
func parseArgon2(rest string, current Params, prepare func(password string) []byte) (stored, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 5 || fields[0] != "id" && fields[0] != "i" || fields[1] != "v=19" {
		return stored{}, damaged("Argon2")
	}
	costs, ok := numbers(fields[2], "m", "t", "p")
	salt, saltOK := unpad(fields[3])
	want, wantOK := unpad(fields[4])
	if !ok || !saltOK || !wantOK || len(salt) < 8 || len(want) < 16 || len(want) > maxKeyBytes {
		return stored{}, damaged("Argon2")
	}
	memory, passes, lanes := costs[0], costs[1], costs[2]
	if passes < 1 || lanes < 1 || lanes > 255 || memory < 8*lanes {
		return stored{}, damaged("Argon2")
	}
	currentMemory := uint64(current.MemoryKiB)
	currentWork := currentMemory * uint64(current.Time)
	if memory > max(maxMemoryKiB, currentMemory) || memory*passes > max(maxWorkKiB, currentWork) {
		return stored{}, costly("Argon2")
	}
	derive := argon2.IDKey
	if fields[0] == "i" {
		derive = argon2.Key
	}
	return stored{
		outdated: fields[0] != "id" || memory < currentMemory || memory*passes < currentWork ||
			len(salt) < saltBytes || len(want) < keyBytes,
		matches: func(password string) bool {
			got := derive(prepare(password), salt, uint32(passes), uint32(memory), uint8(lanes), uint32(len(want)))
			return subtle.ConstantTimeCompare(got, want) == 1
		},
	}, nil
}

// numbers reads "a=1,b=2": exactly these names in this order.
func numbers(list string, names ...string) ([]uint64, bool) {
	values := make([]uint64, 0, len(names))
	for item := range strings.SplitSeq(list, ",") {
		name, digits, found := strings.Cut(item, "=")
		if !found || len(values) == len(names) || name != names[len(values)] {
			return nil, false
		}
		value, ok := number(digits)
		if !ok {
			return nil, false
		}
		values = append(values, value)
	}
	return values, len(values) == len(names)
}

// number reads a decimal number of at most 31 bits. It refuses signs and leading
// zeros, so that a hash has one spelling.
func number(digits string) (uint64, bool) {
	value, err := strconv.ParseUint(digits, 10, 31)
	return value, err == nil && (digits[0] != '0' || len(digits) == 1)
}

// unpad reads base64 in each alphabet that password hashes use, with or without
// padding: standard, URL-safe, and the alphabet of passlib with a dot instead
// of the plus.
func unpad(text string) ([]byte, bool) {
	text = strings.TrimRight(text, "=")
	if strings.ContainsAny(text, "-_.") {
		text = strings.NewReplacer("-", "+", ".", "+", "_", "/").Replace(text)
	}
	decoded, err := base64.RawStdEncoding.Strict().DecodeString(text)
	// The decoder ignores line breaks, so they are refused here.
	return decoded, err == nil && !strings.ContainsAny(text, "\r\n")
}
