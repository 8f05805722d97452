package redis_test

import (
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store/redis"
)

// Counters go to Redis, all records stay in the host's Store.
func ExampleOpen() {
	counters, err := redis.Open("redis://127.0.0.1:6379/0", redis.Options{Prefix: "{my-app}:"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer counters.Close()
	config := admit.Config{Counters: counters} // and BaseURL, Secrets, Store, Mailer
	fmt.Println("counters apart:", config.Counters != nil)
	// Output: counters apart: true
}
