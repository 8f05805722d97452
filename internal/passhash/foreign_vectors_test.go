//go:build !race

package passhash

import (
	"context"
	"strings"
	"testing"
)

// Each vector is verified in a single goroutine, and the race detector makes
// hashing several times slower, so this runs without it.

func TestHashesOfOtherSystemsVerify(t *testing.T) {
	h := New(InsecureParams(), Limits{})
	ctx := context.Background()
	formats := map[string]bool{}
	for _, v := range vectors(t) {
		format, _, _ := strings.Cut(strings.TrimPrefix(v.Encoded, "$"), "$")
		formats[format] = true
		if err := Recognise(v.Encoded); err != nil {
			t.Errorf("%s: %.20s is not recognised: %v", v.Maker, v.Encoded, err)
		}
		before := h.Runs()
		ok, upgrade, err := h.Verify(ctx, "", v.Encoded, v.Password)
		if !ok || err != nil {
			t.Errorf("%s: %.20s does not verify %q: %v", v.Maker, v.Encoded, v.Password, err)
		}
		if !upgrade && !strings.Contains(v.Encoded, "argon2id$") {
			t.Errorf("%s: %.20s is not to be upgraded", v.Maker, v.Encoded)
		}
		wrong := v.Password + "!" // WordPress takes blanks off the ends
		if ok, upgrade, err := h.Verify(ctx, "", v.Encoded, wrong); ok || upgrade || err != nil {
			t.Errorf("%s: %.20s verifies %q: %v, %v, %v", v.Maker, v.Encoded, wrong, ok, upgrade, err)
		}
		if runs := h.Runs() - before; runs != 2 {
			t.Errorf("%s: %.20s ran %d derivations for two passwords", v.Maker, v.Encoded, runs)
		}
	}
	if len(formats) < 15 {
		t.Errorf("the vectors show only %d formats: %v", len(formats), formats)
	}
}
