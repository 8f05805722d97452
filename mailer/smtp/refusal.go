package smtp

import (
	"errors"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/admit-go/admit/mailer"
)

// A server answers 5xx for many reasons, and most of them have nothing to do
// with the message: a trial account, a quota, a sender without permission, an
// address of this machine on a block list. Such a message waits until an
// operator has repaired the fault. A refusal is final only if it is about the
// mailbox or the text.

// refusal is a server's answer of 500 and above to one message.
type refusal struct {
	step      string
	reply     *textproto.Error
	described error
}

func (r *refusal) Error() string { return r.described.Error() }
func (r *refusal) Unwrap() error { return r.described }

var (
	// status finds an enhanced status code (RFC 3463) in the places where
	// servers write it: at the start of the answer, or at its end as in "no
	// such mailbox (#5.1.1)".
	status = regexp.MustCompile(`^\s*#?([245]\.\d{1,3}\.\d{1,3})(?:[^\d.]|$)|#([245]\.\d{1,3}\.\d{1,3})\)?\s*$`)

	// aboutMailbox are the codes about a mailbox: unknown, unknown domain, no
	// address, moved, a domain without mail (RFC 7505), closed, full, too
	// small. Codes are compared as a whole: 5.2.252 and 5.1.90 are about the
	// sender.
	aboutMailbox = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.2.2", "5.2.3"}

	// noMailbox finds words about a mailbox, for servers without enhanced
	// codes.
	noMailbox = regexp.MustCompile(`(?i)\b(no such (user|mailbox|recipient|address|person)|(user|recipient|mailbox|address) (unknown|not found|does not exist|doesn't exist)|unknown (user|recipient|mailbox|local part)|no mailbox|(mailbox|user) (is )?(full|over quota|disabled|inactive))`)

	// aboutSender finds words about the sender. They take precedence over the
	// code: some servers answer 5.1.1 for a sender, or 5.2.2 for the quota of a
	// sender.
	aboutSender = regexp.MustCompile(`(?i)\b(sender|send as|sendas|mail from|relay|relaying|not verified|unverified sender|your (account|ip|domain|host|daily|sending)|daily|rate limit|frequency|blocked|blacklist(ed)?|blocklist(ed)?|listed|reputation|spam|authenticat\w*)\b`)
)

// isFinal reports whether the refusal is about the mailbox or the text.
func (r *refusal) isFinal() bool {
	// Before RCPT a refusal is about neither. A refusal of MAIL is about the
	// sender.
	if r.step != "RCPT" && r.step != "DATA" && r.step != "text" || r.reply.Code == 530 || r.reply.Code == 535 {
		return false
	}
	words := withoutAddresses(r.reply.Msg)
	if aboutSender.MatchString(words) {
		return false
	}
	found := status.FindStringSubmatch(r.reply.Msg)
	if found == nil {
		return r.step == "RCPT" && r.reply.Code != 554 && noMailbox.MatchString(words)
	}
	code := found[1] + found[2]
	return slices.Contains(aboutMailbox, code) || strings.HasPrefix(code, "5.6.")
}

// withoutAddresses removes addresses that the server repeats, because somebody
// else may have chosen them.
func withoutAddresses(s string) string {
	words := slices.DeleteFunc(strings.Fields(s), func(word string) bool { return strings.ContainsAny(word, "@<>") })
	return strings.Join(words, " ")
}

// mostAlike is the number of recipients in a row with the same refusal from
// which on the refusal is about the server itself.
const mostAlike = 3

// streak is the refusal of the last recipients in a row. It is safe for use by
// many goroutines.
type streak struct {
	mu         sync.Mutex
	words      string
	recipients []string
}

// accepted ends the streak, because the server accepts mail.
func (s *streak) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words, s.recipients = "", nil
}

// refused adds a refusal and reports whether enough recipients in a row had the
// same one. A recipient counts once, however often it is tried.
func (s *streak) refused(to string, r *refusal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	to = strings.ToLower(to)
	if words := r.pattern(to); words != s.words {
		s.words, s.recipients = words, nil
	}
	if !slices.Contains(s.recipients, to) && len(s.recipients) < mostAlike {
		s.recipients = append(s.recipients, to)
	}
	return len(s.recipients) >= mostAlike
}

// pattern returns the refusal without the parts that differ between messages:
// the recipient, numbers and names of queues.
func (r *refusal) pattern(to string) string {
	local := to[:max(strings.LastIndexByte(to, '@'), 0)]
	words := strings.Fields(strings.ToLower(withoutAddresses(r.reply.Msg)))
	words = slices.DeleteFunc(words, func(word string) bool {
		return strings.ContainsAny(word, "0123456789") || strings.Trim(word, `"'():;,.`) == local
	})
	code := ""
	if found := status.FindStringSubmatch(r.reply.Msg); found != nil {
		code = found[1] + found[2]
	}
	return strings.Join(append(words, r.step, code), " ")
}

// judge turns the error of a delivery into the error that the outbox acts on.
func (m *Mailer) judge(to string, err error) error {
	if err == nil {
		m.streak.accepted()
		return nil
	}
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return err
	}
	final := r.isFinal()
	if alike := m.streak.refused(to, r); alike || !final {
		return &mailer.OperatorError{Err: r.described}
	}
	return &mailer.PermanentError{Err: r.described}
}
