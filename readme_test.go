package admit_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheGoOfTheReadmeCompiles builds the host that README.md shows, with what
// stands around it in a program. The SQL driver is left out: the root module has
// none.
func TestTheGoOfTheReadmeCompiles(t *testing.T) {
	blocks := found("(?s)```go\n(.*?)```", page(t, "README.md"))
	if len(blocks) != 1 {
		t.Fatalf("README.md has %d blocks of Go, and this test knows one", len(blocks))
	}
	body, handler, split := strings.Cut(blocks[0], "func notes(")
	if !split || strings.Count(handler, "…") != 1 {
		t.Fatal("the block has no handler with one gap, where the host's own lines are")
	}
	program := `package main

import (
	"context"
	"errors"
	"log"
	"net/http"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer/smtp"
	"github.com/admit-go/admit/store/sqlite"
)

func main() {
	ctx, mux := context.Background(), http.NewServeMux()
` + body + `}

func notes(` + strings.Replace(handler, "…", "log.Print(user.Name)", 1)
	compiles(t, program)
}

// compiles builds a program as if it stood in this module.
func compiles(t *testing.T, program string) {
	t.Helper()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	source := filepath.Join(folder, "main.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "internal", "readme", "main.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{source: []byte(program), filepath.Join(folder, "overlay.json"): overlay} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-o", filepath.Join(folder, "host"), "./internal/readme")
	if said, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, said, program)
	}
}

// only returns the part of a page that a pattern finds. There must be one.
func only(t *testing.T, pattern, file string) string {
	t.Helper()
	parts := found(pattern, page(t, file))
	if len(parts) != 1 {
		t.Fatalf("%s has %d parts like %q, and this test knows one", file, len(parts), pattern)
	}
	return parts[0]
}

func TestTheProgramsOfPagesCompile(t *testing.T) {
	for _, file := range []string{"docs/app-api.md", "docs/oauth.md"} {
		compiles(t, only(t, "(?s)```go\n(package main.*?)```", file))
	}
}

// TestTheSignOutOfThePageOfCookiesCompiles takes the lines of a handler.
func TestTheSignOutOfThePageOfCookiesCompiles(t *testing.T) {
	block := only(t, "(?s)```go\n(caller, ok := .*?)```", "docs/cookie.md")
	compiles(t, `package main

import (
	"log"
	"net/http"

	"github.com/admit-go/admit"
)

func main() { _ = signOut }

func signOut(auth *admit.Auth, w http.ResponseWriter, r *http.Request) {
	var err error
	`+block+`
	log.Print(err)
}`)
}

// TestTheGoOfThePageOfImportsCompiles takes the call and the verifier of the page.
func TestTheGoOfThePageOfImportsCompiles(t *testing.T) {
	blocks := found("(?s)```go\n(.*?)```", page(t, "docs/import.md"))
	if len(blocks) != 2 {
		t.Fatalf("docs/import.md has %d blocks of Go, and this test knows two", len(blocks))
	}
	compiles(t, `package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log"
	"strings"
	"time"

	"github.com/admit-go/admit"
)

func main() {
	take(context.Background(), nil, time.Now())
}

func take(ctx context.Context, auth *admit.Auth, joined time.Time) {
	`+blocks[0]+`
	log.Print(imported.Outcome, err)
}

var _ = admit.Config{Passwords: admit.PasswordConfig{Verifiers: []admit.PasswordVerifier{legacy{}}}}

`+blocks[1])
}
