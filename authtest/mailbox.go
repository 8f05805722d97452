package authtest

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Mailbox has every message that an Auth has sent, whomever to. Mail is sent
// after the answer to the request that causes it. Each method waits for all mail
// that is due before it looks, so that what is there is all there is.
type Mailbox struct {
	t    testing.TB
	auth *admit.Auth
	// recorder is nil where the host's own mailer took its place.
	recorder *mailer.Recorder
	store    store.Outbox
	now      func() time.Time

	mu sync.Mutex
	// thrown are the ids of messages that no test asked for.
	thrown map[string]bool
}

// Messages returns all messages, the newest first: none where none was sent.
func (m *Mailbox) Messages() []mailer.Message {
	m.t.Helper()
	if m.recorder == nil {
		m.t.Fatal("Config.Mailer was replaced, so no message comes into this mailbox")
	}
	m.settle()
	recorded := m.recorder.Messages()
	m.mu.Lock()
	defer m.mu.Unlock()
	messages := make([]mailer.Message, 0, len(recorded))
	for _, message := range recorded {
		if !m.thrown[message.ID] {
			messages = append(messages, message.Message)
		}
	}
	return messages
}

// throw makes the mailbox leave out what has been sent to an address so far.
func (m *Mailbox) throw(address string) {
	m.t.Helper()
	if m.recorder == nil {
		return
	}
	m.settle()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range m.recorder.Messages() {
		if message.To == address {
			m.thrown[message.ID] = true
		}
	}
}

// Last returns the newest message to an address, in whatever case it is
// written. The test fails where there is none.
func (m *Mailbox) Last(address string) mailer.Message {
	m.t.Helper()
	messages := m.Messages()
	i := slices.IndexFunc(messages, func(message mailer.Message) bool { return strings.EqualFold(message.To, address) })
	if i < 0 {
		m.t.Fatalf("none of %d messages is to %s", len(messages), address)
	}
	return messages[i]
}

// Link returns the link in the newest message to an address. The token in it is
// Link(address).Query().Get("token"). The test fails where there is none.
func (m *Mailbox) Link(address string) *url.URL {
	m.t.Helper()
	message := m.Last(address)
	link, err := url.Parse(message.Values.Link)
	if err != nil || message.Values.Link == "" {
		m.t.Fatalf("the newest message to %s, %s, has no link", address, message.Kind)
	}
	return link
}

// Code returns the code that is typed instead of following the link, from the
// newest message to an address. The test fails where there is none.
func (m *Mailbox) Code(address string) string {
	m.t.Helper()
	message := m.Last(address)
	if message.Values.Code == "" {
		m.t.Fatalf("the newest message to %s, %s, has no code", address, message.Kind)
	}
	return message.Values.Code
}

// settle waits until no mail is due. It does not wait for a mailer of the host:
// that may wait for the test.
func (m *Mailbox) settle() {
	m.t.Helper()
	if m.recorder == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		due, err := m.due(ctx)
		if ctx.Err() == nil && (due == 0 || err != nil) {
			return
		}
		m.auth.Start() // what another process has queued wakes nobody here
		select {
		case <-ctx.Done():
			m.t.Errorf("%d messages still wait to be sent after %v", due, patience)
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// due counts the messages that are to be sent by now, with those that are being
// sent. It fails where a test makes the store fail.
func (m *Mailbox) due(ctx context.Context) (n int, err error) {
	if next, err := m.store.NextMail(ctx, "", store.QueueMail); err != nil || next.IsZero() {
		return 0, err
	}
	// The time of a message that is being sent is that of its lease.
	waiting, _, err := m.store.ListMail(ctx, "", store.QueueMail, false, store.Page{Number: 1, Limit: 10_000})
	for _, mail := range waiting {
		if !mail.NextAt.After(m.now()) {
			n++
		}
	}
	return n, err
}
