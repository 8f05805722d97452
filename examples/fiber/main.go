// A host on fiber, which is no net/http server. A guard becomes a handler of fiber
// by the function guard below.
package main

import (
	"log"
	"net/http"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

func main() {
	auth, err := newAuth()
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(routes(auth).Listen("127.0.0.1:8080"))
}

// guard makes a guard a middleware of fiber. fiber's own adaptor.HTTPMiddleware
// loses the context of the request, and the user with it.
func guard(require func(http.Handler) http.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		passed := false
		guarded := require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.SetUserContext(r.Context())
		}))
		if err := adaptor.HTTPHandler(guarded)(c); err != nil || !passed {
			return err
		}
		return c.Next()
	}
}

// routes takes middleware of yours that runs before each guarded handler.
func routes(auth *admit.Auth, more ...fiber.Handler) *fiber.App {
	app := fiber.New(fiber.Config{ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute})
	app.Use("/v1", adaptor.HTTPHandler(auth.Handler()))
	app.Use("/.well-known", adaptor.HTTPHandler(auth.Handler()))
	guarded := app.Group("/", guard(auth.RequireUser))
	guarded.Get("/hello", append(more, hello)...)
	guarded.Get("/office", append(append([]fiber.Handler{guard(auth.RequireRole("editor"))}, more...), hello)...)
	return app
}

func hello(c *fiber.Ctx) error {
	user, _ := admit.UserFrom(c.UserContext())
	return c.SendString("hello, " + user.Name + "\n")
}

// newAuth is an Auth on a store that forgets everything; a server of yours takes
// store/sqlite or store/postgres and mailer/smtp.
func newAuth() (*admit.Auth, error) {
	return admit.New(admit.Config{
		BaseURL: "http://127.0.0.1:8080",
		Secrets: admit.SecretFile("fiber.secret"), // made when missing
		Store:   memory.New(),
		Mailer:  mailer.Log{},
	})
}
