// A host on gin. A guard becomes a handler of gin by the function guard below.
package main

import (
	"log"
	"net/http"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
	"github.com/gin-gonic/gin"
)

func main() {
	auth, err := newAuth()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: routes(auth), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	log.Fatal(server.ListenAndServe())
}

// guard makes a guard a middleware of gin. A guard that refuses has answered, so
// the handlers that follow must not run: gin runs them all unless it is told to
// abort.
func guard(require func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.Request = r // its context knows the user
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
		}
	}
}

// routes takes middleware of yours that runs before each guarded handler.
func routes(auth *admit.Auth, more ...gin.HandlerFunc) http.Handler {
	r := gin.New()
	r.Any("/v1/*path", gin.WrapH(auth.Handler()))
	r.Any("/.well-known/*path", gin.WrapH(auth.Handler()))
	guarded := r.Group("/", guard(auth.RequireUser))
	guarded.GET("/hello", append(more, hello)...)
	// RequireRole("admin") also lets secret keys pass. RequireUser before it takes
	// people alone.
	guarded.GET("/people", guard(auth.RequireRole("admin")), hello)
	guarded.GET("/office", append(append([]gin.HandlerFunc{guard(auth.RequireRole("editor"))}, more...), hello)...)
	return r
}

func hello(c *gin.Context) {
	user, ok := admit.UserFrom(c.Request.Context())
	if !ok { // a key without a user, where the route has no RequireUser
		c.String(http.StatusOK, "hello, program\n")
		return
	}
	c.String(http.StatusOK, "hello, %s\n", user.Name)
}

// newAuth is an Auth on a store that forgets everything; a server of yours takes
// store/sqlite or store/postgres and mailer/smtp.
func newAuth() (*admit.Auth, error) {
	return admit.New(admit.Config{
		BaseURL: "http://127.0.0.1:8080",
		Secrets: admit.SecretFile("gin.secret"), // made when missing
		Store:   memory.New(),
		Mailer:  mailer.Log{},
	})
}
