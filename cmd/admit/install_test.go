//go:build !race

// The command that these tests build is not raced, so the race detector has
// nothing to watch.

package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

const (
	rootModule    = "github.com/admit-go/admit"
	commandModule = rootModule + "/cmd/admit"
	released      = "v0.1.0"
)

// TestGoInstallWorksFromWhatIsTagged serves the tree as it would be tagged: the
// root, and then the command, whose go.mod names the root's release by then.
func TestGoInstallWorksFromWhatIsTagged(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	proxy := t.TempDir()
	publish(t, proxy, rootModule, root)

	// A module's cache of its own, so that no other build takes this release for
	// the real one. What others have published comes from the usual cache, or
	// from where it usually comes from.
	home := t.TempDir()
	env := append(os.Environ(), "GOWORK=off", "GOBIN="+filepath.Join(home, "bin"), "GOMODCACHE="+filepath.Join(home, "mod"), "GOSUMDB=off",
		"GOPRIVATE=", "GONOPROXY=", "GOPROXY="+strings.Join([]string{"file://" + proxy, "file://" + filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download"), goEnv(t, "GOPROXY")}, ","))

	command := filepath.Join(t.TempDir(), "admit")
	if err := os.CopyFS(command, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	goCommand(t, command, append(env, "GOFLAGS=-modcacherw -mod=mod"), "get", rootModule+"@"+released)
	publish(t, proxy, commandModule, command)

	goCommand(t, home, append(env, "GOFLAGS=-modcacherw -trimpath"), "install", commandModule+"@"+released)
	installed := filepath.Join(home, "bin", "admit")
	if out, err := exec.Command(installed, "--version").CombinedOutput(); err != nil || !strings.Contains(string(out), released) {
		t.Errorf("--version: %q, %v", out, err)
	}
	store := "sqlite:" + filepath.Join(home, "app.db")
	for _, args := range [][]string{{"migrate", "--apply"}, {"user", "create", "ann@example.com"}, {"check"}} {
		if out, err := exec.Command(installed, append(args, "--store", store)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}

// TestModulesHoldOnlyWhatTheyShould looks at what tagging publishes.
func TestModulesHoldOnlyWhatTheyShould(t *testing.T) {
	for path, dir := range map[string]string{rootModule: "../..", commandModule: "."} {
		proxy := t.TempDir()
		publish(t, proxy, path, dir)
		archive, err := zip.OpenReader(filepath.Join(proxy, filepath.FromSlash(path), "@v", released+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		var files fs.FS = archive
		prefix := path + "@" + released
		for name, want := range map[string]bool{
			"go.mod": true, "go.work": path == rootModule, "cmd/admit/main.go": false, "examples": false, "e2e": false, "store/drivertest": false,
			"store/sqlite/sqlite.go": path == rootModule, "internal/source/source.go": path == commandModule,
		} {
			if _, err := fs.Stat(files, prefix+"/"+name); (err == nil) != want {
				t.Errorf("%s: %s is there: %v", path, name, err == nil)
			}
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// publish puts a folder into a file proxy as the release of a module.
func publish(t *testing.T, proxy, path, dir string) {
	t.Helper()
	folder := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := modzip.CreateFromDir(&archive, module.Version{Path: path, Version: released}, dir); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := json.Marshal(map[string]string{"Version": released, "Time": "2026-01-02T03:04:05Z"})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"list": []byte(released + "\n"), released + ".zip": archive.Bytes(), released + ".mod": mod, released + ".info": info} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	command := exec.Command("go", "env", name)
	command.Env = append(os.Environ(), "GOFLAGS=")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func goCommand(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	c := exec.Command("go", args...)
	c.Dir, c.Env = dir, env
	var out strings.Builder
	c.Stdout, c.Stderr = io.Discard, &out
	if err := c.Run(); err != nil {
		t.Fatal(fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, &out))
	}
}
