package ui

import (
	"fmt"
	"testing"
)

func TestTheColourOfABrandCanAlwaysBeRead(t *testing.T) {
	white := color{255, 255, 255}
	for red := 0; red < 256; red += 51 {
		for green := 0; green < 256; green += 51 {
			for blue := 0; blue < 256; blue += 51 {
				text := fmt.Sprintf("#%02x%02x%02x", red, green, blue)
				c, ok := parseColor(text)
				if !ok || c.String() != text {
					t.Fatalf("%s is read as %v", text, c)
				}
				if got := contrast(c, c.text()); got < readable {
					t.Errorf("%s has text with a contrast of %.2f", text, got)
				}
				if got := contrast(c.readableOn(white), white); got < readable {
					t.Errorf("%s has links with a contrast of %.2f", text, got)
				}
				if got := contrast(c.readableOn(darkPaper()), darkPaper()); got < readable {
					t.Errorf("%s has links with a contrast of %.2f in the dark", text, got)
				}
			}
		}
	}
	for _, text := range []string{"", "blue", "#12345", "#1234567", "#12345g", "0b57d0#", "#+12345"} {
		if _, ok := parseColor(text); ok {
			t.Errorf("%q is taken for a colour", text)
		}
	}
}

func TestTheContrastIsThatOfTheStandard(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#0b57d0", "#ffffff", 6.47}} {
		a, _ := parseColor(c.a)
		b, _ := parseColor(c.b)
		if got := contrast(a, b); got < c.want-0.1 || got > c.want+0.1 {
			t.Errorf("%s on %s: %.2f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

func TestS31_ALinkOfABrandIsAWebAddress(t *testing.T) {
	for text, want := range map[string]bool{
		"/logo.svg": true, "https://cdn.example/a.svg": true, "http://localhost:8080/a.svg": true,
		"//cdn.example/a": false, "http://cdn.example/a": false, "javascript:alert(1)": false, "data:image/svg+xml,x": false, "logo.svg": false,
		"/a b": false, `/\evil`: false, "https://u:p@cdn.example": false, "https:evil": false, "/a;style-src *": false,
	} {
		if got := isWebAddress(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	for text, want := range map[string]string{
		"help@app.example": "mailto:help@app.example", "https://app.example/help": "https://app.example/help",
		"help@app.example?bcc=x@y.test": "", "javascript:alert(1)@app.example": "", "call us": "", "a@b": "",
	} {
		if got := (Brand{Support: text}).SupportURL(); got != want {
			t.Errorf("%q leads to %q", text, got)
		}
	}
}
