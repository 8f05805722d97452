package smtp_test

import (
	"context"
	"fmt"

	"github.com/admit-go/admit/mailer/smtp"
)

// The Mailer of a Config, by pointer. New validates it and reports everything
// that is wrong beside the problems of the rest.
func ExampleMailer() {
	m := &smtp.Mailer{
		Addr:     "smtp.example:587",
		From:     "App <no-reply@app.example>",
		Username: "app",
		Password: "from the environment",
	}
	fmt.Println(m, m.Validate())

	m.Addr, m.Password = "smtp.example:mail", ""
	fmt.Println(m.Validate())
	// Output:
	// smtp server smtp.example:587 <nil>
	// Addr "smtp.example:mail": the port must be a number from 1 to 65535
	// Username and Password must be given both or neither
}

// A server that takes OAuth 2.0 access tokens alone, as Office 365 does, and a
// provider's header that tells streams of mail apart.
func ExampleXOAUTH2() {
	token := func(context.Context) (string, error) { return "from the provider's library", nil }
	m := &smtp.Mailer{
		Addr:           "smtp.office365.com:587",
		From:           "App <no-reply@app.example>",
		ReplyTo:        "Help <help@app.example>",
		EnvelopeSender: "bounces@app.example",
		Headers:        map[string]string{"X-PM-Message-Stream": "outbound"},
		Username:       "no-reply@app.example",
		Auth:           smtp.XOAUTH2(token),
	}
	fmt.Println(m.Validate())
	// Output: <nil>
}
