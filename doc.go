// Package admit is authentication inside a Go server. A host makes one [Auth],
// mounts its routes, and puts guards before its own routes:
//
//	auth, err := admit.New(admit.Config{BaseURL: …, Secrets: …, Store: …, Mailer: …})
//	auth.Mount(mux)
//	mux.Handle("GET /notes", auth.RequireUser(notes)) // notes calls admit.UserFrom(r.Context())
//
// Everything that the HTTP API does is also a method of a field of Auth, such as
// auth.Passwords.SignIn. Start with type [Auth]: its fields are the table of
// contents. A method with more than one text takes a struct …Params. A refusal is
// an [*Error]; compare it by [errors.Is]. If the store does not answer, the error
// is [ErrUnavailable], and nobody gets access.
//
// docs/README.md lists the pages of each task and each feature. openapi.yaml
// describes every route.
package admit
