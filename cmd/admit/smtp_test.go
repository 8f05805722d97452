package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// mailServer speaks as much SMTP as taking, or refusing, one mail needs.
func mailServer(t *testing.T, answerToRecipient string) (address string, received chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	received = make(chan string, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		fmt.Fprint(c, "220 test\r\n")
		var data strings.Builder
		for inData := false; ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			switch command := strings.ToUpper(strings.TrimSpace(line)); {
			case inData && command == ".":
				inData = false
				received <- data.String()
				fmt.Fprint(c, "250 queued\r\n")
			case inData:
				data.WriteString(line)
			case strings.HasPrefix(command, "RCPT"):
				fmt.Fprint(c, answerToRecipient+"\r\n")
			case command == "DATA":
				inData = true
				fmt.Fprint(c, "354 go on\r\n")
			case command == "QUIT":
				fmt.Fprint(c, "221 bye\r\n")
				return
			default:
				fmt.Fprint(c, "250 ok\r\n")
			}
		}
	}()
	return listener.Addr().String(), received
}

func TestMailTestSendsOneAndTellsWhatTheServerSays(t *testing.T) {
	s := newScene(t)
	address, received := mailServer(t, "250 ok")
	said := s.ok("mail", "test", "ann@example.com", "--smtp", address, "--from", "App <no-reply@app.example>", "--insecure-plaintext")
	if mail := <-received; !strings.Contains(mail, "To: ") || !strings.Contains(mail, "ann@example.com") || !strings.Contains(said, "ann@example.com") {
		t.Errorf("%s\n%s", said, mail)
	}
	address, _ = mailServer(t, "554 5.7.1 Email address is not verified")
	s.fails(1, []string{"did not take the mail", "not verified"}, "mail", "test", "ann@example.com", "--smtp", address, "--from", "no-reply@app.example", "--insecure-plaintext")
	s.fails(2, []string{"--smtp", "--from"}, "mail", "test", "ann@example.com")
	s.fails(2, []string{"ADMIT_SMTP_PASSWORD"}, "mail", "test", "ann@example.com", "--smtp", address, "--from", "no-reply@app.example", "--smtp-user", "app")
}
