package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/store"
)

// clockTolerance is how far in the future the time of a record may be before it
// is a finding.
const clockTolerance = 2 * time.Second

func (a *app) checkCommand() *cobra.Command {
	var m mailCheck
	c := &cobra.Command{
		Use:   "check",
		Short: "Look for what an operator should mend, each with its mend",
		Long: `Look at the database and the secret and say what should be mended: a schema that
is behind or ahead, missing indexes, settings under which a power cut takes back
what was acknowledged, clocks that are apart, files that others can read, a weak
secret, rows under a secret that is going or gone, mail that was given up, a
connection that can be overheard.

With --mail it also looks at the application's mail server: it connects, starts
TLS, signs in, names sender and recipient, and sends nothing but the one mail
that --send-to asks for. Without a store it looks at the mail server alone.

It changes nothing. The exit code is 1 when there is something to mend.`,
		Example: `  admit check
  admit check --json | jq -r '.findings[].code'
  admit check --mail --smtp smtp.example:587 --from no-reply@app.example --smtp-user app --send-to ann@example.com`,
		Args: cobra.NoArgs,
	}
	m.define(c)
	c.RunE = a.does(func(ctx context.Context, _ []string) (result, error) {
		if err := m.complete(a, c); err != nil {
			return nil, err
		}
		r := report{Findings: []store.Finding{}, NotLookedAt: []string{}, Done: []string{}}
		if m.wanted && !a.hasStore() {
			r.NotLookedAt = append(r.NotLookedAt, "the database and the secret: no --store and no ADMIT_STORE")
		} else if err := a.lookAtStore(ctx, &r); err != nil {
			return nil, err
		}
		if m.wanted {
			m.look(ctx, &r)
		}
		if len(r.Findings) > 0 {
			return r, errors.New(count(len(r.Findings), "thing", "things") + " to mend")
		}
		return r, nil
	})
	return c
}

// lookAtStore checks the database that the flags name, and its records.
func (a *app) lookAtStore(ctx context.Context, r *report) error {
	p, err := a.place()
	if err != nil {
		return err
	}
	if p.missing() {
		return fmt.Errorf("%s does not exist; 'admit migrate --apply' makes it", p.file)
	}
	d, db, err := p.open()
	if err != nil {
		return err
	}
	defer db.Close()
	return a.look(ctx, p, d, r)
}

// report is the result of check.
type report struct {
	Findings    []store.Finding `json:"findings"`
	NotLookedAt []string        `json:"notLookedAt"`
	// Done lists the checks that a flag asked for and that succeeded.
	Done []string `json:"done"`
}

func (r *report) add(code, mend, message string, args ...any) {
	r.Findings = append(r.Findings, store.Finding{Code: code, Message: fmt.Sprintf(message, args...), Mend: mend})
}

func (r report) write(w io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s\n  %s\n  mend: %s\n", f.Code, f.Message, f.Mend)
	}
	for _, what := range r.NotLookedAt {
		fmt.Fprintf(w, "not looked at: %s\n", what)
	}
	for _, what := range r.Done {
		fmt.Fprintln(w, printable(what)+".")
	}
	if len(r.Findings) == 0 {
		fmt.Fprintln(w, "Nothing to mend.")
	}
}

// look checks the database first and then the records. The records are checked
// only if the schema and the secret are in order.
func (a *app) look(ctx context.Context, p place, d database, r *report) error {
	found, err := d.Check(ctx)
	if err != nil {
		return err
	}
	r.Findings = append(r.Findings, found...)
	if err := p.look(r); err != nil {
		return err
	}
	ring, err := a.lookAtSecrets(r)
	if err != nil {
		return err
	}
	// Tables with an unexpected schema are not read.
	if slices.ContainsFunc(found, func(f store.Finding) bool { return strings.HasPrefix(f.Code, "schema-") }) {
		r.NotLookedAt = append(r.NotLookedAt, "the records, before the schema is up to date")
		return nil
	}
	return a.lookAtRecords(ctx, d, ring, r)
}

// look checks whether others can reach the records.
func (p place) look(r *report) error {
	if p.file != "" {
		info, err := os.Stat(p.file)
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode&0o007 != 0 {
			r.add("database-readable", fmt.Sprintf("chmod o= %s %s-wal %s-shm", p.file, p.file, p.file),
				"%s has mode %#o: everybody on this machine can read password hashes.", p.file, mode)
		}
		return nil
	}
	config, err := pgx.ParseConfig(p.url)
	if err != nil {
		return err
	}
	plain := config.TLSConfig == nil && remote(config.Host)
	for _, fallback := range config.Fallbacks {
		plain = plain || fallback.TLSConfig == nil && remote(fallback.Host)
	}
	if plain {
		r.add("connection-plain", "Add sslmode=verify-full to the URL, and sslrootcert where the authority is your own.",
			"The connection to %s may go unencrypted, or falls back to that: whoever is in between reads password hashes and becomes anybody.", config.Host)
	}
	return nil
}

// remote says that a PostgreSQL host is on another machine.
func remote(host string) bool {
	if path.IsAbs(host) || host == "localhost" {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err != nil || !address.IsLoopback()
}

// lookAtSecrets returns the ring that opens sealed rows, or nil if there is no
// secret that could open them.
func (a *app) lookAtSecrets(r *report) (*sealed.Ring, error) {
	texts, from, err := a.secrets()
	if err != nil {
		r.NotLookedAt = append(r.NotLookedAt, "the secret and what it seals: "+err.Error())
		return nil, nil //nolint:nilerr // the report is made without a secret, and says so
	}
	if from == a.secretFile {
		info, err := os.Stat(from)
		if err != nil {
			return nil, err
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			r.add("secret-readable", "chmod 600 "+from+", and rotate the secret if others use this machine.",
				"%s has mode %#o: others than its owner can read it.", from, mode)
		}
	}
	ring, err := ringOf(texts)
	if err != nil {
		r.add("secret-weak", "Make one with 'admit secret new' and rotate to it ('admit secret --help').",
			"%s cannot be used: %s.", from, strings.ReplaceAll(err.Error(), "\n", "; "))
		return nil, nil
	}
	return ring, nil
}

// ringOf returns the ring that opens sealed rows with the operator's secrets.
func ringOf(texts []string) (*sealed.Ring, error) {
	secrets := make([][]byte, len(texts))
	for i, text := range texts {
		secrets[i] = []byte(text)
		if raw, err := hex.DecodeString(text); err == nil && len(raw) >= sealed.MinSecretBytes {
			secrets[i] = raw
		}
	}
	return sealed.New(secrets)
}

// opens refuses secrets that are not the application's secrets, because the
// application could not open rows that they seal.
func opens(ctx context.Context, d database, texts []string) error {
	ring, err := ringOf(texts)
	if err != nil {
		return err
	}
	keys, err := d.ListKeys(ctx, "")
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, err := ring.Open(key.Purpose, []byte(key.ID), key.Sealed); err != nil {
			return errors.New("this secret does not open the signing keys of the application; give the secret that the application uses")
		}
	}
	return nil
}

// lookAtRecords looks for rows that need an operator.
func (a *app) lookAtRecords(ctx context.Context, d database, ring *sealed.Ring, r *report) error {
	keys, err := d.ListKeys(ctx, "")
	if err != nil {
		return err
	}
	waiting, _, err := d.ListMail(ctx, "", store.QueueMail, false, store.Page{Number: 1, Limit: pageSize})
	if err != nil {
		return err
	}
	dead, given, err := d.ListMail(ctx, "", store.QueueMail, true, store.Page{Number: 1, Limit: pageSize})
	if err != nil {
		return err
	}
	if given > 0 {
		r.add("mail-dead", "See why with 'admit mail dead', then 'admit mail retry --all'.", "%s given up.", count(given, "message was", "messages were"))
	}
	old, lost, future := 0, 0, false
	for _, key := range keys {
		future = future || key.CreatedAt.After(a.now().Add(clockTolerance))
		if ring == nil {
			continue
		}
		if !ring.Current(key.Sealed) {
			old++
		}
		if _, err := ring.Open(key.Purpose, []byte(key.ID), key.Sealed); err != nil {
			lost++
		}
	}
	if future {
		r.add("clock-behind", "Synchronise the clocks of all machines.", "A signing key was made in the future: this machine's clock is behind, or another's was ahead.")
	}
	for _, mail := range slices.Concat(waiting, dead) {
		if ring != nil && !ring.Current(mail.Sealed) {
			old++
		}
	}
	switch {
	case lost > 0:
		r.add("secret-lost", "Give the secret that the application uses; after a rotation, keep the old one as a later line.",
			"%s cannot be opened: what they signed is refused.", count(lost, "signing key", "signing keys"))
	case old > 0:
		r.add("rekey-pending", "Run 'admit secret rekey'.", "%s under a secret that is not the first.", count(old, "row is", "rows are"))
	}
	return nil
}
