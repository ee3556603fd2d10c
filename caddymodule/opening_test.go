package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

// Caddy starts its servers beside the other apps: a request can be there before the runtime is.
func TestARequestThatNeedsTheRuntimeWaitsForItsOpening(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	app.opener = newOpener(func(ctx context.Context) (*runtime, error) { close(entered); <-leave; return app.open(ctx) }, time.Now)
	started := make(chan error, 1)
	go func() { started <- app.Start() }()
	<-entered
	hurried, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := app.awaitRuntime(hurried, errOpening); !errors.Is(err, errOpening) {
		t.Errorf("whoever left got %v", err)
	}
	if _, passed, err := serve(t, app, http.MethodGet, "/realms/acme/account"); err != nil || passed == nil { // for which nobody waits
		t.Errorf("what only passes: %v, %v", passed, err)
	}
	answered := make(chan int, 1)
	go func() {
		w, _, _ := serve(t, app, http.MethodGet, "/recovery/jwks.json")
		answered <- w.Code
	}()
	opened := make(chan *runtime, 1)
	go func() {
		rt, _ := app.awaitRuntime(t.Context(), errOpening)
		opened <- rt
	}()
	close(leave)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	works(t, <-opened)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("what needs the runtime: %d", status)
	}
	if _, err := app.awaitRuntime(t.Context(), errClosed); !errors.Is(err, errClosed) {
		t.Errorf("another reason: %v", err)
	}
}
