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
