package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
)

func (a *app) secretCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "secret",
		Short: "Make and rotate the secret that seals what is stored",
		Long: `Make and rotate the secret that seals what is stored.

To rotate, in this order:
  1. 'admit secret new --write' appends a secret to the file. Deploy it
     everywhere: now every process can read what the new secret seals.
  2. Move the new line to the top of the file and deploy it everywhere: now it
     seals and signs.
  3. 'admit secret rekey' seals again what is stored.
  4. After 7 days, or what Sessions.RefreshTTL says, no refresh token of the old
     secret is left. Take its line out.`,
	}, a.secretNewCommand(), a.secretRekeyCommand())
}

func (a *app) secretNewCommand() *cobra.Command {
	var write, newFile bool
	c := &cobra.Command{
		Use:   "new",
		Short: "Make a secret of 32 random bytes",
		Long: `Make a secret of 32 random bytes and print it as hex, or write it to a file.

With --write it goes into --secret-file and is not printed: a file that is
missing is made with mode 0600, one that exists gets the secret as its last
line, which is the first step of rotating.

An application has one secret file. A missing one is not made where ADMIT_SECRET
is set, or where the store has signing keys that are under a secret already: to
make a second file all the same, give --new-file.`,
		Example: `  admit secret new
  admit secret new --write --secret-file admit.secret`,
		Args: cobra.NoArgs,
	}
	c.Flags().BoolVar(&write, "write", false, "write it to --secret-file instead of printing it")
	c.Flags().BoolVar(&newFile, "new-file", false, "with --write, make the file though there is a secret elsewhere")
	c.RunE = a.does(func(ctx context.Context, _ []string) (result, error) {
		if newFile && !write {
			return nil, usagef("--new-file belongs to --write")
		}
		var random [32]byte
		if _, err := rand.Read(random[:]); err != nil {
			return nil, err
		}
		secret := hex.EncodeToString(random[:])
		if !write {
			return newSecret{Secret: secret}, nil
		}
		if !newFile {
			if err := a.refuseSecondFile(ctx); err != nil {
				return nil, err
			}
		}
		appended, err := appendLine(a.secretFile, secret)
		if err != nil {
			return nil, err
		}
		return newSecret{File: a.secretFile, Appended: appended}, nil
	})
	return c
}

// refuseSecondFile refuses to make a file if the application has its secret
// elsewhere. Otherwise an operator in the wrong folder would deploy a secret
// that opens nothing.
func (a *app) refuseSecondFile(ctx context.Context) error {
	if _, err := os.Stat(a.secretFile); err == nil {
		return nil
	}
	if a.getenv("ADMIT_SECRET") != "" {
		return fmt.Errorf("%s does not exist, and ADMIT_SECRET holds a secret, which wins over a file; to make the file all the same, give --new-file", a.secretFile)
	}
	p, err := a.place()
	if err != nil || p.missing() {
		return nil
	}
	d, db, err := p.open()
	if err != nil {
		return err
	}
	defer db.Close()
	if pending, err := d.Pending(ctx); err != nil || len(pending) > 0 {
		return err
	}
	keys, err := d.ListKeys(ctx, "")
	if err != nil || len(keys) == 0 {
		return err
	}
	return fmt.Errorf("%s does not exist, and the application has a secret elsewhere: %s of this store under it. "+
		"To rotate, name that file with --secret-file; to make a second file all the same, give --new-file",
		a.secretFile, count(len(keys), "signing key is", "signing keys are"))
}

// appendLine adds a line to a file and keeps the owner and the mode of the
// file. A missing file is made with mode 0600.
func appendLine(name, line string) (appended bool, err error) {
	text, err := os.ReadFile(name)
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	switch {
	case err == nil:
		appended, flags = true, os.O_WRONLY|os.O_APPEND
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	file, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return false, err
	}
	// One write, so that a process that starts meanwhile reads no half line.
	_, err = file.WriteString(line + "\n")
	return appended, errors.Join(err, file.Sync(), file.Close())
}

// newSecret is a new secret, or the name of the file that contains it.
type newSecret struct {
	Secret   string `json:"secret,omitempty"`
	File     string `json:"file,omitempty"`
	Appended bool   `json:"appended,omitempty"`
}

func (s newSecret) write(w io.Writer) {
	switch {
	case s.Secret != "":
		fmt.Fprintln(w, s.Secret)
	case s.Appended:
		fmt.Fprintf(w, "Appended a secret to %s. Deploy the file everywhere, then move the new line to the top and deploy it again.\n", s.File)
	default:
		fmt.Fprintf(w, "Made %s.\n", s.File)
	}
}

// secretRekeyCommand reads the secret file. Unlike a server it never makes a
// missing file, because a new secret opens nothing.
func (a *app) secretRekeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rekey",
		Short: "Seal again, under the first secret, what older ones sealed",
		Long: `Open every signing key, every secret of an authenticator app, every kept token and
client secret of a provider and every queued message, and seal it again under the
first secret. Run it once every process has that secret first; they may go on
working. Running it again does no harm.`,
		Example: "  admit secret rekey --secret-file admit.secret",
		Args:    cobra.NoArgs,
		RunE: a.does(func(ctx context.Context, _ []string) (result, error) {
			secrets, _, err := a.secrets()
			if err != nil {
				return nil, err
			}
			return a.withAuth(ctx, admit.Secrets(secrets[0], secrets[1:]...), func(auth *admit.Auth) (result, error) {
				var done rekeyed
				bar := a.bar("sealing")
				err := auth.Sealing.Reseal(ctx, func(rows, total int) {
					done.Rows = total
					bar.show(int64(rows), int64(total), rows)
				})
				bar.clear()
				if err != nil {
					return nil, err
				}
				return done, nil
			})
		}),
	}
}

// secrets reads the operator's secrets and says where they are from. There is
// always one when it returns without an error.
func (a *app) secrets() (secrets []string, from string, err error) {
	if text := a.getenv("ADMIT_SECRET"); text != "" {
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				secrets = append(secrets, line)
			}
		}
		from = "ADMIT_SECRET"
	} else {
		data, err := os.ReadFile(a.secretFile)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, "", fmt.Errorf("%s does not exist; give --secret-file or set ADMIT_SECRET", a.secretFile)
		}
		if err != nil {
			return nil, "", err
		}
		secrets, from = strings.Fields(string(data)), a.secretFile
	}
	if len(secrets) == 0 {
		return nil, "", fmt.Errorf("%s holds no secret", from)
	}
	return secrets, from, nil
}

// rekeyed counts the rows that were read, whether or not they had to be sealed
// again.
type rekeyed struct {
	Rows int `json:"rows"`
}

func (r rekeyed) write(w io.Writer) {
	fmt.Fprintf(w, "Everything that is stored is under the first secret: %s.\n", count(r.Rows, "row", "rows"))
}
