package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestS15_TheMailboxIsShownOnLoopbackAlone(t *testing.T) {
	folder := t.TempDir()
	for _, args := range [][]string{
		{"-base-url", "https://app.example"},
		{"-addr", "0.0.0.0:0", "-base-url", "http://127.0.0.1:1"},
	} {
		args = append([]string{"-addr", "127.0.0.1:0", "-store", "memory:", "-secret-file", filepath.Join(folder, "secret")}, args...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a server that starts ends, and fails the test
		err := run(ctx, args, io.Discard, io.Discard)
		cancel()
		if _, ok := errors.AsType[*usageError](err); !ok || !strings.Contains(err.Error(), "-dev-mailbox") {
			t.Errorf("%q ended with %v", args, err)
		}
	}
	for _, flags := range [][]string{nil, {"-dev-mailbox", "-base-url", "https://app.example"}} {
		url, _, stop := serve(t, folder, append([]string{"-store", "memory:"}, flags...)...)
		for host, want := range map[string]int{
			"": http.StatusOK, "localhost:8080": http.StatusOK, "[::1]": http.StatusOK,
			"app.example": http.StatusNotFound, "127.0.0.1.evil.example:80": http.StatusNotFound, "localhost.evil.example": http.StatusNotFound,
		} {
			for _, path := range []string{"/dev/mailbox", "/dev/mailbox.json"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = host
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				if answer.StatusCode != want {
					t.Errorf("%s with Host %q answered %d, want %d", path, host, answer.StatusCode, want)
				}
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}
