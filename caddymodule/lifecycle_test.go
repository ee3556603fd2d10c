package caddymodule

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

func references(t *testing.T, app *App) int {
	t.Helper()
	n, _ := stores.References(app.storeDir())
	return n
}

// works tells whether the store of a runtime still answers.
func works(t *testing.T, rt *runtime) {
	t.Helper()
	err := rt.store.Update(t.Context(), func(tx storage.Tx) error { return tx.Put([]byte("probe"), []byte("1"), time.Time{}) })
	if err != nil {
		t.Errorf("the store does not answer: %v", err)
	}
}

func TestValidatingOpensNothing(t *testing.T) {
	data := privateData(t)
	if err := validate(t, mustAdapt(t, goodCaddyfile(t, testOrigin))); err != nil {
		t.Fatal(err)
	}
	if made := files(t, data); len(made) != 0 {
		t.Errorf("made %q", made)
	}
}

// The machine that validates need not have the secrets.
func TestValidatingReadsNoSecret(t *testing.T) {
	privateData(t)
	missing := "{file." + filepath.Join(t.TempDir(), "missing") + "}"
	app, _ := mustLoad(t, `"issuer":`, `"secret":"`+missing+`","issuer":`)
	if err := app.Start(); err == nil || !strings.Contains(err.Error(), missing) || strings.Contains(err.Error(), testSecret) {
		t.Errorf("started without the secret: %v", err)
	}
}

func TestProvisionedAndCleanedUpWithoutStart(t *testing.T) {
	data := privateData(t)
	_, unload := mustLoad(t)
	unload()
	if made := files(t, data); len(made) != 0 {
		t.Errorf("made %q", made)
	}
}

func TestCleanupCopesWithAHalfProvisionedApp(t *testing.T) {
	if err := new(App).Cleanup(); err != nil {
		t.Error(err)
	}
	privateData(t)
	if _, _, err := load(t, goodJSON(t, testOrigin, "http://id.example.com")); err == nil {
		t.Error("provisioned")
	}
}

func TestFirstStartMakesASecretOutsideTheStore(t *testing.T) {
	data := privateData(t)
	app, _ := mustLoad(t)
	mustOpen(t, app)
	path := filepath.Join(data, "caddy", "regrant", "id.example.com.secret")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("secret file: %v %v", info, err)
	}
	if app.storeDir() != filepath.Join(data, "caddy", "regrant", "id.example.com") {
		t.Errorf("store in %s", app.storeDir())
	}
}

func TestRuntimeOpensOnceOnStartOrFirstUse(t *testing.T) {
	privateData(t)
	app, unload := mustLoad(t)
	first, err := app.opener.get(app.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if mustOpen(t, app) != first || references(t, app) != 1 {
		t.Errorf("opened again; %d references", references(t, app))
	}
	unload()
	if references(t, app) != 0 {
		t.Errorf("%d references are left", references(t, app))
	}
	if _, err := app.opener.get(app.ctx); !errors.Is(err, errClosed) {
		t.Errorf("opened after the end: %v", err)
	}
	// The directory is free again.
	again, _ := mustLoad(t)
	works(t, mustOpen(t, again))
}

// A reload starts the new configuration before the old one ends.
func TestTwoConfigurationsAliveShareTheStore(t *testing.T) {
	privateData(t)
	old, unloadOld := mustLoad(t)
	oldRuntime := mustOpen(t, old)
	young, _ := mustLoad(t)
	rt := mustOpen(t, young)
	if references(t, young) != 2 {
		t.Errorf("%d references", references(t, young))
	}
	works(t, oldRuntime)
	works(t, rt)
	unloadOld()
	if references(t, young) != 1 {
		t.Errorf("%d references after the old one ended", references(t, young))
	}
	works(t, rt)
}

func TestFailingReloadLeavesTheStoreOfTheRunningConfiguration(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	rt := mustOpen(t, app)

	if _, _, err := load(t, goodJSON(t, "RA-2026-014", "")); err == nil {
		t.Fatal("a bad configuration was provisioned")
	}
	if references(t, app) != 1 {
		t.Errorf("%d references after a failed Provision", references(t, app))
	}

	_, unload := mustLoad(t) // provisioned, never started: another app failed
	unload()
	started, unload := mustLoad(t)
	mustOpen(t, started)
	unload() // another app failed to start
	if references(t, app) != 1 {
		t.Errorf("%d references after a failed Start", references(t, app))
	}
	works(t, rt)
}

func TestWorkersEndWithTheirConfiguration(t *testing.T) {
	privateData(t)
	app, unload := mustLoad(t)
	rt := mustOpen(t, app)
	unload() // waits for them
	done := make(chan struct{})
	go func() { rt.workers.Wait(); close(done) }()
	select {
	case <-done:
	case <-t.Context().Done():
		t.Error("workers still run")
	}
}

func TestStoreThatCannotOpenNeverFailsStart(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	other, err := badger.Open(badger.Config{Dir: app.storeDir()})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	app.opener.clock = func() time.Time { return now }
	if err := app.Start(); err != nil {
		t.Fatalf("Start: %v", err)
	}
	if _, err := app.opener.get(app.ctx); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("opened a locked store: %v", err)
	}
	if references(t, app) != 0 {
		t.Errorf("%d references to a store that did not open", references(t, app))
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := app.opener.get(app.ctx); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("tried again at once: %v", err)
	}
	now = now.Add(firstPause)
	rt, err := app.opener.get(app.ctx)
	if err != nil {
		t.Fatalf("not opened when it was due: %v", err)
	}
	works(t, rt)
}

// A store made under another secret stays closed: new keys would make everything in
// it unreadable.
func TestWrongSecretOpensNothing(t *testing.T) {
	privateData(t)
	app, unload := mustLoad(t)
	mustOpen(t, app)
	unload()
	other, _ := mustLoad(t, `"issuer":`, `"secret":"`+testSecret+`","issuer":`)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := other.opener.get(other.ctx); err == nil {
		t.Error("opened")
	}
	if references(t, other) != 0 {
		t.Errorf("%d references", references(t, other))
	}
}

func TestOpenerDoublesItsPauses(t *testing.T) {
	now := time.Unix(0, 0)
	tries := 0
	o := newOpener(func(context.Context) (*runtime, error) { tries++; return nil, errors.New("no") }, func() time.Time { return now })
	for range 60 * 60 {
		if _, err := o.get(t.Context()); err == nil {
			t.Fatal("opened")
		}
		now = now.Add(time.Second)
	}
	// 1, 2, 4, ... 32 seconds, then one a minute for the rest of the hour.
	if tries < 60 || tries > 70 {
		t.Errorf("%d tries in an hour", tries)
	}
}

// Traffic that only passes does not queue behind whoever opens.
func TestOpenerNeverWaitsForAnother(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	o := newOpener(func(context.Context) (*runtime, error) { close(entered); <-leave; return nil, errors.New("no") }, time.Now)
	done := make(chan struct{})
	go func() { defer close(done); _, _ = o.get(context.Background()) }()
	<-entered
	if _, err := o.get(t.Context()); !errors.Is(err, errOpening) {
		t.Errorf("got %v", err)
	}
	close(leave)
	<-done
}

// A value that vanishes must not turn into a default or an empty name.
func TestPlaceholdersAreReplacedOnceProvisioned(t *testing.T) {
	privateData(t)
	t.Setenv("REGRANT_TEST_CLIENT", "from-environment")
	app, _ := mustLoad(t, `"id": "idp"`, `"id": "{env.REGRANT_TEST_CLIENT}"`)
	if got := app.realms[0].upstream.brokerClient().ID; got != "from-environment" {
		t.Errorf("client id %q", got)
	}
	if _, _, err := load(t, goodJSON(t, `"id": "idp"`, `"id": "{env.REGRANT_TEST_NOT_SET}"`)); err == nil {
		t.Error("an empty client id was provisioned")
	}
}

func TestAuthorityOfCaddyHasToExist(t *testing.T) {
	privateData(t)
	_, _, err := load(t, goodJSON(t, `"risk_analysis": "RA-2026-014"`, `"risk_analysis": "RA-2026-014", "ca": "devices"`))
	if err == nil || !strings.Contains(err.Error(), "pki { ca ID") {
		t.Errorf("got %v", err)
	}
}

// Caddy does not wait for the last requests of the old servers when it reloads.
func TestALateRequestIsAnsweredByTheConfigurationThatFollowed(t *testing.T) {
	privateData(t)
	before, unloadBefore := mustLoad(t)
	if err := before.Start(); err != nil {
		t.Fatal(err)
	}
	after, unloadAfter := mustLoad(t)
	if err := after.Start(); err != nil {
		t.Fatal(err)
	}
	unloadBefore()
	rt, err := before.runtime()
	if err != nil {
		t.Fatalf("a late request: %v", err)
	}
	works(t, rt)
	unloadAfter()
	if _, err := before.runtime(); !errors.Is(err, errClosed) {
		t.Errorf("after the end of both: %v", err)
	}
}
