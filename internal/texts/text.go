package texts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// other is the plural form that every language has.
const other = "other"

// text is what stands at a key, by plural form. A text without forms has "other"
// alone.
type text struct {
	forms map[string]string
	// number is the placeholder that chooses the form; "" in a text without forms.
	number string
}

// placeholder is one of a text.
var placeholder = regexp.MustCompile(`\{([a-zA-Z]+):(text|number)\}`)

// brace finds what was meant to be a placeholder and is none.
var brace = regexp.MustCompile(`[{}]`)

func readFile(f file) (map[string]text, error) {
	raw, err := fs.ReadFile(f.source, f.name)
	if err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	read := map[string]text{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		var forms map[string]string
		if values[key][0] == '{' {
			err = json.Unmarshal(values[key], &forms)
		} else {
			var single string
			err = json.Unmarshal(values[key], &single)
			forms = map[string]string{other: single}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %q must be a text, or an object of plural forms: %w", f.name, key, err)
		}
		t := text{forms: forms}
		if values[key][0] == '{' {
			for _, found := range placeholder.FindAllStringSubmatch(forms[other], -1) {
				if found[2] == "number" && t.number == "" {
					t.number = found[1]
				}
			}
			if t.number == "" {
				return nil, fmt.Errorf("%s: %q has plural forms, so \"other\" must have a number, such as {count:number}", f.name, key)
			}
		}
		read[key] = t
	}
	return read, nil
}

// check compares a text with the English one. The form for a single number may
// leave the number out.
func (t text) check(english text, language plurals) error {
	want := placeholdersOf(english.forms[other])
	for _, form := range slices.Sorted(maps.Keys(t.forms)) {
		found := placeholdersOf(t.forms[form])
		required := want
		if form != other && !slices.Contains(found, "{"+t.number+":number}") {
			required = slices.DeleteFunc(slices.Clone(want), func(p string) bool { return p == "{"+t.number+":number}" })
		}
		switch {
		case !slices.Contains(language.names(), form) && !slices.Contains(allForms, form):
			return fmt.Errorf("has the plural form %q, which is none of %s", form, strings.Join(allForms, ", "))
		case !slices.Equal(found, required):
			return fmt.Errorf("must have the placeholders %v, as in English", want)
		case brace.MatchString(placeholder.ReplaceAllString(t.forms[form], "")):
			return errors.New("has a brace that belongs to no placeholder")
		}
	}
	if t.number == "" {
		return nil
	}
	for _, form := range language.names() {
		if _, ok := t.forms[form]; !ok {
			return fmt.Errorf("lacks the plural form %q; the language has %s", form, strings.Join(language.names(), ", "))
		}
	}
	return nil
}

// placeholdersOf lists the placeholders of a text, sorted, each once.
func placeholdersOf(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// fill puts values into the form for the number among them. A placeholder inside a
// value is not filled.
func (t text) fill(c *Catalogue, values []any) (string, error) {
	chosen := t.forms[other]
	if t.number != "" {
		for i := 0; i < len(values); i += 2 {
			if n, ok := values[i+1].(int); ok && values[i] == t.number {
				if form, ok := t.forms[c.forms.form(n)]; ok {
					chosen = form
				}
			}
		}
	}
	if !strings.Contains(chosen, "{") {
		return chosen, nil
	}
	var wrong error
	filled := placeholder.ReplaceAllStringFunc(chosen, func(found string) string {
		name, kind, _ := strings.Cut(found[1:len(found)-1], ":")
		for i := 0; i < len(values); i += 2 {
			if values[i] != name {
				continue
			}
			switch value := values[i+1].(type) {
			case string:
				if kind == "text" {
					return Isolate(value, c.Direction)
				}
			case int:
				if kind == "number" {
					return strconv.Itoa(value)
				}
			}
		}
		wrong = fmt.Errorf("%s has no value of its type", found)
		return found
	})
	return filled, wrong
}

// The marks around a value whose direction is not that of the sentence (Unicode
// Standard Annex 9): an address or a name then moves no word of the sentence.
const (
	isolateStart = "\u2068"
	isolateEnd   = "\u2069"
)

// Isolate puts the marks around a value in a sentence of a direction, where it can
// move words: in a sentence from right to left, and around a value that has letters
// from right to left, or marks of its own.
func Isolate(value, direction string) string {
	if value == "" || direction == "ltr" && !strings.ContainsFunc(value, isRightToLeft) {
		return value
	}
	return isolateStart + value + isolateEnd
}

func isRightToLeft(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam) ||
		r >= 0x200e && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// allForms are the plural forms of CLDR, in the order of plural.Form.
var allForms = []string{other, "zero", "one", "two", "few", "many"}

// plurals is the language whose rules choose a form.
type plurals struct{ tag language.Tag }

func pluralsOf(tag string) plurals { return plurals{language.Make(tag)} }

// form returns the plural form of a whole number.
func (p plurals) form(n int) string {
	if n < 0 {
		n = -n
	}
	// The arguments are the whole number and the count of its decimals, of which
	// there are none.
	form := int(plural.Cardinal.MatchPlural(p.tag, n, 0, 0, 0, 0))
	if form >= len(allForms) {
		return other
	}
	return allForms[form]
}

// names lists the forms that the numbers which occur in texts use, and "other".
func (p plurals) names() []string {
	found := []string{other}
	for n := range 1000 {
		if form := p.form(n); !slices.Contains(found, form) {
			found = append(found, form)
		}
	}
	return found
}
