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

// A server says "never" (5xx) for many reasons, and most are not the
// message's: an account in its trial, a quota, a sender that may not send, an
// address of this machine on a list. Those wait until an operator has mended
// them. A refusal is final only where it speaks of the mailbox or of the text.

// refusal is a server's answer of 500 and above to one message.
type refusal struct {
	step      string
	reply     *textproto.Error
	described error
}

func (r *refusal) Error() string { return r.described.Error() }
func (r *refusal) Unwrap() error { return r.described }

var (
	// status is an enhanced status code (RFC 3463) where servers put it: at the
	// start of the answer, or at its end as in "no such mailbox (#5.1.1)".
	status = regexp.MustCompile(`^\s*#?([245]\.\d{1,3}\.\d{1,3})(?:[^\d.]|$)|#([245]\.\d{1,3}\.\d{1,3})\)?\s*$`)

	// aboutMailbox are the codes of a mailbox: none of that name, no such domain,
	// no address, moved, a domain without mail (RFC 7505), closed, full, too
	// small. They are compared whole: 5.2.252 and 5.1.90 speak of the sender.
	aboutMailbox = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.2.2", "5.2.3"}

	// noMailbox are the words of servers that send no enhanced code.
	noMailbox = regexp.MustCompile(`(?i)\b(no such (user|mailbox|recipient|address|person)|(user|recipient|mailbox|address) (unknown|not found|does not exist|doesn't exist)|unknown (user|recipient|mailbox|local part)|no mailbox|(mailbox|user) (is )?(full|over quota|disabled|inactive))`)

	// aboutSender are words that speak of the host's side, whatever the code
	// says: some servers answer 5.1.1 for a sender, or 5.2.2 for its quota.
	aboutSender = regexp.MustCompile(`(?i)\b(sender|send as|sendas|mail from|relay|relaying|not verified|unverified sender|your (account|ip|domain|host|daily|sending)|daily|rate limit|frequency|blocked|blacklist(ed)?|blocklist(ed)?|listed|reputation|spam|authenticat\w*)\b`)
)

// isFinal answers whether the refusal speaks of the mailbox or the text.
func (r *refusal) isFinal() bool {
	// Before RCPT nothing was said of either, and what MAIL meets is the sender.
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

// withoutAddresses leaves out what a server repeats of an address, which
// somebody else may have chosen.
func withoutAddresses(s string) string {
	words := slices.DeleteFunc(strings.Fields(s), func(word string) bool { return strings.ContainsAny(word, "@<>") })
	return strings.Join(words, " ")
}

// mostAlike is how many recipients in a row a server may refuse in the same
// words: from there on it is the server that speaks of itself.
const mostAlike = 3

// streak is the refusal that recipients had in a row. It is safe for use by
// many goroutines.
type streak struct {
	mu         sync.Mutex
	words      string
	recipients []string
}

// accepted ends the streak: the server takes mail.
func (s *streak) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words, s.recipients = "", nil
}

// refused answers whether enough recipients had this refusal in a row. The same
// recipient counts once, however often it is tried.
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

// pattern is the refusal without what differs from one message to the next:
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

// judge makes of a delivery's error what the outbox acts on.
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
