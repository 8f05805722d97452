package store

import "errors"

// ErrNewerSchema means that a newer program has migrated the database. Nothing
// is changed. Deploy the newer program.
var ErrNewerSchema = errors.New("store: the database has a newer schema than this program knows")

// Finding is something in a database that an operator should repair.
type Finding struct {
	// Code is a short stable word such as "schema-pending".
	Code string `json:"code"`
	// Message says what was found. Mend says what to do.
	Message string `json:"message"`
	Mend    string `json:"mend"`
}
