package passhash

import (
	"hash"
	"strings"
)

// maxCryptRounds is about two seconds.
const maxCryptRounds = 1_000_000

// parseSHACrypt reads the rest of a string of crypt(3) after "$5$" or "$6$":
// [rounds=n$]salt$hash, as described by Ulrich Drepper.
func parseSHACrypt(rest string, digest func() hash.Hash, order []int) (stored, error) {
	rounds := uint64(5000)
	if text, found := strings.CutPrefix(rest, "rounds="); found {
		digits, tail, _ := strings.Cut(text, "$")
		value, ok := number(digits)
		if !ok || value < 1000 {
			return stored{}, damaged("crypt")
		}
		rounds, rest = value, tail
	}
	salt, want, found := strings.Cut(rest, "$")
	size := digest().Size()
	if !found || len(salt) > 16 || len(want) != (size*8+5)/6 || strings.Trim(want, phpassText) != "" {
		return stored{}, damaged("crypt")
	}
	if rounds > maxCryptRounds {
		return stored{}, costly("crypt")
	}
	return stored{outdated: true, quick: rounds < 20_000, matches: func(password string) bool {
		sum := shaCrypt(digest, []byte(password), []byte(salt), int(rounds))
		return equal(shaCryptEncode(sum, order), []byte(want))
	}}, nil
}

// shaCrypt numbers its steps as the description of crypt(3) does.
func shaCrypt(digest func() hash.Hash, password, salt []byte, rounds int) []byte {
	sumOf := func(parts ...[]byte) []byte {
		h := digest()
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	// Steps 4 to 8: B.
	b := sumOf(password, salt, password)
	// Steps 1 to 12: A.
	a := digest()
	a.Write(password)
	a.Write(salt)
	a.Write(repeated(b, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			a.Write(b)
		} else {
			a.Write(password)
		}
	}
	sum := a.Sum(nil)
	// Steps 13 to 16: P.
	h := digest()
	for range password {
		h.Write(password)
	}
	p := repeated(h.Sum(nil), len(password))
	// Steps 17 to 20: S.
	h = digest()
	for range 16 + int(sum[0]) {
		h.Write(salt)
	}
	s := repeated(h.Sum(nil), len(salt))
	// Step 21.
	for i := range rounds {
		h.Reset()
		first, last := sum, p
		if i%2 != 0 {
			first, last = p, sum
		}
		h.Write(first)
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		h.Write(last)
		sum = h.Sum(sum[:0:0])
	}
	return sum
}

// repeated repeats a text up to a length.
func repeated(text []byte, length int) []byte {
	out := make([]byte, 0, length+len(text))
	for len(out) < length {
		out = append(out, text...)
	}
	return out[:length]
}

// The order in which crypt(3) writes the bytes of a digest: three make four
// characters, the first of them the most significant.
var (
	sha256Order = []int{
		0, 10, 20, 21, 1, 11, 12, 22, 2, 3, 13, 23, 24, 4, 14, 15, 25, 5, 6, 16, 26, 27, 7, 17, 18, 28, 8, 9, 19, 29, 31, 30,
	}
	sha512Order = []int{
		0, 21, 42, 22, 43, 1, 44, 2, 23, 3, 24, 45, 25, 46, 4, 47, 5, 26, 6, 27, 48, 28, 49, 7, 50, 8, 29, 9, 30, 51, 31, 52, 10,
		53, 11, 32, 12, 33, 54, 34, 55, 13, 56, 14, 35, 15, 36, 57, 37, 58, 16, 59, 17, 38, 18, 39, 60, 40, 61, 19, 62, 20, 41, 63,
	}
)

func shaCryptEncode(sum []byte, order []int) []byte {
	var out []byte
	for at := 0; at < len(order); at += 3 {
		group := order[at:min(at+3, len(order))]
		var value uint32
		for _, i := range group {
			value = value<<8 | uint32(sum[i])
		}
		for range len(group) + 1 {
			out = append(out, phpassText[value&63])
			value >>= 6
		}
	}
	return out
}
