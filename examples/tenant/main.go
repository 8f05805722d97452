// Tenant is a host with companies of its own: signing up makes the company's
// row and its first user in one transaction, so that neither is ever there
// without the other.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/sqlite"
	_ "modernc.org/sqlite"
)

func main() {
	ctx := context.Background()
	h, err := open(ctx, "tenant.db", admit.Config{
		BaseURL: "http://127.0.0.1:8080",
		Secrets: admit.SecretFile("tenant.secret"), // made when missing
		Mailer:  mailer.Log{},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: h.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	log.Print("listening on http://127.0.0.1:8080")
	err = server.ListenAndServe()
	log.Fatal(errors.Join(err, h.auth.Close(ctx), h.db.Close()))
}

// host keeps its own rows and those of the library in one database.
type host struct {
	db   *sql.DB
	auth *admit.Auth
}

// open makes the tables of both in one file.
func open(ctx context.Context, path string, config admit.Config) (*host, error) {
	db, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	store := sqlite.New(db)
	if err := store.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	_, err = db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS company (name TEXT PRIMARY KEY, owner_id TEXT NOT NULL)`)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	config.Store = store
	auth, err := admit.New(config)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &host{db, auth}, nil
}

// errNameTaken refuses a company whose name is another's.
var errNameTaken = &admit.Error{Code: "company/name-taken", Status: http.StatusConflict, Message: "There is already a company of this name."}

// register makes a company and its first user, or neither. The password is hashed
// before the transaction begins: nobody waits for its locks meanwhile.
func (h *host) register(ctx context.Context, company string, owner admit.SignUpParams) (admit.SignUpResult, error) {
	prepared, err := h.auth.Passwords.Prepare(ctx, admit.PreparePasswordParams{Email: owner.Email, Name: owner.Name, Password: owner.Password})
	if err != nil {
		return admit.SignUpResult{}, err
	}
	owner.Password, owner.Prepared = "", prepared
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return admit.SignUpResult{}, err
	}
	defer tx.Rollback() //nolint:errcheck // after the commit there is nothing to roll back
	auth, committed := h.auth.WithTx(tx)
	made, err := auth.SignUps.Create(ctx, owner)
	if err != nil {
		return admit.SignUpResult{}, err
	}
	added, err := tx.ExecContext(ctx, `INSERT INTO company (name, owner_id) VALUES (?, ?) ON CONFLICT DO NOTHING`, company, made.UserID)
	if err != nil {
		return admit.SignUpResult{}, fmt.Errorf("add company: %w", err)
	}
	if n, err := added.RowsAffected(); err != nil || n == 0 {
		return admit.SignUpResult{}, errors.Join(err, errNameTaken)
	}
	if err := tx.Commit(); err != nil {
		return admit.SignUpResult{}, fmt.Errorf("commit company: %w", err)
	}
	committed() // the confirmation mail goes out at once instead of a little later
	return made, nil
}

func (h *host) routes() http.Handler {
	mux := http.NewServeMux()
	h.auth.Mount(mux)
	mux.HandleFunc("POST /companies", h.handleRegister)
	mux.Handle("GET /company", h.auth.RequireUser(http.HandlerFunc(h.handleCompany)))
	return mux
}

// handleRegister is a route of the host's own, so its limits are the host's
// too: those of the library stand before the library's routes.
func (h *host) handleRegister(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Company  string `json:"company"`
		Email    string `json:"email"`
		Password string `json:"password"`
		Name     string `json:"name"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil || in.Company == "" {
		http.Error(w, "company, email, password and name are needed", http.StatusBadRequest)
		return
	}
	// What the list of sessions and the audit log say about the other end.
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	ctx := admit.WithClient(r.Context(), admit.Client{IPAddress: address, UserAgent: r.UserAgent()})
	made, err := h.register(ctx, in.Company, admit.SignUpParams{Email: in.Email, Password: in.Password, Name: in.Name})
	var refusal *admit.Error
	switch {
	case errors.As(err, &refusal):
		writeJSON(w, refusal.Status, map[string]string{"code": refusal.Code, "message": refusal.Message})
	case err != nil:
		log.Print(err)
		http.Error(w, "that did not work", http.StatusInternalServerError)
	default:
		writeJSON(w, http.StatusCreated, made.SignedIn.Tokens)
	}
}

func (h *host) handleCompany(w http.ResponseWriter, r *http.Request) {
	user, _ := admit.UserFrom(r.Context())
	var name string
	err := h.db.QueryRowContext(r.Context(), `SELECT name FROM company WHERE owner_id = ?`, user.ID).Scan(&name)
	if err != nil {
		http.Error(w, "no company", http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"company": name, "owner": user.Name})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}
