package admit

import (
	"fmt"
	"hash/fnv"
	"html"
	"strings"
	"unicode"
)

// initials returns an SVG with the first letters of the first and the last word of a
// name. The account decides the colour.
func initials(name, userID string) []byte {
	var letters []rune
	for word := range strings.FieldsSeq(name) {
		for _, r := range word {
			if unicode.IsLetter(r) || unicode.IsNumber(r) {
				letters = append(letters, unicode.ToUpper(r))
				break
			}
		}
	}
	text := "?"
	if n := len(letters); n > 0 {
		text = string(letters[0])
		if n > 1 {
			text += string(letters[n-1])
		}
	}
	colour := fnv.New32a()
	_, _ = colour.Write([]byte(userID))
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512" viewBox="0 0 512 512" role="img">`+
		`<rect width="512" height="512" fill="hsl(%d,45%%,38%%)"/><text x="256" y="256" dy=".35em" fill="#fff" font-family="sans-serif" font-size="200" text-anchor="middle">%s</text></svg>`,
		colour.Sum32()%360, html.EscapeString(text))
}
