package admit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/admit-go/admit/ui"
)

// A page of which one sentence lacks a translation is shown in English as a
// whole. So every sentence that this package writes for a page must be in
// ui/german.go and ui/japanese.go.
func TestMailEverySentenceOfAPageIsTranslated(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	sentences := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !imports(file, "github.com/admit-go/admit/ui") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, s := range pageTexts(n) {
				sentences++
				for _, missing := range ui.Missing(ui.Page{Title: s}) {
					t.Errorf("%s: no translation of a page's text: %s", name, missing)
				}
			}
			return true
		})
	}
	if sentences < 20 {
		t.Errorf("only %d sentences were found: the test looks in the wrong place", sentences)
	}
	for _, rule := range (PasswordConfig{RequireUppercase: true, RequireLowercase: true, RequireNumbers: true, RequireSpecialChars: true}).inWords() {
		if missing := ui.Missing(ui.Page{Title: rule}); missing != nil {
			t.Errorf("no translation of a rule: %q", missing)
		}
	}
}

func imports(file *ast.File, path string) bool {
	for _, i := range file.Imports {
		if i.Path.Value == strconv.Quote(path) {
			return true
		}
	}
	return false
}

// pageTexts are the sentences that a node gives to a field of a page.
func pageTexts(n ast.Node) []string {
	fields := map[string]bool{"Title": true, "Paragraphs": true, "Label": true, "Button": true}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && fields[key.Name] {
			return literals(n.Value)
		}
	case *ast.AssignStmt:
		if to, ok := n.Lhs[0].(*ast.SelectorExpr); ok && fields[to.Sel.Name] {
			return literals(n.Rhs[0])
		}
	}
	return nil
}

func literals(e ast.Expr) (all []string) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{s}
		}
	case *ast.CompositeLit:
		for _, element := range e.Elts {
			all = append(all, literals(element)...)
		}
	case *ast.CallExpr:
		for _, argument := range e.Args {
			all = append(all, literals(argument)...)
		}
	}
	return all
}
