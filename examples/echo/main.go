// A host on echo. echo.WrapMiddleware makes a guard its middleware.
package main

import (
	"log"
	"net/http"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
	"github.com/labstack/echo/v4"
)

func main() {
	auth, err := newAuth()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: routes(auth), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	log.Fatal(server.ListenAndServe())
}

// routes takes middleware of yours that runs before each guarded handler.
func routes(auth *admit.Auth, more ...echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Any("/v1/*", echo.WrapHandler(auth.Handler()))
	e.Any("/.well-known/*", echo.WrapHandler(auth.Handler()))
	guarded := e.Group("", echo.WrapMiddleware(auth.RequireUser))
	guarded.GET("/hello", hello, more...)
	guarded.GET("/office", hello, append([]echo.MiddlewareFunc{echo.WrapMiddleware(auth.RequireRole("editor"))}, more...)...)
	return e
}

func hello(c echo.Context) error {
	user, _ := admit.UserFrom(c.Request().Context())
	return c.String(http.StatusOK, "hello, "+user.Name+"\n")
}

// newAuth is an Auth on a store that forgets everything; a server of yours takes
// store/sqlite or store/postgres and mailer/smtp.
func newAuth() (*admit.Auth, error) {
	return admit.New(admit.Config{
		BaseURL: "http://127.0.0.1:8080",
		Secrets: admit.SecretFile("echo.secret"), // made when missing
		Store:   memory.New(),
		Mailer:  mailer.Log{},
	})
}
