package admit

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit/store"
)

// Each feature says what it holds about people: a part of an export, or why it has
// none. A new feature fails the test until it does.
func TestEveryFeatureContributesToAnExportOrSaysWhyNot(t *testing.T) {
	var parts []string
	for _, f := range declared(assemble(&kernel{})) {
		if problem := wrongHolding(f.holds); problem != "" {
			t.Errorf("the feature %s %s", f.name, problem)
		}
		if f.holds.part != "" {
			parts = append(parts, f.holds.part)
		}
	}
	slices.Sort(parts)
	if len(slices.Compact(slices.Clone(parts))) != len(parts) || slices.Contains(parts, "host") || slices.Contains(parts, "version") {
		t.Errorf("the parts are %q", parts)
	}
}

// wrongHolding says what is wrong with the declaration of a feature.
func wrongHolding(h holding) string {
	switch {
	case h.nothing == "" && h.export == nil:
		return "declares neither a part of an export nor why it has none"
	case h.nothing != "" && h.export != nil:
		return "declares a part of an export, and that it has none"
	case (h.part == "") != (h.export == nil):
		return "needs a name for its part of an export, and nothing else does"
	case h.nothing != "" && strings.Count(h.nothing, " ") < 3:
		return "gives no reason"
	}
	return ""
}

func TestWrongHoldingsAreFound(t *testing.T) {
	write := func(context.Context, *kernel, *store.User, func(any) error) error { return nil }
	for want, h := range map[string]holding{
		"":                         {part: "x", export: write},
		"declares neither":         {},
		"declares a part":          {part: "x", export: write, nothing: "it keeps nothing at all"},
		"needs a name":             {export: write},
		"gives no reason":          {nothing: "nothing"},
		"needs a name for its par": {part: "x", nothing: "it keeps nothing at all"},
	} {
		if got := wrongHolding(h); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%+v: %q, want %q", h.part, got, want)
		}
	}
}
