package admit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/admit-go/admit"
)

// The pages are read by people who cannot see the code, so what they list is
// held against it.

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// found returns the first group of every match.
func found(pattern, text string) []string {
	var groups []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		groups = append(groups, match[1])
	}
	return groups
}

// source is all code of the root package, without tests.
func rootSource(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			all.WriteString(page(t, name))
		}
	}
	return all.String()
}

func TestThePageOfErrorsListsEachCodeWithItsStatus(t *testing.T) {
	statuses := map[string]string{}
	for number := 400; number < 600; number++ {
		name := strings.NewReplacer(" ", "", "-", "").Replace(http.StatusText(number))
		statuses[name] = strconv.Itoa(number)
	}
	declared := map[string]string{}
	for _, match := range regexp.MustCompile(`Error\{Code: "([^"]+)", Status: http\.Status(\w+)`).FindAllStringSubmatch(rootSource(t), -1) {
		declared[match[1]] = statuses[match[2]]
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+/[a-z-]+)` \\| (\\d+) \\|").FindAllStringSubmatch(page(t, "docs/errors.md"), -1) {
		listed = append(listed, row[1])
		if declared[row[1]] != row[2] {
			t.Errorf("%s has status %s, the page says %s", row[1], declared[row[1]], row[2])
		}
	}
	if codes := admit.ErrorCodes(); !slices.Equal(listed, codes) {
		t.Errorf("the page lists %q\nthere are %q", listed, codes)
	}
}

func TestThePagesOfSettingsAndHooksNameEveryField(t *testing.T) {
	pages := map[string]string{
		"Config": "config", "SessionConfig": "config", "PasswordConfig": "config", "MagicLinkConfig": "config", "MFAConfig": "config",
		"MessageConfig": "config", "Hooks": "hook",
	}
	files := []string{"config.go", "hook.go"}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || pages[spec.Name.Name] == "" {
				return true
			}
			text := page(t, "docs/"+pages[spec.Name.Name]+".md")
			delete(pages, spec.Name.Name)
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				for _, name := range field.Names {
					if !regexp.MustCompile("`" + name.Name + "\\b").MatchString(text) {
						t.Errorf("the page does not name %s.%s", spec.Name.Name, name.Name)
					}
				}
			}
			return false
		})
	}
	if len(pages) > 0 {
		t.Errorf("not found: %v", pages)
	}
}

func TestThePageOfEventsListsWhatIsRecorded(t *testing.T) {
	code := rootSource(t)
	var recorded []string
	for _, name := range found(`kind: (event\w+)`, code) {
		recorded = append(recorded, found(name+`\s+= "([^"]+)"`, code)...)
	}
	slices.Sort(recorded)
	recorded = slices.Compact(recorded)
	var listed []string
	for _, row := range found("(?m)^\\| (`[a-z]+\\.[^|]*) \\|", page(t, "docs/event.md")) {
		listed = append(listed, found("`([^`]+)`", row)...)
	}
	slices.Sort(listed)
	if len(recorded) == 0 || !slices.Equal(listed, recorded) {
		t.Errorf("the page lists %q\nrecorded are %q", listed, recorded)
	}
}

func TestThePageOfLimitsNamesEveryRouteThatHasOne(t *testing.T) {
	text := page(t, "docs/ratelimit.md")
	h := newHost(t)
	for _, r := range h.Routes() {
		row := "| `" + r.Method + " " + r.Path + "` | " + r.Limit
		if strings.Contains(text, row) != (r.Limit != "none") {
			t.Errorf("%s %s is of class %s; the page does not say so", r.Method, r.Path, r.Limit)
		}
	}
}

func TestEveryRouteIsToldOfInAPage(t *testing.T) {
	names, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		all.WriteString(page(t, name))
	}
	h := newHost(t)
	for _, r := range h.Routes() {
		if !strings.Contains(all.String(), r.Path) {
			t.Errorf("no page tells of %s %s", r.Method, r.Path)
		}
	}
}

func TestThePageOfSecurityNamesTestsThatExist(t *testing.T) {
	exist := map[string]bool{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		for _, test := range found(`(?m)^func (Test\w+)`, page(t, name)) {
			exist[test] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docs/security.md", "docs/reset.md", "docs/reliability.md"} {
		for _, test := range found("`(Test\\w+)`", page(t, name)) {
			if !exist[test] {
				t.Errorf("%s names %s, which does not exist", name, test)
			}
		}
	}
}

// Anchors are held against the headings they are made from.
func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	names, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md") {
		for _, link := range found(`\]\(([^)\s]+)\)`, page(t, name)) {
			if strings.Contains(link, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(link, "#")
			target := filepath.Join(filepath.Dir(name), file)
			if file == "" {
				target = name
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", name, link, err)
				continue
			}
			if anchor != "" && !slices.ContainsFunc(found(`(?m)^#+ (.+)$`, page(t, target)), func(heading string) bool {
				return strings.ReplaceAll(strings.ToLower(strings.NewReplacer("'", "", ",", "", ".", "", "`", "").Replace(heading)), " ", "-") == anchor
			}) {
				t.Errorf("%s links to %s: there is no such heading", name, link)
			}
		}
	}
}

// Every route that takes a proof in place of a session stands on the page of ways
// in, and the page names no budget that is not one and leaves none out.
func TestThePageOfWaysInListsEveryProofWithItsBudgets(t *testing.T) {
	text := page(t, "docs/waysin.md")
	row := map[string]string{}
	for line := range strings.Lines(text) {
		if route := found("^\\| `([A-Z]+ /[^`]*)`", line); len(route) == 1 {
			row[route[0]] = line
		}
	}
	budgets := map[string]admit.Budget{}
	for _, b := range admit.Budgets() {
		budgets[b.Name] = b
		if !strings.Contains(text, "`"+b.Name+"`") {
			t.Errorf("the page does not name the budget %s", b.Name)
		}
	}
	for _, r := range newHost(t).Routes() {
		name := r.Method + " " + r.Path
		line, listed := row[name]
		delete(row, name)
		switch {
		case !r.Exchanges || r.Method != http.MethodPost:
			if listed {
				t.Errorf("%s stands on the page, but asks for a session", name)
			}
			continue
		case !listed:
			t.Errorf("%s takes a proof and does not stand on the page", name)
			continue
		}
		cell := strings.Split(line, "|")[4]
		per := map[string]bool{}
		for _, budget := range found("`([^`]+)`", cell) {
			b, ok := budgets[budget]
			if !ok {
				t.Errorf("%s: there is no budget %s", name, budget)
			}
			per[b.Per] = true
		}
		switch {
		case r.Limit == "guess" && !(per["account"] && per["client"]):
			t.Errorf("%s is a guess, and its row does not name a budget of the account and one of the client: %s", name, cell)
		case r.Limit == "mail" && !(per["mailbox"] && per["client"]):
			t.Errorf("%s sends mail, and its row does not name a budget of the mailbox and one of the client: %s", name, cell)
		case r.Limit == "signup" && !strings.Contains(cell, "source/signup"):
			t.Errorf("%s is a sign-up, and its row says %s", name, cell)
		case !strings.Contains(cell, "`") && !strings.Contains(cell, "cannot be guessed"):
			t.Errorf("%s has no budget, and its row does not say why: %s", name, cell)
		}
	}
	for name := range row {
		t.Errorf("%s stands on the page, but is not served", name)
	}
}
