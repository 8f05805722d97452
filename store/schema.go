package store

import "errors"

// ErrNewerSchema means that a newer program has migrated the database. Nothing
// is changed. Deploy the newer program.
var ErrNewerSchema = errors.New("store: the database has a newer schema than this program knows")

// ErrPooler means that the driver prepares statements, and that a pooler in front of
// the database gives each transaction another server, which does not have them. The
// text of the error says which setting of the driver helps.
var ErrPooler = errors.New("store: the driver prepares statements, and a pooler loses them")

// Finding is something in a database that an operator should repair.
type Finding struct {
	// Code is a short stable word such as "schema-pending".
	Code string `json:"code"`
	// Message says what was found. Mend says what to do.
	Message string `json:"message"`
	Mend    string `json:"mend"`
}
