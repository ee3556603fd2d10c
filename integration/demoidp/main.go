// Command demoidp is a small identity provider for demos and tests. It stands for any provider that can broker a login
// to another one, and has no administration interface that the gateway could use.
//
// Its users sign in with a password. "Forgot password?" sends them to the OpenID provider of the gateway, as Keycloak's
// identity-provider-redirector does; whoever comes back with an ID token is signed in as the user that the subject is linked
// to, every older session of that user ends, and a new password must be set before anything else. To applications it is itself
// an OpenID provider (authorization code with PKCE).
//
// Everything is kept in memory and starts anew with the process. It is not made for real accounts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	file := flag.String("config", "", "configuration `FILE`, see type config")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *file, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demoidp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string, log *slog.Logger) error {
	c, err := loadConfig(file)
	if err != nil {
		return fmt.Errorf("loading configuration: %v", err)
	}
	s, err := newServer(c, time.Now, log)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: c.Addr, Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	}()
	log.Info("serving", "addr", c.Addr, "origin", c.Origin)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
