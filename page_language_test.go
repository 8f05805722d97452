package admit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
	"github.com/admit-go/admit/ui"
)

// A page of which one sentence lacks a translation is shown in English as a
// whole. So every sentence that this package writes for a page must be in each file of
// internal/wording.
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

// The message of an error is a key of internal/wording, and every sentence there is
// written somewhere.
func TestEveryMessageOfAnErrorIsTranslated(t *testing.T) {
	set, err := wording.Load(texts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	errorsFound := 0
	for _, name := range append(names, "pages/serve.go", "ui/ui.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					written[text] = true
				}
			}
			made, ok := n.(*ast.CompositeLit)
			if !ok || types.ExprString(made.Type) != "Error" && types.ExprString(made.Type) != "admit.Error" {
				return true
			}
			for _, element := range made.Elts {
				if field, ok := element.(*ast.KeyValueExpr); ok && types.ExprString(field.Key) == "Message" {
					for _, message := range literals(field.Value) {
						errorsFound++
						for _, c := range set.Catalogues() {
							if _, ok := wording.Sentence(c, message); !ok {
								t.Errorf("%s: %s.json lacks the message %q", name, c.Tag, message)
							}
						}
					}
				}
			}
			return true
		})
	}
	if errorsFound < 50 {
		t.Errorf("only %d messages were found: the test looks in the wrong place", errorsFound)
	}
	for _, key := range set.English().Keys() {
		if strings.ContainsAny(key, " ") && !written[key] {
			t.Errorf("internal/wording has a sentence that nothing says: %q", key)
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
