package smtp_test

import (
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
