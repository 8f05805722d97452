// The smallest host: sign-up, sign-in and one route that only users reach.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/sqlite"
	_ "modernc.org/sqlite" // any SQLite driver does
)

func main() {
	db, err := sqlite.Open("quickstart.db")
	store := sqlite.New(db)
	err = errors.Join(err, store.Migrate(context.Background()))
	auth, wrong := admit.New(admit.Config{
		BaseURL: "http://127.0.0.1:8080",
		Secrets: admit.SecretFile("quickstart.secret"), // made when missing
		Store:   store,
		Mailer:  mailer.Log{}, // prints mails; smtp.Mailer sends them
	})
	if err = errors.Join(err, wrong); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	auth.Mount(mux) // everything under /v1
	mux.Handle("GET /hello", auth.RequireUser(http.HandlerFunc(hello)))
	log.Print("listening on http://127.0.0.1:8080")
	server := &http.Server{
		Addr: "127.0.0.1:8080", Handler: mux, // without timeouts, idle clients hold connections for ever
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	log.Fatal(server.ListenAndServe())
}

func hello(w http.ResponseWriter, r *http.Request) {
	user, _ := admit.UserFrom(r.Context())
	fmt.Fprintf(w, "hello, %s\n", user.Name)
}
