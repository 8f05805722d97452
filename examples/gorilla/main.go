// A host on gorilla/mux. Guards are its middleware.
package main

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
	"github.com/gorilla/mux"
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
	r := mux.NewRouter()
	r.PathPrefix("/v1/").Handler(auth.Handler())
	r.PathPrefix("/.well-known/").Handler(auth.Handler())
	guarded := r.NewRoute().Subrouter()
	guarded.Use(auth.RequireUser)
	for _, middleware := range more {
		guarded.Use(middleware)
	}
	guarded.HandleFunc("/hello", hello).Methods(http.MethodGet)
	guarded.Handle("/office", auth.RequireRole("editor")(http.HandlerFunc(hello))).Methods(http.MethodGet)
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
		Secrets: admit.SecretFile("gorilla.secret"), // made when missing
		Store:   memory.New(),
		Mailer:  mailer.Log{},
	})
}
