package admit_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// Comments and pages are read by people who learned English at school. The lists
// below have phrases that such readers look up or read twice, and for each of
// them a plainer way to say it. A phrase stands in a list only if it is never the
// plain way: the check has no exceptions.

// phrase is a pattern, with lower-case letters and single spaces, and what to
// write instead.
type phrase struct {
	pattern *regexp.Regexp
	instead string
}

// riddles are refused in comments and pages.
var riddles = []phrase{
	{regexp.MustCompile(`\bnot any more([.,;:)]|$)`), "no longer"},
	{regexp.MustCompile(`\b(not|no|none|nobody|nothing|never|cannot) ([\w'-]+ ){0,6}(there|here|good|valid|needed|used|known|open|alive|exists?|works?|true) any more\b`), "no longer"},
	{regexp.MustCompile(`\b(thereof|therein|wherein|whereof|thereupon|hitherto|heretofore|forthwith)\b`), "repeat the noun, or say when"},
	{regexp.MustCompile(`\bgo(es)? without saying\b`), "say it"},
	{regexp.MustCompile(`\bwhatever (became|becomes|has become) of\b`), "say what may have happened"},
	{regexp.MustCompile(`\bwhat (it|one|that) is worth\b`), "name the value"},
	{regexp.MustCompile(`\bhas it that\b`), "says"},
	{regexp.MustCompile(`\bthat lately\b`), "less than … ago"},
	{regexp.MustCompile(`\bbe that as it may\b`), "leave it out"},
}

// commentRiddles are refused in comments alone.
var commentRiddles = []phrase{
	{regexp.MustCompile(`\bwhoever\b`), "name the person or the code: a client, a caller, a thief"},
	{regexp.MustCompile(`\blest\b`), "so that … not"},
	{regexp.MustCompile(`\bin vain\b`), "say what would be lost"},
}

// workplace are words about how the project was made, which tell a reader nothing.
// They are refused everywhere.
var workplace = []phrase{
	{regexp.MustCompile(`(^|[\s"'(=])/wor[k]/`), "a path that every reader has"},
	{regexp.MustCompile(`\b(issue|ticket|task) #?\d+\b`), "the reason itself"},
	{regexp.MustCompile(`\b(findings|attacks|http-api|field|reference-server)\.md\b`), "the id of the rule alone"},
	{regexp.MustCompile(`\b(chatgpt|copilot|claude|language model|ai agent|coding agent)\b`), "leave it out"},
}

// wording reports each phrase in a text, with the line at which it begins.
func wording(name string, firstLine int, text string, lists ...[]phrase) (found []string) {
	// The words are joined by one blank each, so that a phrase is found that is
	// broken over two lines.
	var words strings.Builder
	var lines []int // the line of each byte of words
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "//")
		for word := range strings.FieldsSeq(strings.ToLower(line)) {
			words.WriteString(" " + word)
			lines = append(lines, slices.Repeat([]int{firstLine + number}, len(word)+1)...)
		}
	}
	for _, p := range slices.Concat(lists...) {
		for _, place := range p.pattern.FindAllStringIndex(words.String(), -1) {
			said := strings.TrimSpace(words.String()[place[0]:place[1]])
			found = append(found, fmt.Sprintf("%s:%d: %q: write %s", name, lines[place[0]], said, p.instead))
		}
	}
	return found
}

// wordingOfHouse checks all comments of code that hosts link, all pages, and for
// the words of the workplace everything that is text.
func wordingOfHouse(t *testing.T, house fs.FS) (found []string) {
	t.Helper()
	err := fs.WalkDir(house, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && name != ".ci" && strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		isGo, isPage := strings.HasSuffix(name, ".go"), strings.HasSuffix(name, ".md")
		isText := isGo || isPage || strings.HasSuffix(name, ".yaml") || strings.HasPrefix(name, ".ci/")
		if !isText || name == "words_test.go" {
			return nil
		}
		data, err := fs.ReadFile(house, name)
		if err != nil {
			return err
		}
		found = append(found, wording(name, 1, string(data), workplace)...)
		switch {
		case isPage:
			found = append(found, wording(name, 1, string(data), riddles)...)
		case isGo && !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "e2e/") && !strings.HasPrefix(name, "examples/"):
			files := token.NewFileSet()
			parsed, err := parser.ParseFile(files, name, data, parser.ParseComments)
			if err != nil {
				return err
			}
			for _, group := range parsed.Comments {
				first := files.Position(group.Pos()).Line
				found = append(found, wording(name, first, textOf(group), riddles, commentRiddles)...)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// textOf is a group of comments as it stands in the file.
func textOf(group *ast.CommentGroup) string {
	lines := make([]string, len(group.List))
	for i, comment := range group.List {
		lines[i] = comment.Text
	}
	return strings.Join(lines, "\n")
}

func TestCommentsAndPagesAreInPlainWords(t *testing.T) {
	for _, said := range wordingOfHouse(t, os.DirFS(".")) {
		t.Error(said)
	}
}

// Each list is shown to find its phrase, also over two lines, and to leave alone
// what only looks like it.
func TestPlainWordsCanFail(t *testing.T) {
	for name, c := range map[string]struct{ file, text, found string }{
		"a riddle":            {"docs/x.md", "The key is\nnot there any\nmore.\n", `docs/x.md:2: "not there any more": write no longer`},
		"a token":             {"docs/x.md", "A token that is not, or not any\nmore, worth anything.\n", `docs/x.md:1: "not any more,": write no longer`},
		"a riddle in code":    {"x.go", "package x\n\n// f is for those\n// who know what\n// it is worth.\nfunc f() {}\n", `x.go:4: "what it is worth": write name the value`},
		"a riddle of code":    {"x.go", "package x\n\nfunc f() {} // for whoever calls it\n", `x.go:3: "whoever": write name the person or the code: a client, a caller, a thief`},
		"the workplace":       {"x_test.go", "package x\n\n// See issue 12.\n", `x_test.go:3: "issue 12": write the reason itself`},
		"a path":              {".ci/run", "cd /" + "work/main\n", `.ci/run:1: "/wo` + `rk/": write a path that every reader has`},
		"a quantity":          {"docs/x.md", "Do not keep any more connections than there are. Not any more than that.\n", ""},
		"a word of a page":    {"docs/x.md", "Whoever has the key can open it.\n", ""},
		"code":                {"x.go", "package x\n\nvar thereof, whoever = 1, \"whoever\"\n", ""},
		"a test":              {"x_test.go", "package x\n\n// whoever calls it\n", ""},
		"a folder of a store": {"x.go", "package x\n\n// A path such as https://app.example/" + "work/1.\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := wordingOfHouse(t, fstest.MapFS{c.file: {Data: []byte(c.text)}})
			if want := slices.DeleteFunc([]string{c.found}, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
				t.Errorf("found %q, want %q", got, want)
			}
		})
	}
}
