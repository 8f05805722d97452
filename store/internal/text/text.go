// Package text holds the one rule about which text a store takes, so that
// every store refuses the same.
package text

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/admit-go/admit/store"
)

// Key refuses what cannot be a key: all that Plain refuses, and text of more
// than store.MaxKeyBytes bytes. The error wraps store.ErrInvalidText and does
// not repeat the text, which may be hostile.
func Key(keys ...string) error {
	for _, k := range keys {
		if len(k) > store.MaxKeyBytes {
			return fmt.Errorf("key of %d bytes, %d at most: %w", len(k), store.MaxKeyBytes, store.ErrInvalidText)
		}
	}
	return Plain(keys...)
}

// Plain refuses text with U+0000 or invalid UTF-8, which not every database
// can hold. The error wraps store.ErrInvalidText and does not repeat the text.
func Plain(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return fmt.Errorf("not UTF-8: %w", store.ErrInvalidText)
		}
		if strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("contains U+0000: %w", store.ErrInvalidText)
		}
	}
	return nil
}
