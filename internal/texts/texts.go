// Package texts has what people read, by key, in any number of languages. A
// language is one JSON file, such as "de.json", that maps each key to a text:
//
//	{
//		"check.sent": "We sent a mail to {email:text}.",
//		"codes.left": {"one": "One code is left.", "other": "{count:number} codes are left."}
//	}
//
// A text is a whole sentence. Its placeholders have a name and a type: {name:text}
// or {count:number}. A text with a number can have the plural forms of its
// language: zero, one, two, few, many, other (CLDR). English is complete and decides
// which keys there are, and which placeholders each of them has. The text of a key
// that another language lacks is the English one.
package texts

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/admit-go/admit/internal/locale"
)

// Base is the language that is complete.
const Base = "en"

// Catalogue has the texts of one language.
type Catalogue struct {
	// Tag is the BCP 47 name in the form of locale.Parse, and Direction is "ltr" or
	// "rtl".
	Tag, Direction string
	// files are read at the first use: a process speaks few of the languages.
	files []file
	once  sync.Once
	texts map[string]text
	wrong []error
	forms plurals
	// english is the language that is complete, with the changes of the host. builtIn
	// is the same without them.
	english, builtIn *Catalogue
	open             bool
}

// file is one file with texts of a language.
type file struct {
	source fs.FS
	name   string
	own    bool
}

// Set is the catalogues of all languages. It is safe for use by many goroutines.
type Set struct {
	byTag    map[string]*Catalogue
	tags     []string
	matcher  *locale.Matcher
	standard *Catalogue
}

// Options are the host's changes to built-in texts.
type Options struct {
	// Own adds languages, and replaces single texts. Nil changes nothing.
	Own fs.FS
	// Default is the language of Set.Match for people who want none that there is. ""
	// is English.
	Default string
	// Only are the languages that are used, of those that have a file. Empty means all.
	Only []string
	// Open lets the host's en.json have keys of its own, for templates of the host.
	Open bool
}

// Load finds the files of builtIn and of Options.Own, which win. It reports what is
// wrong with the files of the host, joined: a name that is no language, a key or a placeholder that the built-in English does not have, a missing plural form, and a
// default language without a file. Tests check the built-in files by Check.
func Load(builtIn fs.FS, o Options) (*Set, error) {
	set := &Set{byTag: map[string]*Catalogue{}}
	var wrong []error
	for i, source := range []fs.FS{builtIn, o.Own} {
		if source == nil {
			continue
		}
		names, err := fs.Glob(source, "*.json")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			tag := locale.Parse(strings.TrimSuffix(path.Base(name), ".json"))
			if tag == "" {
				wrong = append(wrong, fmt.Errorf("%s: the name must be a language, such as pt-BR.json", name))
				continue
			}
			c := set.byTag[tag]
			if c == nil {
				c = &Catalogue{Tag: tag, Direction: locale.Direction(tag)}
				set.byTag[tag] = c
			}
			c.files = append(c.files, file{source, name, i == 1})
		}
	}
	base := set.byTag[Base]
	if base == nil {
		return nil, errors.Join(append(wrong, errors.New("there is no en.json"))...)
	}
	set.tags = slices.Sorted(maps.Keys(set.byTag))
	complete := &Catalogue{Tag: Base, Direction: base.Direction, files: base.files[:1]}
	complete.english, complete.builtIn = complete, complete
	for _, tag := range set.tags {
		c := set.byTag[tag]
		c.english, c.builtIn, c.open = base, complete, o.Open
		if slices.ContainsFunc(c.files, func(f file) bool { return f.own }) {
			wrong = append(wrong, c.Check()...)
		}
	}
	return set, errors.Join(append(wrong, set.choose(o)...)...)
}

// choose keeps the languages of Options.Only, and finds the default language.
func (s *Set) choose(o Options) (wrong []error) {
	if len(o.Only) > 0 {
		var only []string
		for _, name := range o.Only {
			tag := locale.Parse(name)
			if s.byTag[tag] == nil {
				wrong = append(wrong, fmt.Errorf("the language %q is none of %s", name, strings.Join(s.tags, ", ")))
				continue
			}
			only = append(only, tag)
		}
		if len(wrong) > 0 {
			return wrong
		}
		s.standard, s.tags = s.byTag[only[0]], only
		slices.Sort(s.tags)
	}
	s.matcher = locale.NewMatcher(s.tags)
	if s.standard == nil || slices.Contains(s.tags, Base) {
		s.standard = s.byTag[Base]
	}
	if o.Default != "" {
		if s.standard = s.Find([]string{o.Default}); s.standard == nil {
			wrong = append(wrong, fmt.Errorf("the default language %q is none of %s", o.Default, strings.Join(s.tags, ", ")))
		}
	}
	return wrong
}

// Check returns everything that is wrong with a language, except missing keys.
func (c *Catalogue) Check() []error {
	all := c.all()
	wrong := slices.Clone(c.wrong)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		english, ok := c.builtIn.all()[key]
		if !ok && c.open {
			english, ok = c.english.all()[key]
		}
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s.json: there is no key %q", c.Tag, key))
			continue
		}
		if err := all[key].check(english, c.forms); err != nil {
			wrong = append(wrong, fmt.Errorf("%s.json: %q %w", c.Tag, key, err))
		}
	}
	return wrong
}

// all reads the files once.
func (c *Catalogue) all() map[string]text {
	c.once.Do(func() {
		c.texts, c.forms = map[string]text{}, pluralsOf(c.Tag)
		for _, f := range c.files {
			read, err := readFile(f)
			if err != nil {
				c.wrong = append(c.wrong, err)
			}
			maps.Copy(c.texts, read)
		}
	})
	return c.texts
}

// Tags lists the languages, sorted.
func (s *Set) Tags() []string { return slices.Clone(s.tags) }

// Catalogues lists the catalogues by the names of their languages.
func (s *Set) Catalogues() []*Catalogue {
	var all []*Catalogue
	for _, tag := range s.tags {
		all = append(all, s.byTag[tag])
	}
	slices.SortFunc(all, func(a, b *Catalogue) int { return strings.Compare(a.Name(), b.Name()) })
	return all
}

// Find returns the best language for wanted, or nil if none fits.
func (s *Set) Find(wanted []string) *Catalogue { return s.byTag[s.matcher.Match(wanted)] }

// Match returns the best language for wanted, or the default language.
func (s *Set) Match(wanted []string) *Catalogue {
	if found := s.Find(wanted); found != nil {
		return found
	}
	return s.standard
}

// English returns the language that is complete.
func (s *Set) English() *Catalogue { return s.byTag[Base] }

// Default returns the language of people who want none that there is.
func (s *Set) Default() *Catalogue { return s.standard }

// Name is what speakers call the language: the text with the key "language".
func (c *Catalogue) Name() string {
	if name := c.all()["language"].forms[other]; name != "" {
		return name
	}
	return c.Tag
}

// Keys lists the keys of all texts, sorted.
func (c *Catalogue) Keys() []string { return slices.Sorted(maps.Keys(c.english.all())) }

// Missing lists the keys that the language leaves to English, sorted.
func (c *Catalogue) Missing() []string {
	return slices.DeleteFunc(c.Keys(), c.HasOwn)
}

// Has reports whether there is a text with the key.
func (c *Catalogue) Has(key string) bool { _, ok := c.english.all()[key]; return ok }

// HasOwn reports whether the language has a text with the key itself.
func (c *Catalogue) HasOwn(key string) bool { _, ok := c.all()[key]; return ok }

// Text returns the text of a key with its placeholders filled: values are names
// and values in turn. It returns an error for a key that there is not, for a
// placeholder without a value, and for a value of another type.
func (c *Catalogue) Text(key string, values ...any) (string, error) {
	speaker := c
	found, ok := c.all()[key]
	if !ok {
		if found, ok = c.english.all()[key]; !ok {
			return "", fmt.Errorf("there is no text %q", key)
		}
		speaker = c.english
	}
	if len(values)%2 != 0 {
		return "", fmt.Errorf("text %q: each value needs a name", key)
	}
	filled, err := found.fill(speaker, values)
	if err != nil {
		return filled, fmt.Errorf("text %q: %w", key, err)
	}
	return filled, nil
}

// Say is Text for keys and values that a test has tried. It returns what Text could
// fill.
func (c *Catalogue) Say(key string, values ...any) string {
	text, _ := c.Text(key, values...)
	return text
}

// Raw returns a text with its placeholders.
func (c *Catalogue) Raw(key string) string {
	found, ok := c.all()[key]
	if !ok {
		found = c.english.all()[key]
	}
	return found.forms[other]
}
