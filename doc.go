// Package admit is authentication that lives inside a Go server.
//
// A host makes one [Auth] from a [Config], mounts its handler beside its own
// routes, and puts guards before those that not everybody may call:
//
//	db, err := sqlite.Open("app.db") // the driver is the host's import
//	if err != nil {
//		return err
//	}
//	records := sqlite.New(db)
//	if err := records.Migrate(ctx); err != nil {
//		return err
//	}
//	auth, err := admit.New(admit.Config{
//		BaseURL: "https://app.example",
//		Secrets: admit.SecretFile("admit.secret"), // made when missing
//		Store:   records,
//		Mailer:  &smtp.Mailer{Addr: "smtp.example:587", From: "App <no-reply@app.example>"},
//	})
//	if err != nil {
//		return err // every problem of the configuration at once
//	}
//	defer auth.Close(context.Background())
//
//	mux := http.NewServeMux()
//	auth.Mount(mux) // /v1/… and /.well-known/…
//	mux.Handle("GET /notes", auth.RequireUser(http.HandlerFunc(notes)))
//	mux.Handle("GET /office", auth.RequireRole("editor")(http.HandlerFunc(office)))
//
// Inside notes the caller is known:
//
//	user, _ := admit.UserFrom(r.Context())
//
// A front end now signs people up at POST /v1/auth/email/signup, in at POST
// /v1/auth/email/signin, and sends the access token it is given as a bearer
// token. The pages in docs/ tell, flow by flow, what it sends and what comes
// back; openapi.yaml describes every route.
//
// # Stores and processes
//
// Begin with SQLite or PostgreSQL (store/sqlite, store/postgres): both take the
// host's *sql.DB and leave the driver to it. store/memory forgets everything at
// the end of the process and serves tests. Any number of processes may share a
// store; nothing else needs to be shared, and no request needs to come back to
// the same process. A rule takes part in a host's own transaction through
// [Auth.WithTx].
//
// # Rules, handlers, errors
//
// Everything that can be done over HTTP is a method of Auth that takes plain
// values and knows no HTTP: [Auth.SignUp], [Auth.SignIn], [Auth.Refresh],
// [Auth.ResetPassword] and so on. Each answers an [*Error] with a stable code;
// compare with [errors.Is]. A store that cannot do its work is
// [ErrUnavailable], and nobody gets in.
//
// Limits per client address stand before the HTTP routes; the budgets of
// accounts and mailboxes hold for calls from Go too. [WithClient] tells a rule
// where a call comes from.
//
// # What to decide
//
// The defaults are safe and suit most hosts. Worth a thought are
// Config.RequireVerifiedEmail (nobody signs in before the address is proven),
// Config.PrivateSignUp (a sign-up does not show whether an address is taken),
// Config.AllowedRedirects (pages of a front end elsewhere), Config.TrustedProxies
// (without it all clients behind a proxy share one limit; over a Unix socket
// Config.TrustUnixSocket) and
// SessionConfig.Staleness (answers from memory instead of the store). What is
// named Insecure is for tests of load, and warns at every start.
//
// Keep the file of [SecretFile] out of backups of the database: with both,
// whatever is sealed can be opened. To replace a secret, append the new one to
// the file of every process, then move it to the first line.
//
// # Compatibility
//
// Before v1 the API may change and the store contract may grow, with a note in
// the changelog. The HTTP API, its codes, and the schema of the stores only
// grow: migrations go forward, and a process refuses a newer schema than it
// knows.
package admit
