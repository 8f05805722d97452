package smtp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

// providers are what relays say when they refuse, by the step at which they do.
// In the order of the columns: who says it, when, what, and whether it is about
// the mailbox or the text.
var providers = []struct {
	name, line, reply string
	final             bool
}{
	{"SES sandbox", ".", "554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: ada@example.com", false},
	{"SES paused account", ".", "554 Message rejected: Sending paused for this account. For more information, please check the inbox of the email address associated with your AWS account.", false},
	{"SES quota", ".", "454 Throttling failure: Daily message quota exceeded.", false},
	{"SES rate", ".", "454 Throttling failure: Maximum sending rate exceeded.", false},
	{"SES sender", "MAIL", "553 5.1.7 the reverse path is not valid", false},
	{"SES address", "RCPT", "501 5.1.3 Invalid RCPT TO address provided", true},
	{"SES bad text", ".", "554 5.6.0 Transaction failed: Expected MIME type, got ;", true},

	{"Gmail unknown", "RCPT", "550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n550-5.1.1 double-checking the recipient's email address for typos or\r\n550 5.1.1 unnecessary spaces. a1-20020a05600c.25 - gsmtp", true},
	{"Gmail closed", "RCPT", "550-5.2.1 The email account that you tried to reach is disabled. Learn more at\r\n550 5.2.1 https://support.google.com/mail/?p=DisabledUser a1-2002.25 - gsmtp", true},
	{"Gmail full", "RCPT", "552-5.2.2 The email account that you tried to reach is over quota and inactive.\r\n552 5.2.2 Please direct the recipient to a help page. a1-2002.25 - gsmtp", true},
	{"Gmail daily limit", ".", "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to https://support.google.com a1-2002.25 - gsmtp", false},
	{"Gmail daily quota", "DATA", "550 5.4.5 Daily sending quota exceeded a1-2002.25 - gsmtp", false},
	{"Gmail relay", "RCPT", "550-5.7.0 Mail relay denied [192.0.2.7]. Invalid credentials for relay for one of\r\n550 5.7.0 the domains in: app.example. a1-2002.25 - gsmtp", false},
	{"Gmail unsolicited", ".", "550-5.7.1 [192.0.2.7] Our system has detected that this message is likely\r\n550 5.7.1 unsolicited mail. a1-2002.25 - gsmtp", false},
	{"Gmail authentication", ".", "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\r\n550 5.7.26 a1-2002.25 - gsmtp", false},
	{"Gmail sign in", "MAIL", "530-5.7.0 Authentication Required. a1-2002.25 - gsmtp\r\n530 5.7.0 go on", false},

	{"Office 365 send as, old", ".", "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception", false},
	{"Office 365 send as", ".", "554 5.2.252 SendAsDenied; ada@app.example not allowed to send as no-reply@app.example; STOREDRV.Submission.Exception", false},
	{"Office 365 send as, by number alone", ".", "554 5.2.252 5.2.2 refused", false},
	{"Office 365 client", ".", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", false},
	{"Office 365 daily limit", "RCPT", "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", false},
	{"Office 365 bad outbound sender", ".", "550 5.1.8 Access denied, bad outbound sender AS(42004)", false},
	{"Office 365 quota", ".", "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", false},
	{"Office 365 blocked", "RCPT", "550 5.7.606 Access denied, banned sending IP [192.0.2.7]", false},
	{"Office 365 unknown", "RCPT", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", true},
	{"Office 365 text", ".", "554 5.6.0 Corrupt message content", true},

	{"Postmark sender", "MAIL", "550 5.7.1 The 'From' address you supplied is not a Sender Signature on your account.", false},
	{"Postmark inactive", "RCPT", "550 5.2.1 Inactive recipient: the mailbox has bounced before", true},
	{"Postmark pending account", ".", "550 5.7.1 While your account is pending approval, all recipient addresses must share the same domain as the From address.", false},
	{"Postmark credits", ".", "550 5.7.1 You ran out of credits.", false},

	{"relay denied, no code", "RCPT", "550 Relaying denied", false},
	{"relay denied, as an unknown user", "RCPT", "550 relay not permitted: no such user here may send", false},
	{"listed", "RCPT", "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.example", false},
	{"limited, no code", "RCPT", "550 Connection frequency limited", false},
	{"a sender, with the code of a mailbox", "RCPT", "550 5.1.1 Sender address rejected: User unknown in local recipient table", false},
	{"a code of waiting", "RCPT", "550 4.2.2 the mailbox is full", false},
	{"a longer code", "RCPT", "550 5.1.1.9 is no code", false},
	{"text, at the recipient's command", "RCPT", "550 5.6.7 no addresses beyond ASCII", true},
	{"no code, unknown", "RCPT", "550 no such mailbox", true},
	{"no code, unknown, other words", "RCPT", "550 Requested action not taken: User unknown", true},
	{"no code, nothing said", "RCPT", "550 Requested action not taken", false},
	{"qmail", "RCPT", "550 sorry, no mailbox here by that name (#5.1.1)", true},
	{"moved", "RCPT", "551 5.1.6 the mailbox has moved", true},
	{"no mail for this domain", "RCPT", "556 5.1.10 the domain takes no mail", true},
	{"an address with words in it", "RCPT", "550 5.1.1 <relay.sender@example.com> unknown", true},
}

func TestMailWhatIsFinalSpeaksOfTheMailboxOrTheText(t *testing.T) {
	for _, c := range providers {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.misbehave = on(c.line, c.reply)
			m := s.start().mailer()
			err := send(t, m, sample())
			if err == nil || mailer.Permanent(err) != c.final {
				t.Fatalf("permanent is %v, want %v: %v", mailer.Permanent(err), c.final, err)
			}
			// What waits and does not pass by itself is an error in the log.
			if want := !c.final && c.reply[0] == '5'; mailer.NeedsOperator(err) != want {
				t.Errorf("needs an operator is %v, want %v: %v", mailer.NeedsOperator(err), want, err)
			}
			if err := send(t, m, sample()); err != nil {
				t.Errorf("the next message: %v", err)
			}
		})
	}
}

func TestMailWhatFailsBeforeAMessageNeedsAnOperator(t *testing.T) {
	for _, c := range []struct {
		line, reply string
		operator    bool
	}{
		{"CONNECT", "554 5.7.1 this machine is listed", true},
		{"CONNECT", "421 4.3.2 later", false},
		{"STARTTLS", "454 4.7.0 later", false},
		{"AUTH", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled", true},
		{"AUTH", "454 4.7.0 later", false},
	} {
		s := newServer(t)
		s.misbehave = on(c.line, c.reply)
		m := s.start().mailer()
		m.Username, m.Password = "ada", s.password
		if err := send(t, m, sample()); err == nil || mailer.Permanent(err) || mailer.NeedsOperator(err) != c.operator {
			t.Errorf("%s %s: needs an operator is %v: %v", c.line, c.reply, mailer.NeedsOperator(err), err)
		}
	}
}

// sendTo answers what became of a message to each recipient.
func sendTo(t *testing.T, m *Mailer, recipients ...string) (permanent []bool) {
	t.Helper()
	for _, to := range recipients {
		message := sample()
		message.To = to
		permanent = append(permanent, mailer.Permanent(send(t, m, message)))
	}
	return permanent
}

func TestMailTheSameReplyToThreeRecipientsInARowIsAboutNoneOfThem(t *testing.T) {
	s := newServer(t)
	count, refuse := 0, true
	s.misbehave = func(_ int, line string) string {
		if !refuse || !strings.HasPrefix(line, "RCPT") {
			return ""
		}
		count++
		// As servers do: the recipient and a number of its own in every answer.
		return fmt.Sprintf("550 5.1.1 %s: no such user, queue id A%d", strings.TrimPrefix(line, "RCPT TO:"), count)
	}
	m := s.start().mailer()
	want := func(what string, got []bool, want ...bool) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: permanent is %v, want %v", what, got, want)
		}
	}
	want("one recipient, however often", sendTo(t, m, "a@example.com", "a@example.com", "A@example.com", "a@example.com"), true, true, true, true)
	want("three", sendTo(t, m, "b@example.com", "c@example.com", "d@example.com"), true, false, false)
	want("the first again", sendTo(t, m, "a@example.com"), false)
	s.note(func() { refuse = false })
	want("one is taken", sendTo(t, m, "e@example.com"), false)
	s.note(func() { refuse = true })
	want("the server takes mail again", sendTo(t, m, "a@example.com", "b@example.com"), true, true)
}

func TestMailAnotherReplyEndsTheRow(t *testing.T) {
	s := newServer(t)
	replies := []string{"550 5.1.1 unknown", "550 5.1.1 unknown", "552 5.2.2 the mailbox is full", "550 5.1.1 unknown"}
	s.misbehave = func(_ int, line string) string {
		if !strings.HasPrefix(line, "RCPT") {
			return ""
		}
		reply := replies[0]
		replies = replies[1:]
		return reply
	}
	for i, permanent := range sendTo(t, s.start().mailer(), "a@example.com", "b@example.com", "c@example.com", "d@example.com") {
		if !permanent {
			t.Errorf("message %d was told to wait", i)
		}
	}
}
