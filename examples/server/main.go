// Server is a host with everything switched on: what a reader copies from and
// what end-to-end tests drive. It holds no authentication logic, only wiring,
// flags and routes of its own.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/avatar"
	"github.com/admit-go/admit/store/diskblob"
)

// drainTime is how long requests and mail may take once the server is told to
// stop.
const drainTime = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	var usage *usageError
	switch {
	case errors.Is(err, flag.ErrHelp): // it was shown
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "%v\n-h shows every flag.\n", err)
		os.Exit(2)
	case err != nil:
		slog.Error("the server ended", "error", err)
		os.Exit(1)
	}
}

// usageError is a flag or a configuration that cannot work.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	options, wrong := parseFlags(args, stderr)
	if errors.Is(wrong, flag.ErrHelp) {
		return wrong
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	slog.SetDefault(logger)

	// What is wrong is gathered, so that all of it can be mended at once.
	given := options.baseURL != ""
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", options.addr)
	if err != nil {
		wrong = errors.Join(wrong, fmt.Errorf("-addr %q: %w; give host:port, such as 127.0.0.1:8080", options.addr, err))
		options.baseURL = cmp.Or(options.baseURL, "http://127.0.0.1")
	} else {
		defer listener.Close()
		options.baseURL = cmp.Or(options.baseURL, "http://"+listener.Addr().String())
	}
	var bound net.Addr
	if listener != nil {
		bound = listener.Addr()
	}
	if !given && bound != nil && !isLoopback(bound.String()) {
		wrong = errors.Join(wrong, errors.New("-base-url: must be given where -addr is no loopback address: links in mails start with it"))
		options.baseURL = "http://127.0.0.1"
	}
	wrong = errors.Join(wrong, options.mayShowMail(bound))
	stopDev, err := options.providers.startDev(bound, options.signInPage(), stdout)
	wrong = errors.Join(wrong, err)
	defer func() { _ = stopDev() }()
	database, err := openStore(options.store)
	if err != nil {
		wrong = errors.Join(wrong, fmt.Errorf("-store: %w", err))
	}
	defer database.close()
	mail, mailbox := options.mailer()
	config := options.config(database.store, mail, logger)
	if options.pictures != "" {
		pictures, err := diskblob.Open(options.pictures)
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("-pictures %q: %w; give a folder", options.pictures, err))
		} else {
			defer pictures.Close()
		}
		config.Blobs, config.Avatars = pictures, &avatar.Engine{}
	}
	auth, err := admit.New(config)
	if err := errors.Join(wrong, err); err != nil {
		return &usageError{err}
	}
	if err := database.migrate(ctx); err != nil {
		return fmt.Errorf("-store cannot be used; see whether the server of the database runs, or the folder of the file exists: %w", err)
	}
	if err := prepare(ctx, auth, options, stdout); err != nil {
		return errors.Join(err, auth.Close(context.WithoutCancel(ctx)))
	}
	auth.Start()

	server := &http.Server{
		Handler:           routes(auth, options, database.store, mailbox),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	if options.pages && options.admin != "" {
		fmt.Fprintf(stdout, "console: %s/console/\n", options.baseURL)
	}

	select {
	case err := <-served:
		return errors.Join(err, auth.Close(context.WithoutCancel(ctx)))
	case <-ctx.Done():
	}
	logger.Info("stopping")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := errors.Join(server.Shutdown(drain), auth.Close(drain)); err != nil {
		// The time is up, which is no failure: mail that waits is in the store.
		logger.Warn("stopped before everything was done", "error", err)
	}
	return nil
}
