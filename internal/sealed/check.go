package sealed

import (
	"errors"
	"fmt"
	"strings"
)

// MinSecretBytes is the length of the shortest secret that a Ring accepts.
const MinSecretBytes = 32

// minDistinct is the least number of different bytes. A random secret of 32
// hexadecimal digits has fewer about once in twenty million times.
const minDistinct = 8

// templates are the words of example configurations. Longer words come first.
var templates = [...]string{
	"administrator", "placeholder", "development", "supersecret", "production", "yoursecret", "characters",
	"changethis", "changeme", "insecure", "password", "default", "example", "replace", "letmein", "minimum",
	"session", "signing", "qwerty", "secret", "sample", "string", "secure", "cookie", "should", "please", "random",
	"change", "token", "admit", "bytes", "chars", "super", "least", "value", "this", "that", "your",
	"very", "long", "must", "test", "demo", "auth", "here", "with", "some",
}

// check returns everything that makes a secret guessable. It cannot prove that
// a secret is random. It finds secrets that people type, copy from a page, or
// forget to replace. The messages count and describe, and never contain a part
// of the secret.
func check(secret []byte) []error {
	var problems []error
	if len(secret) < MinSecretBytes {
		problems = append(problems, fmt.Errorf("%d bytes long; at least %d random bytes are needed", len(secret), MinSecretBytes))
	}
	if len(secret) == 0 {
		return problems
	}
	switch distinct := countDistinct(secret); {
	case distinct == 1:
		problems = append(problems, errors.New("all its bytes are equal"))
	case distinct < minDistinct:
		problems = append(problems, fmt.Errorf("only %d different bytes in it", distinct))
	}
	if unit := period(secret); unit > 1 && unit < MinSecretBytes && unit <= len(secret)/2 {
		problems = append(problems, fmt.Errorf("%d bytes over and over", unit))
	}
	if counts(secret) {
		problems = append(problems, errors.New("it counts up or down"))
	}
	if known, left := withoutTemplates(secret); known && left < MinSecretBytes {
		problems = append(problems, errors.New("it reads like an example; make one with a random generator"))
	}
	return problems
}

// countDistinct returns the number of different bytes.
func countDistinct(secret []byte) int {
	var seen [256]bool
	distinct := 0
	for _, b := range secret {
		if !seen[b] {
			seen[b] = true
			distinct++
		}
	}
	return distinct
}

// period is the length of the shortest prefix that gives the secret when it is
// repeated.
func period(secret []byte) int {
	for unit := 1; unit < len(secret); unit++ {
		if string(secret[unit:]) == string(secret[:len(secret)-unit]) {
			return unit
		}
	}
	return len(secret)
}

// counts reports whether most steps from byte to byte are +1, or most are -1,
// as in alphabets and digits.
func counts(secret []byte) bool {
	up, down := 0, 0
	for i := 1; i < len(secret); i++ {
		switch secret[i] - secret[i-1] {
		case 1:
			up++
		case 255:
			down++
		}
	}
	return max(up, down)*4 >= len(secret)*3
}

// withoutTemplates returns how many bytes of a printable secret are left
// without the words of examples. Random bytes are not printable. Short words
// occur in random text too, so they count only if there is a long one.
func withoutTemplates(secret []byte) (known bool, left int) {
	for _, b := range secret {
		if b < ' ' || b > '~' {
			return false, len(secret)
		}
	}
	rest := strings.ToLower(string(secret))
	for _, word := range templates {
		if len(word) < 6 && !known {
			break
		}
		if strings.Contains(rest, word) {
			known = true
			// The blank keeps the remaining parts from forming a new word.
			rest = strings.ReplaceAll(rest, word, " ")
		}
	}
	for _, r := range rest {
		if !strings.ContainsRune(" -_.,:;!?/+=", r) {
			left++
		}
	}
	return known, left
}
