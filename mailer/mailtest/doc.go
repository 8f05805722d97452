// Package mailtest has only tests: mailer/smtp against servers of other
// authors, exim4 as Debian ships it and go-smtp. It is a module of its own, so
// that no host needs its requirements.
package mailtest
