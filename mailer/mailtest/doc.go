// Package mailtest holds no code but tests: mailer/smtp against servers that
// other people wrote, an MTA as Debian ships it (exim4) and go-smtp. It is a
// module of its own, so that what they need is required of no host.
package mailtest
