package smtp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/admit-go/admit/mailer"
)

var _ mailer.Checker = (*Mailer)(nil)

// Check checks whether mail would be sent, and sends none. It connects, starts
// TLS, signs in, names the sender, and names the address of From as a
// recipient. Its error names the step that failed and the answer of the server.
// A missing mailbox is no error: a server that says so has accepted the sender.
func (m *Mailer) Check(ctx context.Context) error {
	s, err := m.settings()
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	err = m.try(ctx, s, s.from.Address)
	if r, ok := errors.AsType[*refusal](err); ok && r.step == "RCPT" && r.isFinal() {
		return nil
	}
	return err
}

// CheckTo is [Mailer.Check] with a recipient. Every refusal of the recipient is
// an error.
func (m *Mailer) CheckTo(ctx context.Context, to string) error {
	s, err := m.settings()
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	return m.try(ctx, s, to)
}

// try goes as far as RCPT on a new connection, so that every step is tried.
func (m *Mailer) try(ctx context.Context, s settings, to string) error {
	// The message is encoded as for sending, so that a header that cannot be
	// sent is found here too.
	l, err := s.encode(mailer.Message{ID: "check", To: to, Text: "check"}, time.Now())
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.quit()
	return c.rehearse(ctx, l)
}

// rehearse sends the commands of a message up to its text, and resets them.
func (c *connection) rehearse(ctx context.Context, l letter) error {
	if _, ok := c.offers["SMTPUTF8"]; l.international && !ok {
		return errors.New("smtp: the server takes no addresses beyond ASCII")
	}
	release := c.obey(ctx)
	defer release()
	step, err := c.address(l)
	if err == nil {
		step, err = "RSET", c.say(250, "RSET")
	}
	if err == nil {
		return nil
	}
	return c.failed(ctx, step, err)
}
