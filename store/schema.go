package store

import "errors"

// ErrNewerSchema says that a database was migrated by a program that knows more
// than this one. Nothing is changed; deploy the newer program.
var ErrNewerSchema = errors.New("store: the database has a newer schema than this program knows")

// Finding is something about a database that an operator should mend.
type Finding struct {
	// Code is a short stable word such as "schema-pending".
	Code string `json:"code"`
	// Message says what was found, Mend what to do about it.
	Message string `json:"message"`
	Mend    string `json:"mend"`
}
