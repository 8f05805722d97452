package text_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

func TestKeyAndPlainRefuseWhatNoDatabaseHolds(t *testing.T) {
	longest := strings.Repeat("k", store.MaxKeyBytes)
	for _, c := range []struct {
		name       string
		text       string
		key, plain bool
	}{
		{"empty", "", true, true},
		{"any script", "Zoë 李 🦊", true, true},
		{"control characters but NUL", "a\tb\n\x01\x7f", true, true},
		{"the replacement character itself", "\uFFFD", true, true},
		{"NUL", "a\x00b", false, false},
		{"broken UTF-8", "a\xffb", false, false},
		{"half of a surrogate pair", "\xed\xa0\x80", false, false},
		{"cut in the middle of a character", "李"[:2], false, false},
		{"longest key", longest, true, true},
		{"longer than a key", longest + "k", false, true},
		{"longer than a key in bytes only", strings.Repeat("李", store.MaxKeyBytes/3+1), false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(verb string, err error, fine bool) {
				if fine && err != nil || !fine && !errors.Is(err, store.ErrInvalidText) {
					t.Errorf("%s: got %v, taken should be %v", verb, err, fine)
				}
			}
			check("Key", text.Key("first", c.text), c.key)
			check("Plain", text.Plain("first", c.text), c.plain)
		})
	}
}
