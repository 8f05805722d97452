package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer/smtp"
)

// smtpFlags are the settings of the application's mailer.
type smtpFlags struct {
	mailer smtp.Mailer
}

// add defines the flags. There is no flag for the password, because other users
// of the machine can see the command line.
func (f *smtpFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.mailer.Addr, "smtp", "", "mail `server` as host:port")
	flags.StringVar(&f.mailer.From, "from", "", "`sender`, such as \"App <no-reply@app.example>\"")
	flags.StringVar(&f.mailer.Username, "smtp-user", "", "`name` to sign in with; the password is in ADMIT_SMTP_PASSWORD")
	flags.BoolVar(&f.mailer.ImplicitTLS, "smtp-tls", false, "start with TLS, as on port 465, instead of STARTTLS")
	flags.BoolVar(&f.mailer.InsecurePlaintext, "insecure-plaintext", false, "do without TLS: for a server on this machine alone")
}

// complete checks the flags and reads the password.
func (f *smtpFlags) complete(a *app) error {
	if f.mailer.Addr == "" || f.mailer.From == "" {
		return usagef("which mail server? Give --smtp HOST:PORT and --from with the sender, as the application has them")
	}
	if f.mailer.Username != "" {
		if f.mailer.Password = a.getenv("ADMIT_SMTP_PASSWORD"); f.mailer.Password == "" {
			return usagef("--smtp-user needs the password in ADMIT_SMTP_PASSWORD")
		}
	}
	return nil
}

func (a *app) mailTestCommand() *cobra.Command {
	var f smtpFlags
	c := &cobra.Command{
		Use:   "test ADDRESS",
		Short: "Send one mail, to see that the mail server takes it",
		Long: `Send one mail, to see that the mail server takes it. The server, the sender and the
name are those of the application's mailer. It uses no database.`,
		Example: `  admit mail test ann@example.com --smtp smtp.example:587 --from no-reply@app.example --smtp-user app`,
		Args:    exactly(1),
	}
	f.add(c)
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		if err := f.complete(a); err != nil {
			return nil, err
		}
		if _, err := emailaddress.Parse(args[0]); err != nil {
			return nil, usagef("%q is no address to send to (%v); give one such as ann@example.com", args[0], err)
		}
		if err := f.mailer.Send(ctx, testMessage(args[0], f.mailer.Addr)); err != nil {
			_, mend := mendOfMail(&f.mailer, err)
			return nil, fmt.Errorf("%s did not take the mail: %w\n%s", f.mailer.Addr, err, mend)
		}
		return testMail{args[0], f.mailer.Addr}, nil
	})
	return c
}

// testMail names the mail server that accepted a mail, and the recipient.
type testMail struct {
	To     string `json:"to"`
	Server string `json:"server"`
}

func (t testMail) write(w io.Writer) {
	fmt.Fprintf(w, "%s took a mail to %s. Look whether it arrives, and not among junk.\n", printable(t.Server), printable(t.To))
}
