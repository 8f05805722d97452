// A host on chi. auth.Mount knows chi's routers, and guards are its middleware.
package main

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
	"github.com/go-chi/chi/v5"
)

func main() {
	auth, err := newAuth()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: routes(auth), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	log.Fatal(server.ListenAndServe())
}

// routes takes middleware of yours that runs before each guarded handler.
func routes(auth *admit.Auth, more ...func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	auth.Mount(r) // /v1/… and /.well-known/…
	r.Group(func(r chi.Router) {
		r.Use(auth.RequireUser)
		r.Use(more...)
		r.Get("/hello", hello)
		r.With(auth.RequireRole("editor")).Get("/office", hello)
	})
	return r
}

func hello(w http.ResponseWriter, r *http.Request) {
	user, _ := admit.UserFrom(r.Context())
	fmt.Fprintf(w, "hello, %s\n", user.Name)
}

// newAuth is an Auth on a store that forgets everything; a server of yours takes
// store/sqlite or store/postgres and mailer/smtp.
func newAuth() (*admit.Auth, error) {
	return admit.New(admit.Config{
		BaseURL: "http://127.0.0.1:8080",
		Secrets: admit.SecretFile("chi.secret"), // made when missing
		Store:   memory.New(),
		Mailer:  mailer.Log{},
	})
}
