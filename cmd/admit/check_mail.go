package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/mailer/smtp"
)

// mailCheck has the flags of check about the application's mailer.
type mailCheck struct {
	smtpFlags

	wanted bool
	sendTo string
}

func (m *mailCheck) define(c *cobra.Command) {
	c.Flags().BoolVar(&m.wanted, "mail", false, "look at the mail server too: connect, start TLS, sign in, name sender and recipient, send nothing")
	c.Flags().StringVar(&m.sendTo, "send-to", "", "with --mail, also send one mail to this `address`")
	m.add(c)
}

// complete refuses flags of the mailer that would have no effect.
func (m *mailCheck) complete(a *app, c *cobra.Command) error {
	if m.wanted {
		return m.smtpFlags.complete(a)
	}
	for _, name := range []string{"send-to", "smtp", "from", "smtp-user", "smtp-tls", "insecure-plaintext"} {
		if c.Flags().Changed(name) {
			return usagef("--%s is of use with --mail alone; add --mail to look at the mail server", name)
		}
	}
	return nil
}

// look runs the steps of a delivery until the mail server refuses one, and adds
// this as a finding.
func (m *mailCheck) look(ctx context.Context, r *report) {
	err := m.mailer.Check(ctx)
	if err == nil && m.sendTo != "" {
		if err = m.mailer.Send(ctx, testMessage(m.sendTo, m.mailer.Addr)); err == nil {
			r.Done = append(r.Done, fmt.Sprintf("%s took a mail to %s; look whether it arrives, and not among junk", m.mailer.Addr, m.sendTo))
			return
		}
	}
	if err == nil {
		r.Done = append(r.Done, fmt.Sprintf("%s takes mail from %s", m.mailer.Addr, m.mailer.From))
		return
	}
	code, mend := mendOfMail(&m.mailer, err)
	r.add(code, mend, "%s does not take the application's mail: %s.", m.mailer.Addr, err)
}

// testMessage returns a mail that says that it is a test.
func testMessage(to, server string) mailer.Message {
	const text = "This mail was sent by the admit command to test the settings. The mail server took it, and it has arrived: the settings work.\n"
	return mailer.Message{ID: rand.Text(), Kind: "test", To: to, Subject: "A test of " + server, Text: text, HTML: "<p>" + text + "</p>"}
}

// mendOfMail says what an operator can do about a mail server that does not
// accept mail.
func mendOfMail(m *smtp.Mailer, err error) (code, mend string) {
	step, ok := errors.AsType[*smtp.StepError](err)
	if !ok {
		return "mail-settings", "Correct --smtp and --from, and the application's Mailer alike: the server as host:port, the sender as \"App <no-reply@app.example>\"."
	}
	_, port, _ := net.SplitHostPort(m.Addr)
	reply, answered := errors.AsType[*textproto.Error](err)
	_, noName := errors.AsType[*net.DNSError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	_, otherName := errors.AsType[x509.HostnameError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case noName:
		return "mail-unreachable", "Correct the name of the server in --smtp, or the DNS of this machine."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "mail-unreachable", "Nothing listens on that port: correct the port in --smtp (587 as a rule, 465 with --smtp-tls), or start the server."
	case step.Step == "connect":
		return "mail-unreachable", "A firewall may be in between: many hosts block the ports 25 and 587 outwards. Ask the provider, or try port 465 with --smtp-tls or port 2525."
	case noTLS:
		return "mail-tls", "The server does not start with TLS on this port: leave out --smtp-tls, or use port 465."
	case otherName:
		return "mail-tls", "The certificate is for another name: give in --smtp the name that stands in it."
	case untrusted:
		return "mail-tls", "Give the server a certificate of an authority that this machine knows, or add the authority to the certificates of this machine."
	case step.Step == "STARTTLS" && errors.Is(err, smtp.ErrNotOffered):
		return "mail-tls", "The server offers no STARTTLS on this port: use 587, or 465 with --smtp-tls. --insecure-plaintext is for a server on this machine alone."
	case step.Step == "greeting" && !answered && !m.ImplicitTLS:
		return "mail-unreachable", "The server says nothing" + onPort465(port) + ": see whether --smtp names a mail server, and whether it wants --smtp-tls, as on port 465."
	case step.Step == "AUTH" && errors.Is(err, smtp.ErrNotOffered):
		return "mail-sign-in", "The server takes no password on this port: use its port for clients (587 or 465), or leave out --smtp-user."
	case step.Step == "AUTH":
		return "mail-sign-in", "Correct --smtp-user and ADMIT_SMTP_PASSWORD. Providers with two-factor sign-in want an application password, others an API key."
	case answered && reply.Code == 530:
		return "mail-sign-in", "The server wants a sign-in: give --smtp-user, and the password in ADMIT_SMTP_PASSWORD."
	case answered && reply.Code >= 500 && step.Step == "MAIL":
		return "mail-sender", "The server does not let this sender send: verify the address or domain of --from with the provider, or use one that the account owns."
	case answered && reply.Code < 500:
		return "mail-refused", "The server refuses for now: try again in a few minutes. If that lasts, ask the provider about limits and greylisting."
	case answered && step.Step == "RCPT":
		return "mail-recipient", "The server does not pass mail on: sign in with --smtp-user, or have the account taken out of its trial (some providers send to verified addresses alone)."
	case answered:
		return "mail-refused", "Read the server's answer above: it is about the account, the sender or the text. The provider's help lists its codes."
	}
	return "mail-unreachable", "The connection broke off: try again, and look for a firewall or a virus scanner in between."
}

func onPort465(port string) string {
	if port == "465" {
		return " on port 465, which starts with TLS"
	}
	return ""
}
