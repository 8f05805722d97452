// Package admit is authentication inside a Go server.
//
// A host makes one [Auth] from a [Config], mounts its handler next to its own
// routes, and puts guards before the routes that not everybody may call:
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
// The handler notes gets the user of the request:
//
//	user, _ := admit.UserFrom(r.Context())
//
// A front end signs people up with POST /v1/auth/email/signup and signs them in
// with POST /v1/auth/email/signin. It sends the access token of the answer as a
// bearer token. The pages in docs/ describe each flow with its requests and
// answers. openapi.yaml describes every route.
//
// # Stores and processes
//
// Start with SQLite or PostgreSQL (store/sqlite, store/postgres). Both take the
// host's *sql.DB, so the host chooses the driver. store/memory is for tests: it
// loses all data at the end of the process. Any number of processes may share a
// store. They share nothing else, and every process can serve every request.
// With [Auth.WithTx] rules take part in a transaction of the host.
//
// # Rules, handlers, errors
//
// Everything that the HTTP API does is also a method that takes plain values:
// [SignUps.Create], [Passwords.SignIn], [Sessions.Refresh],
// [PasswordResets.Confirm] and so on. The methods are reached by the fields of
// Auth: auth.Passwords.SignIn. A refusal is an [*Error] with a stable code;
// compare it by [errors.Is]. If the store does not answer, the error is
// [ErrUnavailable], and nobody gets access.
//
// The rules count attempts and mails, so their limits also hold for calls from
// Go. Only the limit of sign-ups per client address belongs to the HTTP route.
// [WithClient] tells a rule the client address of a call.
//
// # What to decide
//
// The defaults are safe and suit most hosts. Decide about these settings:
//
//   - Config.RequireVerifiedEmail: nobody signs in before the address is
//     verified.
//   - Config.PrivateSignUp: a sign-up does not show whether an address has an
//     account.
//   - Config.AllowedRedirects: the pages of a front end with another origin.
//   - Config.TrustedProxies, or Config.TrustUnixSocket for a Unix socket: without
//     it all clients behind a proxy share one limit.
//   - SessionConfig.Staleness: guards may use a cached session.
//
// Settings with Insecure in their names are for development and for load tests.
// They log a warning at every start.
//
// Keep the file of [SecretFile] apart from backups of the database: a person who
// has both can open everything that is sealed. docs/operations.md describes how
// to rotate secrets.
//
// # Compatibility
//
// Before v1 the Go API and the contract of the store may change, with a note in
// the changelog. The HTTP API, its codes, and the schema of the stores only grow.
// Migrations go forward only. A process refuses a schema that is newer than it
// knows.
package admit
