package admit

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

// S28: no hook is there that is never called. Each field of Hooks is set by
// reflection; a new hook fails the test until a flow calls it.
func TestS28_EveryHookIsCalled(t *testing.T) {
	called := map[string]int{}
	l := newLiving(t, false, func(c *Config) {
		hooks := reflect.ValueOf(&c.Hooks).Elem()
		for i := range hooks.NumField() {
			field, name := hooks.Field(i), hooks.Type().Field(i).Name
			field.Set(reflect.MakeFunc(field.Type(), func([]reflect.Value) []reflect.Value {
				called[name]++
				results := make([]reflect.Value, field.Type().NumOut())
				for i := range results {
					results[i] = reflect.Zero(field.Type().Out(i))
				}
				return results
			}))
		}
	})
	l.verified("ann@x.test")
	l.ok(l.signIn("ann@x.test", password(0)))
	_, err := l.signUp("bob@x.test", password(0))
	l.ok(err)
	_, err = l.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "bob@x.test"})
	l.ok(err)
	_, err = l.MagicLinks.Redeem(t.Context(), l.token(mailer.MagicLink, "bob@x.test")) // claims the account
	l.ok(err)
	bob, err := l.Users.GetByEmail(t.Context(), "bob@x.test")
	l.ok(err)
	l.ok(l.Exports.Write(t.Context(), bob.ID, io.Discard))
	l.ok(l.Users.Delete(t.Context(), DeleteUserParams{UserID: bob.ID}))
	l.ok(l.Users.Purge(t.Context(), bob.ID))
	for field := range reflect.TypeFor[Hooks]().Fields() {
		if called[field.Name] == 0 {
			t.Errorf("Hooks.%s is never called", field.Name)
		}
	}
}

// S28: what a hook refuses does not happen.
func TestS28_AHookThatRefusesIsObeyed(t *testing.T) {
	no := &Error{Code: "host/no", Status: 418, Message: "no"}
	for name, set := range map[string]func(h *Hooks){
		"BeforeSignUp": func(h *Hooks) { h.BeforeSignUp = func(context.Context, SignUpAttempt) error { return no } },
		"UserCreated":  func(h *Hooks) { h.UserCreated = func(context.Context, Tx, User) error { return no } },
		"AccessTokenClaims": func(h *Hooks) {
			h.AccessTokenClaims = func(context.Context, User, Session) (map[string]any, error) { return nil, no }
		},
	} {
		l := newLiving(t, false, func(c *Config) { set(&c.Hooks) })
		_, err := l.SignUps.Create(t.Context(), SignUpParams{Email: "ann@x.test", Password: password(0), Name: "Ann"})
		if _, made := l.at("ann@x.test"); !errors.Is(err, no) || made {
			t.Errorf("%s refused, and the sign-up answered %v (account made: %v)", name, err, made)
		}
	}
}

// S28: every function that a host can set in Config, or in a part of it, is used
// by the library. A field that nothing reads promises what does not happen.
func TestS28_EveryFunctionOfTheConfigurationIsUsed(t *testing.T) {
	used := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		written := map[ast.Expr]bool{} // what is only set is not used
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					written[left] = true
				}
			case *ast.SelectorExpr:
				used[n.Sel.Name] = used[n.Sel.Name] || !written[n]
			}
			return true
		})
	}
	functions := 0
	var walk func(of reflect.Type, path string)
	walk = func(of reflect.Type, path string) {
		for field := range of.Fields() {
			switch at := path + "." + field.Name; {
			case !field.IsExported():
			case field.Type.Kind() == reflect.Func:
				functions++
				if !used[field.Name] {
					t.Errorf("%s is never used", at)
				}
			case field.Type.Kind() == reflect.Struct && field.Type.PkgPath() == of.PkgPath():
				walk(field.Type, at)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "Config")
	if functions < 8 {
		t.Errorf("only %d functions were found", functions)
	}
}

// S28: every server of the examples and of the pages limits how long a client may
// take, and none is started by a call that sets no limit.
func TestS28_EveryServerThatIsShownHasTimeouts(t *testing.T) {
	var shown []string
	for _, pattern := range []string{"README.md", "docs/*.md", "examples/*/*.go", "cmd/*/*.go", "example*_test.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, found...)
	}
	servers := 0
	for _, file := range shown {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{"http.ListenAndServe(", "http.ListenAndServeTLS(", "http.Serve("} {
			if strings.Contains(string(text), call) {
				t.Errorf("%s shows %s, a server without timeouts", file, call)
			}
		}
		for _, server := range []string{"http.Server{", "fiber.Config{"} {
			for _, rest := range strings.Split(string(text), server)[1:] {
				servers++
				literal, _, _ := strings.Cut(rest, "}")
				for _, field := range []string{"ReadHeaderTimeout", "ReadTimeout", "WriteTimeout", "IdleTimeout"} {
					if !strings.Contains(literal, field) && (server != "fiber.Config{" || field != "ReadHeaderTimeout") {
						t.Errorf("%s shows a server without %s", file, field)
					}
				}
			}
		}
	}
	if servers < 8 {
		t.Errorf("only %d servers were found", servers)
	}
}
