package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongInvocationsAreToldTheThingTheReasonAndTheCure: the answer to a slip in
// the flags names the flag, says what is wrong, and what to write.
func TestWrongInvocationsAreToldTheThingTheReasonAndTheCure(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("shown.secret", []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("shown.secret", 0o644); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct {
		args                []string
		thing, reason, mend string
	}{
		{[]string{"-addr", "8080"}, `-addr "8080"`, "missing port", "127.0.0.1:8080"},
		{[]string{"-addr", ":99999"}, `-addr ":99999"`, "invalid port", "127.0.0.1:8080"},
		{[]string{"-addr", "0.0.0.0:0", "-dev-mailbox"}, "-base-url", "no loopback address", "must be given"},
		{[]string{"-base-url", "app.example", "-dev-mailbox"}, `"app.example"`, "must start with", "https://"},
		{[]string{"-base-url", "http://app.example", "-dev-mailbox"}, `"http://app.example"`, "loopback addresses only", "use https"},
		{[]string{"-base-url", "https://app.example"}, "-smtp", "shows every mail", "-dev-mailbox"},
		{[]string{"-store", "notes.db"}, `"notes.db"`, "must be", "sqlite:notes.db"},
		{[]string{"-store", "memory"}, `"memory"`, "must be", "memory:"},
		{[]string{"-store", "sqlite:"}, `"sqlite:"`, "must be", "sqlite:file"},
		{[]string{"-store", "sqlite:file:a.db"}, `"file:a.db"`, "data source name", "takes the path of a file"},
		{[]string{"-store", "mysql://u:hush@h/d"}, "-store", "must be", "postgres:// URL"},
		{[]string{"-store", "sqlite:nowhere/a.db"}, "nowhere/a.db", "no such file", "see whether"},
		{[]string{"-store", "sqlite:folder"}, "folder", "unable to open", "see whether"},
		{[]string{"-store", "postgres://u:hush@127.0.0.1:1/d"}, "127.0.0.1:1", "connection refused", "see whether the server of the database runs"},
		{[]string{"-pictures", "shown.secret"}, `-pictures "shown.secret"`, "not a directory", "give a folder"},
		{[]string{"-secret-file", "nowhere/secret"}, "nowhere/secret", "does not exist", "make its folder"},
		{[]string{"-secret-file", "folder"}, "folder", "is a directory", "Secrets"},
		{[]string{"-secret-file", "shown.secret"}, "shown.secret", "every user of this machine", "chmod 600"},
		{[]string{"-origins", "*"}, `AllowedOrigins "*"`, "wildcards are not taken", "list each origin"},
		{[]string{"-origins", "app.example"}, `AllowedOrigins "app.example"`, "has no scheme", "scheme://host"},
		{[]string{"-origins", "https://app.example/"}, `"https://app.example/"`, "no browser sends", `write "https://app.example"`},
		{[]string{"-redirects", "app.example"}, `"app.example"`, "not an absolute URL", "AllowedRedirects"},
		{[]string{"-smtp", "mail.example:25", "-mail-from", "app"}, `"app"`, "must be one address", "App <no-reply@app.example>"},
		{[]string{"-mail-from", "app"}, `-mail-from "app"`, "must be one address", "App <no-reply@app.example>"},
		{[]string{"-admin", "root"}, "-admin", "must be", "email:password"},
		{[]string{"-admin", "root@x.test:short"}, "-admin", "fewer than 8 characters", "give another"},
		{[]string{"-admin", "root:quiet harbour lamp"}, "-admin", "not an e-mail address", "name@domain"},
		{[]string{"-trusted-proxies", "proxy"}, `-trusted-proxies "proxy"`, "must be a network", "10.0.0.0/8"},
		{[]string{"-trusted-proxies", "0.0.0.0/0"}, "0.0.0.0/0", "is everyone", "TrustedProxies"},
		{[]string{"-access-ttl", "soon"}, `-access-ttl "soon"`, "must be a duration", "15m"},
		{[]string{"-access-ttl", "0"}, "-access-ttl", "must be longer", "1h"},
		{[]string{"-access-ttl", "25h"}, "AccessTTL 25h", "must be", "from 1s to 24h"},
		{[]string{"-refresh-ttl", "1m"}, "RefreshTTL 1m", "must not be shorter", "AccessTTL"},
		{[]string{"-staleness", "1h"}, "Staleness 1h", "must be", "from 0 to 5m"},
		{[]string{"-mfa-required", "No Role"}, `"No Role"`, "must be", "everyone or a role"},
		{[]string{"-oidc", "x"}, "-oidc", "must be", "name=issuer,client-id,client-secret"},
		{[]string{"-cookies=maybe"}, "-cookies", "invalid boolean", `"maybe"`},
		{[]string{"-nope"}, "-nope", "not defined", "flag"},
		{[]string{"extra"}, `"extra"`, "unexpected", "argument"},
	} {
		args := append([]string{"-addr", "127.0.0.1:0", "-store", "memory:", "-secret-file", filepath.Join(folder, "secret")}, wrong.args...)
		err := run(t.Context(), args, io.Discard, io.Discard)
		if err == nil {
			t.Errorf("server %q starts", wrong.args)
			continue
		}
		for _, part := range []string{wrong.thing, wrong.reason, wrong.mend} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("server %q is answered without %q: %v", wrong.args, part, err)
			}
		}
		if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "ParsePrefix") {
			t.Errorf("server %q is answered %v", wrong.args, err)
		}
	}
}
