package ui

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// Brand is how the pages of one host look. The zero value shows the name of the
// site and the built-in colours.
type Brand struct {
	// Name is what pages call the application. Default: Config.SiteName.
	Name string
	// Logo is the URL of a picture that is shown instead of the name: a path of
	// this origin, or https. Pictures that are at least 96 pixels high look sharp.
	Logo string
	// Color is the colour of buttons and links, as #rrggbb. Text on it is black or
	// white, whichever reads better. Where the colour stands on the page and is too
	// pale there, it is made darker, or lighter in the dark, until the contrast is
	// 4.5:1 (WCAG 2.2, 1.4.3).
	Color string
	// Support is the address or the URL where people get help: "help@app.example"
	// or "https://app.example/help". Default: none.
	Support string
	// Terms and Privacy are the URLs of these documents. Default: none.
	Terms, Privacy string
	// CSS is the URL of a style sheet that is loaded after the built-in one: a path
	// of this origin, or https. Default: none.
	CSS string
}

// Check reports everything about a brand that cannot work.
func (b Brand) Check() error {
	var wrong []error
	for _, field := range []struct{ name, value string }{{"Logo", b.Logo}, {"Terms", b.Terms}, {"Privacy", b.Privacy}, {"CSS", b.CSS}} {
		if field.value != "" && !isWebAddress(field.value) {
			wrong = append(wrong, fmt.Errorf("Brand.%s %q: must be a path that begins with /, or an https URL", field.name, field.value))
		}
	}
	if b.Support != "" && b.SupportURL() == "" {
		wrong = append(wrong, fmt.Errorf("Brand.Support %q: must be an e-mail address or an https URL", b.Support))
	}
	if _, ok := parseColor(b.Color); b.Color != "" && !ok {
		wrong = append(wrong, fmt.Errorf("Brand.Color %q: must be #rrggbb, such as #0b57d0", b.Color))
	}
	return errors.Join(wrong...)
}

// SupportURL returns the link to Support, or "".
func (b Brand) SupportURL() string {
	if isWebAddress(b.Support) {
		return b.Support
	}
	if name, host, ok := strings.Cut(b.Support, "@"); ok && name != "" && strings.Contains(host, ".") && !strings.ContainsAny(b.Support, " <>\"?&#%/:\r\n") {
		return "mailto:" + b.Support
	}
	return ""
}

// isWebAddress reports whether a text is a path of this origin or a web address
// that a browser cannot take for anything else.
func isWebAddress(text string) bool {
	if strings.ContainsAny(text, "\\ \t\r\n\"'<>;,") {
		return false
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.User != nil:
		return false
	case strings.HasPrefix(text, "/"):
		return !strings.HasPrefix(text, "//")
	case u.Scheme == "http":
		return u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"
	}
	return u.Scheme == "https" && u.Host != ""
}

// Source returns the source expression of a Content-Security-Policy for a URL of
// the brand; "" for "".
func Source(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || text == "":
		return ""
	case u.Host == "":
		return "'self'"
	}
	return u.Scheme + "://" + u.Host
}

// Style returns the rules that give the pages the colour of the brand; "" without
// a colour.
func (b Brand) Style() string {
	c, ok := parseColor(b.Color)
	if !ok {
		return ""
	}
	light, dark := c.readableOn(color{255, 255, 255}), c.readableOn(darkPaper())
	return fmt.Sprintf(":root{--act:%s;--on:%s;--link:%s;--edge:%s}@media (prefers-color-scheme:dark){:root{--link:%s;--edge:%s}}",
		c, c.text(), light, light, dark, dark)
}

// color is red, green and blue.
type color [3]uint8

// darkPaper is --paper in the dark; see style.css.
func darkPaper() color { return color{0x17, 0x1b, 0x22} }

func parseColor(text string) (c color, ok bool) {
	if len(text) != 7 || text[0] != '#' {
		return c, false
	}
	n, err := strconv.ParseUint(text[1:], 16, 32)
	return color{uint8(n >> 16), uint8(n >> 8), uint8(n)}, err == nil
}

func (c color) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

// luminance is the relative luminance of WCAG 2.2.
func (c color) luminance() float64 {
	sum := 0.0
	for i, weight := range [3]float64{0.2126, 0.7152, 0.0722} {
		part := float64(c[i]) / 255
		if part <= 0.04045 {
			part /= 12.92
		} else {
			part = math.Pow((part+0.055)/1.055, 2.4)
		}
		sum += weight * part
	}
	return sum
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b color) float64 {
	one, other := a.luminance(), b.luminance()
	return (max(one, other) + 0.05) / (min(one, other) + 0.05)
}

// text returns white or black, whichever reads better on c.
func (c color) text() color {
	white, black := color{255, 255, 255}, color{0, 0, 0}
	if contrast(c, white) >= contrast(c, black) || contrast(c, white) >= readable {
		return white
	}
	return black
}

// readable is the least contrast of text (WCAG 2.2, 1.4.3).
const readable = 4.5

// readableOn returns c, moved towards black or white until it can be read on
// paper.
func (c color) readableOn(paper color) color {
	target := color{0, 0, 0}
	if paper.luminance() < 0.18 {
		target = color{255, 255, 255}
	}
	for step := range 101 {
		var mixed color
		for i := range mixed {
			mixed[i] = uint8((int(c[i])*(100-step) + int(target[i])*step) / 100)
		}
		if contrast(mixed, paper) >= readable {
			return mixed
		}
	}
	return target
}
