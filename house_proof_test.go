package admit_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// TestEveryRuleOfTheHouseCanFail builds for each rule a house that breaks it
// and nothing else, and one that looks like it and is sound.
func TestEveryRuleOfTheHouseCanFail(t *testing.T) {
	const doc = "// Package x is documented.\n"
	proofs := map[string]struct {
		broken, sound map[string]string
	}{
		"arrows point down": {
			map[string]string{"internal/x/x.go": "package x\nimport _ \"" + module + "\""},
			map[string]string{"internal/x/x.go": "package x\nimport _ \"" + module + "/store\""},
		},
		"storeys": {
			map[string]string{"kernel.go": "package admit\nfunc f() { g() }", "signup.go": "package admit\nfunc g() {}"},
			map[string]string{"kernel.go": "package admit\nfunc f() {}", "signup.go": "package admit\nfunc g() { f() }"},
		},
		"features stand apart": {
			map[string]string{"signup.go": "package admit\nfunc f() { g() }", "apikey.go": "package admit\nfunc g() {}"},
			map[string]string{"signup.go": "package admit\nfunc f() { g() }", "verify.go": "package admit\nfunc g() {}"},
		},
		"no circles": {
			map[string]string{"gate.go": "package admit\nfunc f() { g() }", "caller.go": "package admit\ntype t int\nfunc (t) m() { f() }\nfunc g() {}"},
			map[string]string{"gate.go": "package admit\nfunc f() { g() }", "caller.go": "package admit\nfunc g() { g() }"},
		},
		"no place for everything": {
			map[string]string{"kernel.go": "package admit\ntype kernel int\n" + methods("kernel", maxKernelMethods+1)},
			map[string]string{"auth.go": "package admit\n// Auth is.\ntype Auth int\n" + methods("Auth", maxAuthMethods)},
		},
		"the surface is admit's own": {
			map[string]string{
				"store/store.go": "package store\n// User is.\ntype User struct{}",
				"kernel.go":      "package admit\nimport \"" + module + "/store\"\n// F is.\nfunc F() map[string][]*store.User { return nil }",
			},
			map[string]string{
				"store/store.go": "package store\n// User is.\ntype User struct{}\n// Store is.\ntype Store interface{ User() User }",
				"kernel.go":      "package admit\nimport \"" + module + "/store\"\n// Config is.\ntype Config struct {\n\t// Store keeps.\n\tStore store.Store\n\tkept store.User\n}\nfunc f() store.User { return store.User{} }",
			},
		},
		"errors are named by their codes": {
			map[string]string{"gate.go": "package admit\n// ErrWrong is.\nvar ErrWrong = &Error{Code: \"auth/not-right\"}"},
			map[string]string{"gate.go": "package admit\n// These are.\nvar (\n\tErrNotRight = &Error{Code: \"auth/not-right\"}\n\tErrUserNotFound = &Error{Code: \"user/not-found\"}\n)"},
		},
		"storage knows no HTTP": {
			map[string]string{"store/memory/x.go": "package memory\nimport _ \"net/http\""},
			map[string]string{"store/memory/x.go": "package memory\nimport _ \"net/netip\""},
		},
		"test support stays in tests": {
			map[string]string{"x.go": "package admit\nimport _ \"" + module + "/store/storetest\""},
			map[string]string{
				"x_test.go":              "package admit\nimport _ \"testing\"\nimport _ \"" + module + "/store/storetest\"",
				"store/storetest/run.go": "package storetest\nimport _ \"testing\"",
			},
		},
		"no SQL driver": {
			map[string]string{"store/sqlite/x_test.go": "package sqlite\nimport _ \"modernc.org/sqlite\""},
			map[string]string{
				"store/sqlite/x.go":            "package sqlite\nimport _ \"database/sql\"",
				"store/drivertest/go.mod":      "module m\n\ngo 1.26.0\n",
				"store/drivertest/driver.go":   "package drivertest\nimport _ \"modernc.org/sqlite\"",
				"store/drivertest/x_test.go":   "package drivertest\nimport _ \"github.com/lib/pq\"",
				"store/drivertest/pgx_test.go": "package drivertest\nimport _ \"github.com/jackc/pgx/v5/stdlib\"",
			},
		},
		"chance is no secret": {
			map[string]string{"internal/x/x.go": "package x\nimport _ \"math/rand/v2\""},
			map[string]string{"serve.go": "package admit\nimport _ \"math/rand/v2\"", "internal/x/x.go": "package x\nimport _ \"crypto/rand\""},
		},
		"few requirements": {
			map[string]string{"x.go": "package admit\nimport _ \"github.com/else/where\""},
			map[string]string{"x.go": "package admit\nimport _ \"golang.org/x/crypto/argon2\"\nimport _ \"fmt\""},
		},
		"examples use what a host can use": {
			map[string]string{"examples/x/main.go": "package main\nimport _ \"" + module + "/internal/uuid\""},
			map[string]string{"examples/x/main.go": "package main\nimport _ \"" + module + "\""},
		},
		"go.mod raises nothing": {
			map[string]string{"go.mod": "module m\n\ngo 1.26.8\n"},
			map[string]string{"go.mod": "module m\n\ngo 1.26.0\n\nrequire golang.org/x/text v0.43.0\n"},
		},
		"short files": {
			map[string]string{"x.go": "package admit\n" + strings.Repeat("\n", 450)},
			map[string]string{"x.go": "package admit\n" + strings.Repeat("\n", 449), "y_test.go": "package admit\n" + strings.Repeat("\n", 900)},
		},
		"no init": {
			map[string]string{"x.go": "package admit\nfunc init() {}"},
			map[string]string{"x.go": "package admit\ntype t int\nfunc (t) init() {}"},
		},
		"no mutable package variables": {
			map[string]string{"x.go": "package admit\nfunc f() { v[1].n++ }", "y.go": "package admit\nvar v []struct{ n int }"},
			map[string]string{"x.go": "package admit\nvar v = []int{1}\nfunc f() { v := []int{2}; v[0]++ }"},
		},
		"rules know no HTTP": {
			map[string]string{"x.go": "package admit\n// F is.\nfunc F(ctx context.Context, r *http.Request) {}"},
			map[string]string{"x.go": "package admit\n// F is.\nfunc F(next http.Handler) {}\nfunc f(ctx context.Context, r *http.Request) {}"},
		},
		"everything exported is documented": {
			map[string]string{"x.go": doc + "package admit\n// T is.\ntype T int\nfunc (T) M() {}"},
			map[string]string{"x.go": doc + "package admit\n// T is.\ntype T int\n// M is.\nfunc (T) M() {}\nfunc f() {}\n// These are.\nconst (\nA = 1\nB = 2\n)"},
		},
	}
	for _, r := range rules {
		proof, ok := proofs[r.name]
		if !ok {
			t.Errorf("nothing shows that %q can fail", r.name)
			continue
		}
		for _, other := range rules {
			if found := other.check(build(t, proof.broken)); (len(found) > 0) != (other.name == r.name) {
				t.Errorf("what breaks %q: %q found %q", r.name, other.name, found)
			}
			if found := other.check(build(t, proof.sound)); len(found) > 0 {
				t.Errorf("what does not break %q: %q found %q", r.name, other.name, found)
			}
		}
	}
}

// TestAuthtestStandsAboveEverything: nothing that a host links may import it, and
// it uses what a host's own tests could use.
func TestAuthtestStandsAboveEverything(t *testing.T) {
	found := func(file, imported string) (all []string) {
		h := build(t, map[string]string{file: "package x\nimport _ \"" + module + imported + "\""})
		for _, r := range rules {
			if r.name == "arrows point down" || r.name == "test support stays in tests" {
				all = append(all, r.check(h)...)
			}
		}
		return all
	}
	for _, file := range []string{"x.go", "internal/x/x.go", "mailer/x.go", "store/x.go", "store/memory/x.go", "ui/x.go"} {
		if len(found(file, "/authtest")) == 0 {
			t.Errorf("%s may import authtest", file)
		}
	}
	if len(found("authtest/x.go", "/internal/uuid")) == 0 {
		t.Error("authtest may import what no host can")
	}
	for file, imported := range map[string]string{"x_test.go": "/authtest", "authtest/x.go": "", "authtest/y.go": "/store/memory", "authtest/z.go": "/mailer"} {
		if all := found(file, imported); len(all) > 0 {
			t.Errorf("%s: %q", file, all)
		}
	}
}

// TestModuleFilesAreReadWhole covers the other lines that checkModules refuses.
func TestModuleFilesAreReadWhole(t *testing.T) {
	for name, text := range map[string]string{
		"a toolchain":   "go 1.26.0\n\ntoolchain go1.26.8\n",
		"a replacement": "go 1.26.0\n\nreplace x => ../x\n",
		"a requirement": "go 1.26.0\n\nrequire (\n\texample.com/x v1.0.0\n)\n",
	} {
		if found := checkModules(build(t, map[string]string{"go.mod": text})); len(found) != 1 {
			t.Errorf("%s: found %q", name, found)
		}
	}
	indirect := map[string]string{"go.mod": "go 1.26.0\n\nrequire example.com/x v1.0.0 // indirect\n"}
	if found := checkModules(build(t, indirect)); len(found) > 0 {
		t.Errorf("an indirect requirement: found %q", found)
	}
}

// methods writes n methods of a type.
func methods(of string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "func (%s) m%d() {}\n", of, i)
	}
	return b.String()
}

func build(t *testing.T, files map[string]string) *house {
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	h, err := readHouse(root)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestEveryWayOfShowingTheStoreIsFound covers the places where a type can stand.
func TestEveryWayOfShowingTheStoreIsFound(t *testing.T) {
	for name, text := range map[string]string{
		"an alias":                 "type T = store.User",
		"a type of its shape":      "type T []store.User",
		"a field":                  "type T struct{ F *store.User }",
		"an embedded field":        "type T struct{ store.User }",
		"a field that is lent":     "type inner struct{ F store.User }\ntype T struct{ *inner }",
		"a parameter":              "func F(u store.User) {}",
		"a result":                 "func F() (int, store.User) { return 0, store.User{} }",
		"a function as a field":    "type T struct{ F func(func(store.User)) }",
		"a method":                 "type T int\nfunc (*T) M(u store.User) {}",
		"a method that is lent":    "type inner int\nfunc (inner) M(u store.User) {}\ntype T struct{ inner }",
		"a method of an interface": "type T interface{ M() store.User }",
		"an argument of a type":    "type P[T any] struct{ items []T }\nfunc F() P[store.User] { return P[store.User]{} }",
		"a variable":               "var V [2]store.User",
		"a channel":                "var V chan map[store.User]int",
	} {
		h := build(t, map[string]string{
			"store/store.go": "package store\ntype User struct{}",
			"x.go":           "package admit\nimport \"" + module + "/store\"\n" + text,
		})
		if found := checkSurface(h); len(found) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
}
