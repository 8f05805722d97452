// Webapp is a notes app with html/template: pages for sign-in and accounts by
// package pages, notes of each user, and a page for administrators. It has no
// JavaScript and no security code.
package main

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/pages"
	"github.com/admit-go/admit/store/memory"
)

//go:embed templates/*.html
var files embed.FS

// notebook keeps the notes of every user, by the id of the user.
type notebook struct {
	mu    sync.Mutex
	notes map[string][]string
}

func (n *notebook) of(userID string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.notes[userID]...)
}

func (n *notebook) add(userID, note string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes[userID] = append(n.notes[userID], note)
}

// count is how many notes each user has.
func (n *notebook) count() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	counts := map[string]int{}
	for user, notes := range n.notes {
		counts[user] = len(notes)
	}
	return counts
}

func main() {
	log.Fatal(serve("127.0.0.1:8080"))
}

// serve serves the app until it fails.
func serve(address string) error {
	auth, err := open("http://"+address, mailer.Log{})
	if err != nil {
		return err
	}
	defer func() { _ = auth.Close(context.Background()) }()
	if admin := os.Getenv("ADMIN"); admin != "" { // ADMIN=email:password
		email, password, _ := strings.Cut(admin, ":")
		_, err := auth.Users.Create(context.Background(), admit.CreateUserParams{
			Email: email, InsecurePassword: password, Name: "Administrator", Role: admit.RoleAdmin, EmailVerified: true,
		})
		if err != nil && !errors.Is(err, admit.ErrEmailAlreadyExists) {
			return err
		}
	}
	log.Print("open http://" + address)
	server := &http.Server{
		Addr: address, Handler: routes(auth),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	return server.ListenAndServe()
}

// open makes the authentication of the app.
func open(base string, mail mailer.Mailer) (*admit.Auth, error) {
	return admit.New(admit.Config{
		BaseURL: base, SiteName: "Notes", Secrets: admit.SecretFile("admit.secret"), Store: memory.New(), Mailer: mail,
		Pages: &pages.Pages{Brand: pages.Brand{Color: "#0b6e4f"}},
	})
}

// routes are the pages of the app, and those of package pages.
func routes(auth *admit.Auth) http.Handler {
	book := &notebook{notes: map[string][]string{}}
	views := template.Must(template.ParseFS(files, "templates/*.html"))
	show := func(w http.ResponseWriter, r *http.Request, name string, data any) {
		user, _ := admit.UserFrom(r.Context())
		w.Header().Set("Cache-Control", "no-store")
		if err := views.ExecuteTemplate(w, name, map[string]any{"User": user, "Data": data}); err != nil {
			log.Print(err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", auth.RequirePage(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := admit.UserFrom(r.Context())
		show(w, r, "notes.html", book.of(user.ID))
	})))
	mux.Handle("POST /notes", auth.RequirePage(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := admit.UserFrom(r.Context())
		if note := strings.TrimSpace(r.PostFormValue("note")); note != "" {
			book.add(user.ID, note)
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})))
	admin := auth.RequireRole(admit.RoleAdmin)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		show(w, r, "admin.html", book.count())
	}))
	mux.Handle("GET /admin", auth.RequirePage(admin))
	auth.Mount(mux)
	return mux
}
