package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/passkey"
	"github.com/admit-go/admit/store"
)

// passkeysPage adds and uses passkeys, with nothing but /passkey.js.
//
//go:embed passkeys.html
var passkeysPage []byte

// prepare makes what a first start needs: the administrator that -admin names,
// and one key of each type, printed this once.
func prepare(ctx context.Context, auth *admit.Auth, o *options, stdout io.Writer) error {
	email, password, err := o.adminAccount()
	if err != nil {
		return err
	}
	if email != "" {
		_, err := auth.Users.Create(ctx, admit.CreateUserParams{
			Email: email, InsecurePassword: password, Name: "Administrator", Role: admit.RoleAdmin, EmailVerified: true,
		})
		var refusal *admit.Error
		switch {
		case errors.Is(err, admit.ErrEmailAlreadyExists):
		case errors.Is(err, admit.ErrInvalidPasswordFormat):
			return &usageError{errors.New("-admin: the password has fewer than 8 characters, or more than 128; give another")}
		case errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError:
			return &usageError{fmt.Errorf("-admin: %w", err)}
		case err != nil:
			return fmt.Errorf("-admin: %w", err)
		}
	}
	keys, err := auth.APIKeys.List(ctx, admit.PageParams{Number: 1, Limit: 1})
	if err != nil || keys.Total > 0 {
		return err
	}
	for _, kind := range []string{admit.PublishableKey, admit.SecretKey} {
		created, err := auth.APIKeys.Create(ctx, admit.CreateAPIKeyParams{Name: "first " + kind + " key", Type: kind})
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s key: %s\n", kind, created.Key)
	}
	return nil
}

// routes is the host's own part, and the authentication mounted beside it.
func routes(auth *admit.Auth, o *options, s store.Store, mailbox http.Handler) http.Handler {
	mux := http.NewServeMux()
	auth.Mount(mux)
	api := auth.Handler()
	mux.Handle("GET /app/hello", auth.RequireUser(http.HandlerFunc(hello)))
	mux.Handle("GET /app/admin", auth.RequireRole(admit.RoleAdmin)(http.HandlerFunc(adminOnly)))
	owner := func(r *http.Request) string { return r.PathValue("owner") }
	mux.Handle("GET /app/notes/{owner}", auth.RequirePolicy("admin | self", owner)(http.HandlerFunc(notes)))
	if o.pages {
		mux.Handle("GET /app/page", auth.RequirePage(http.HandlerFunc(page)))
	}
	mux.Handle("GET /passkey.js", passkey.ScriptHandler())
	mux.HandleFunc("GET /app/passkeys", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(passkeysPage)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if s.Ping(ctx) != nil {
			http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	if mailbox != nil {
		mux.Handle("GET /dev/", mailbox)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "This server runs.\n\nThe API is under /v1, its keys are at /.well-known/jwks.json.")
		if o.pages {
			fmt.Fprintln(w, "Sign up or sign in at /auth/sign-in.")
		}
		if mailbox != nil {
			fmt.Fprintln(w, "Mails are shown at /dev/mailbox.")
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			// Not through the multiplexer, which redirects from /v1//auth/me to
			// what it thinks was meant: the API takes paths as they are sent.
			api.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func hello(w http.ResponseWriter, r *http.Request) {
	user, _ := admit.UserFrom(r.Context())
	writeJSON(w, map[string]string{"hello": user.Name, "userId": user.ID})
}

// pageText is a page of the host, for whoever is signed in.
var pageText = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Hello</title>
<h1>Hello {{.Name}}</h1>
<p><a href="/auth/account">Your account</a></p>
<form method="post" action="/auth/sign-out"><button>Sign out</button></form>
</html>
`))

func page(w http.ResponseWriter, r *http.Request) {
	user, _ := admit.UserFrom(r.Context())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := pageText.Execute(w, user); err != nil {
		slog.Debug("a client hung up", "error", err)
	}
}

func adminOnly(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]string{"hello": "administrator"})
}

func notes(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, map[string]any{"owner": r.PathValue("owner"), "notes": []string{}})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		slog.Debug("a client hung up", "error", err)
	}
}
