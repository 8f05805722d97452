package otel_test

import (
	"fmt"

	"github.com/admit-go/admit"
	admitotel "github.com/admit-go/admit/otel"
)

// The configuration is instrumented right before New takes it.
func ExampleInstrument() {
	config := admit.Config{} // with BaseURL, Secrets, Store and Mailer
	if err := admitotel.Instrument(&config, admitotel.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("requests are watched:", config.Instrument.RequestEnded != nil)
	// Output: requests are watched: true
}
