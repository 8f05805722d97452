package admit_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// The rules that keep the house as CONTRIBUTING.md draws it. Each is checked
// over the source of the whole repository, and TestEveryRuleOfTheHouseCanFail
// shows for each that it does fail.

const module = "github.com/admit-go/admit"

// requirements are the modules that every host inherits, each with the reason
// why it is worth its weight.
var requirements = map[string]string{
	"github.com/go-json-experiment/json": "reads request bodies without folding case or taking duplicate keys, which encoding/json does",
	"github.com/golang-jwt/jwt/v5":       "signature methods of access tokens, the ones everybody audits",
	"github.com/pquerna/otp":             "the arithmetic of authenticator apps (RFC 4226), as everybody audits it",
	"github.com/boombuler/barcode":       "QR codes for authenticator apps, which pquerna/otp requires anyway",
	"github.com/coreos/go-oidc/v3":       "verifies id tokens in package oauth; a host without it links none of this",
	"github.com/go-jose/go-jose/v4":      "the keys of issuers in package oauth, at a version that go-oidc alone would not ask for",
	"golang.org/x/oauth2":                "the exchange of codes in package oauth; a host without it links none of this",
	"golang.org/x/crypto":                "Argon2id, scrypt, bcrypt and PBKDF2",
	"golang.org/x/image":                 "decodes WebP and scales pictures in package avatar; a host without it links none of this",
	"golang.org/x/net":                   "internationalised domain names (idna)",
	"golang.org/x/text":                  "Unicode normal forms of addresses and names; the choice of a language and its plural forms",
}

// drivers are SQL drivers: the host's choice and the host's version.
var drivers = []string{
	"modernc.org/sqlite", "github.com/mattn/go-sqlite3", "github.com/ncruces/go-sqlite3",
	"github.com/jackc/pgx", "github.com/lib/pq", "github.com/go-sql-driver/mysql",
}

// foretellable are the files that may use math/rand, and what for.
var foretellable = map[string]string{
	"serve.go":                       "request ids, which only find a line in a log",
	"internal/outbox/backoff.go":     "jitter between tries",
	"internal/webhook/schedule.go":   "jitter between tries",
	"store/internal/sqlstore/run.go": "jitter between tries",
}

type rule struct {
	name, why string
	// check returns what breaks the rule, each with its place.
	check func(h *house) []string
}

var rules = []rule{
	{
		"arrows point down", "what stands below must be usable, testable and replaceable without what stands on it",
		func(h *house) []string {
			return h.imports(true, func(s *source, imported string) bool {
				for _, floor := range floors {
					if below(s.dir, floor.dir) {
						return !inAny(imported, floor.onto)
					}
				}
				return false
			})
		},
	},
	{"storeys", "whoever changes a file must know what can be affected: nothing below it", checkStoreys},
	{"features stand apart", "a new feature is one file, and an old one can be taken out", checkUses},
	{"no circles", "files in a circle are one file that is read in pieces", checkCircles},
	{"errors are named by their codes", "whoever reads a code in a log finds the error, and the other way round", checkErrorNames},
	{"the surface is admit's own", "a host that handles what the store keeps is broken by each change of the store, and sees hashes and sealed bytes", checkSurface},
	{"no place for everything", "a type with a hundred methods is a package without a table of contents", checkMethods},
	{
		"storage knows no HTTP", "a store is written by people who never saw a request, and runs where there is none",
		func(h *house) []string {
			return h.importsOf(false, func(s *source, imported string) bool {
				return below(s.dir, "store") && s.dir != "store/s3blob" && below(imported, "net/http")
			})
		},
	},
	{
		"test support stays in tests", "a host must not link test code, nor its flags, into its server",
		func(h *house) []string {
			return h.importsOf(false, func(s *source, imported string) bool {
				return !strings.HasSuffix(s.dir, "test") &&
					(below(imported, "testing") || below(imported, module) && strings.HasSuffix(imported, "test"))
			})
		},
	},
	{
		"no SQL driver", "naming a driver would raise its version in every host, even in hosts that use another",
		func(h *house) []string {
			return h.importsOf(true, func(_ *source, imported string) bool { return inAny(imported, drivers) })
		},
	},
	{
		"chance is no secret", "what math/rand gives can be foretold; name in house_test.go what needs no more than that",
		func(h *house) []string {
			return h.importsOf(false, func(s *source, imported string) bool {
				return below(imported, "math/rand") && foretellable[s.path] == ""
			})
		},
	},
	{
		"few requirements", "each one is audited, updated and trusted by every host; name the reason in house_test.go",
		func(h *house) []string {
			return h.importsOf(true, func(_ *source, imported string) bool {
				first, _, _ := strings.Cut(imported, "/")
				return strings.Contains(first, ".") && !below(imported, module) && !inAny(imported, drivers) &&
					!inAny(imported, slices.Collect(maps.Keys(requirements)))
			})
		},
	},
	{
		"examples use what a host can use", "what an example shows must work when it is copied into another module",
		func(h *house) []string {
			return h.find(func(s *source) bool { return below(s.path, "examples") }, func(s *source) (found []string) {
				for _, imported := range s.imported() {
					if strings.Contains(imported+"/", "/internal/") && below(imported, module) {
						found = append(found, "imports "+imported)
					}
				}
				return found
			})
		},
	},
	{
		"go.mod raises nothing", "a patch release or a toolchain line forces every host to upgrade; replace forbids go install",
		checkModules,
	},
	{
		"short files", "450 lines is where a reader begins to scroll instead of read",
		func(h *house) []string {
			return h.find(shipped, func(s *source) []string {
				if s.lines <= 450 {
					return nil
				}
				return []string{fmt.Sprintf("has %d lines", s.lines)}
			})
		},
	},
	{
		"no init", "what runs on import cannot be left out, ordered or tested",
		func(h *house) []string {
			return h.functions(shipped, func(f *ast.FuncDecl) string {
				if f.Recv == nil && f.Name.Name == "init" {
					return "has an init function"
				}
				return ""
			})
		},
	},
	{
		"no mutable package variables", "state that all share makes two hosts in one process, and parallel tests, disturb each other",
		checkVariables,
	},
	{
		"rules know no HTTP", "what a person can do over HTTP, a program must be able to do with a context and plain values",
		func(h *house) []string {
			return h.functions(func(s *source) bool { return shipped(s) && s.dir == "" }, func(f *ast.FuncDecl) string {
				if parameters := f.Type.Params.List; !f.Name.IsExported() || len(parameters) == 0 ||
					types.ExprString(parameters[0].Type) != "context.Context" {
					return ""
				}
				if signature := types.ExprString(f.Type); strings.Contains(signature, "http.") {
					return f.Name.Name + " is " + signature
				}
				return ""
			})
		},
	},
	{
		"everything exported is documented", "the comment is the manual; whoever reads it has no other",
		checkComments,
	},
}

// floor says where the packages of a folder may reach: folders of the module.
// The first floor that fits a package is its own; "" is the root. The root may
// reach anything but what stands on it: authtest, which "test support stays in
// tests" keeps out.
type floor struct {
	dir  string
	onto []string
}

var floors = []floor{
	{"store/internal", []string{"store"}},
	{"store/drivertest", []string{"store"}},
	{"store/storetest", []string{"store"}},
	{"store/memory", []string{"store"}},
	{"store/sqlite", []string{"store"}},
	{"store/diskblob", []string{"store"}},
	{"store/s3blob", []string{"store"}},
	{"store/postgres", []string{"store"}},
	{"store", nil},
	{"mailer/smtp", []string{"mailer", "internal"}},
	{"mailer", nil},
	{"internal", []string{"internal", "store", "mailer"}},
	{"authtest/issuer", nil},
	{"authtest", []string{"", "store", "mailer"}},
	{"oauth", []string{"", "internal", "authtest"}},
	{"avatar", []string{""}},
	{"pages", []string{"", "ui", "internal", "store", "mailer"}},
	{"console", []string{"", "ui", "internal", "pages", "store", "mailer"}},
	{"ui", []string{"internal"}},
}

func TestHouse(t *testing.T) {
	h, err := readHouse(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.sources) < 50 {
		t.Fatalf("found %d source files: is this the root of the repository?", len(h.sources))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, broken := range r.check(h) {
				t.Errorf("%s\n\twhy this is a rule: %s", broken, r.why)
			}
		})
	}
}

// house is all source of the repository.
type house struct {
	fset    *token.FileSet
	sources []*source
	// modules holds each go.mod and go.work.
	modules map[string]string
}

// source is one Go file.
type source struct {
	path, dir string
	file      *ast.File
	lines     int
	// nested says that it belongs to a module below the root's.
	nested, test, generated bool
}

func readHouse(root fs.FS) (*house, error) {
	h := &house{fset: token.NewFileSet(), modules: map[string]string{}}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if entry.IsDir() {
			if name != "." && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if base != "go.mod" && base != "go.work" && path.Ext(base) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if path.Ext(base) != ".go" {
			h.modules[name] = string(text)
			return nil
		}
		file, err := parser.ParseFile(h.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := strings.TrimPrefix(path.Dir(name), ".")
		h.sources = append(h.sources, &source{
			path: name, dir: dir, file: file, lines: bytes.Count(text, []byte("\n")),
			test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(file),
		})
		return nil
	})
	for _, s := range h.sources {
		for name := range h.modules {
			dir := path.Dir(name)
			s.nested = s.nested || path.Base(name) == "go.mod" && dir != "." && below(s.dir, dir)
		}
	}
	return h, err
}

// below says whether a path is a folder or lies in it.
func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

func inAny(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return below(name, dir) })
}

// shipped sources are what a host links.
func shipped(s *source) bool { return !s.nested && !s.test && !s.generated }

func (s *source) imported() []string {
	var imported []string
	for _, spec := range s.file.Imports {
		imported = append(imported, strings.Trim(spec.Path.Value, `"`))
	}
	return imported
}

func (h *house) find(in func(*source) bool, check func(*source) []string) []string {
	var found []string
	for _, s := range h.sources {
		if in(s) {
			for _, text := range check(s) {
				found = append(found, s.path+" "+text)
			}
		}
	}
	return found
}

// importsOf returns the imports of the root module that are wrong.
func (h *house) importsOf(tests bool, wrong func(s *source, imported string) bool) []string {
	return h.find(func(s *source) bool { return !s.nested && (tests || !s.test) }, func(s *source) (found []string) {
		for _, imported := range s.imported() {
			if wrong(s, imported) {
				found = append(found, "imports "+imported)
			}
		}
		return found
	})
}

// imports is importsOf for imports of the module itself, as folders of it.
func (h *house) imports(tests bool, wrong func(s *source, dir string) bool) []string {
	return h.importsOf(tests, func(s *source, imported string) bool {
		dir := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		return below(imported, module) && dir != s.dir && wrong(s, dir)
	})
}

func (h *house) functions(in func(*source) bool, check func(*ast.FuncDecl) string) []string {
	return h.find(in, func(s *source) (found []string) {
		for _, declaration := range s.file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok {
				if text := check(f); text != "" {
					found = append(found, text)
				}
			}
		}
		return found
	})
}

func checkModules(h *house) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(h.modules)) {
		for line := range strings.Lines(h.modules[name]) {
			line = strings.TrimSpace(line)
			verb, rest, _ := strings.Cut(line, " ")
			if verb == "toolchain" || verb == "replace" || verb == "go" && strings.TrimSpace(rest) != "1.26.0" {
				found = append(found, name+" says "+line)
			}
			required := strings.Fields(strings.TrimPrefix(line, "require "))
			if name != "go.mod" || len(required) != 2 || !strings.HasPrefix(required[1], "v") {
				continue
			}
			if _, ok := requirements[required[0]]; !ok {
				found = append(found, name+" requires "+required[0])
			}
		}
	}
	return found
}

// checkVariables looks for assignments to package variables. The packages are
// type-checked without their imports, which is enough to tell what a name
// stands for.
func checkVariables(h *house) []string {
	packages := map[string][]*ast.File{}
	for _, s := range h.sources {
		if shipped(s) {
			packages[s.dir] = append(packages[s.dir], s.file)
		}
	}
	var found []string
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		info := types.Info{Uses: map[*ast.Ident]types.Object{}}
		config := types.Config{Importer: nothing{}, Error: func(error) {}}
		built, _ := config.Check(dir, h.fset, packages[dir], &info)
		changed := func(target ast.Expr) {
			name := rootOf(target)
			if v, ok := info.Uses[name].(*types.Var); ok && v.Parent() == built.Scope() {
				found = append(found, fmt.Sprintf("%s changes %s", h.fset.Position(target.Pos()), name.Name))
			}
		}
		for _, file := range packages[dir] {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					for _, target := range n.Lhs {
						changed(target)
					}
				case *ast.IncDecStmt:
					changed(n.X)
				case *ast.CallExpr:
					if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
						changed(n.Args[0])
					}
				}
				return true
			})
		}
	}
	return found
}

// nothing is an importer that finds no package.
type nothing struct{}

func (nothing) Import(string) (*types.Package, error) { return nil, errors.New("not looked for") }

// rootOf returns the name that an expression such as a.b[c] starts with.
func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch at := e.(type) {
		case *ast.Ident:
			return at
		case *ast.SelectorExpr:
			e = at.X
		case *ast.IndexExpr:
			e = at.X
		case *ast.StarExpr:
			e = at.X
		case *ast.ParenExpr:
			e = at.X
		default:
			return nil
		}
	}
}

func checkComments(h *house) []string {
	public := func(s *source) bool { return shipped(s) && !strings.Contains(s.dir+"/", "internal/") }
	found := h.functions(public, func(f *ast.FuncDecl) string {
		receiver := ""
		if f.Recv != nil {
			name := rootOf(f.Recv.List[0].Type)
			if name == nil || !name.IsExported() {
				return ""
			}
			receiver = name.Name + "."
		}
		if !f.Name.IsExported() || f.Doc.Text() != "" {
			return ""
		}
		return receiver + f.Name.Name + " has no comment"
	})
	return append(found, h.find(public, func(s *source) (found []string) {
		for _, declaration := range s.file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				found = append(found, uncommented(group, spec)...)
			}
		}
		return found
	})...)
}

// uncommented names the exported identifiers of a declaration without comment.
// A group of constants or variables shares its comment; a type has its own.
func uncommented(group *ast.GenDecl, spec ast.Spec) []string {
	var names []*ast.Ident
	commented := group.Doc.Text() != ""
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		names = []*ast.Ident{spec.Name}
		commented = spec.Doc.Text() != "" || commented && !group.Lparen.IsValid()
	case *ast.ValueSpec:
		names = spec.Names
		commented = commented || spec.Doc.Text() != "" || spec.Comment.Text() != ""
	}
	var found []string
	for _, name := range names {
		if name.IsExported() && !commented {
			found = append(found, name.Name+" has no comment")
		}
	}
	return found
}
