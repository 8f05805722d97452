// Spa is a notes app in React, built by Vite. The Go program serves the built app
// and the API from one origin, so the session is a cookie that no script can read.
//
//	npm --prefix examples/spa/web ci
//	npm --prefix examples/spa/web run build
//	go run ./examples/spa
//
// For development, "npm --prefix examples/spa/web run dev" serves the app on port
// 5173 and passes /v1 and /api on to this program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

func main() {
	address := flag.String("addr", "127.0.0.1:8080", "the address to serve")
	dist := flag.String("dist", "examples/spa/web/dist", "the folder of the built app")
	vite := flag.String("vite", "http://localhost:5173", "the origin of the development server of Vite")
	flag.Parse()
	log.Fatal(serve(*address, os.DirFS(*dist), *vite))
}

func serve(address string, app fs.FS, vite string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	base := "http://" + listener.Addr().String()
	auth, err := admit.New(admit.Config{
		BaseURL: base, SiteName: "Notes", Secrets: admit.SecretFile("admit.secret"), Store: memory.New(), Mailer: mailer.Log{},
		Cookies: true, AllowedOrigins: []string{vite},
	})
	if err != nil {
		return err
	}
	defer func() { _ = auth.Close(context.Background()) }()
	fmt.Println("listening on", base)
	server := &http.Server{
		Handler:           routes(auth, app),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	return server.Serve(listener)
}

// routes are the API of authentication, the API of the notes, and the app.
func routes(auth *admit.Auth, app fs.FS) http.Handler {
	var mu sync.Mutex
	notes := map[string][]string{}
	of := func(r *http.Request) []string {
		user, _ := admit.UserFrom(r.Context())
		return append([]string{}, notes[user.ID]...)
	}
	mux := http.NewServeMux()
	auth.Mount(mux)
	mux.Handle("GET /api/notes", auth.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		answer(w, of(r))
	})))
	mux.Handle("POST /api/notes", auth.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Text string `json:"text"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil || strings.TrimSpace(in.Text) == "" {
			http.Error(w, "a note needs a text", http.StatusBadRequest)
			return
		}
		user, _ := admit.UserFrom(r.Context())
		mu.Lock()
		defer mu.Unlock()
		notes[user.ID] = append(notes[user.ID], in.Text)
		answer(w, of(r))
	})))
	files := http.FileServerFS(app)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		// The app decides what an address shows that is no file.
		if _, err := fs.Stat(app, strings.TrimPrefix(r.URL.Path, "/")); errors.Is(err, fs.ErrNotExist) {
			r.URL.Path = "/"
		}
		files.ServeHTTP(w, r)
	})
	return mux
}

func answer(w http.ResponseWriter, notes []string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(notes); err != nil {
		log.Print(err)
	}
}
