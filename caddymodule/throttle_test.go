package caddymodule

import (
	"net/netip"
	"testing"
)

const twoAnHour = `"throttle":{"network":{"attempts":2,"per":3600000000000}},"issuer":`

// spend takes attempts of one network until there are none.
func spend(app *App) (n int) {
	for n < 1000 {
		if _, ok := app.limiter.Network(netip.MustParseAddr("203.0.113.7")); !ok {
			return n
		}
		n++
	}
	return n
}

func TestAReloadGivesNobodyAttemptsBack(t *testing.T) {
	privateData(t)
	before, unloadBefore := mustLoad(t, `"issuer":`, twoAnHour)
	if n := spend(before); n != 2 {
		t.Fatalf("%d attempts, want 2", n)
	}
	after, unloadAfter := mustLoad(t, `"issuer":`, twoAnHour)
	unloadBefore()
	if n := spend(after); n != 0 {
		t.Errorf("%d attempts came back with the reload", n)
	}
	if before.limiter.Strangers != after.limiter.Strangers {
		t.Error("two configurations alive have twice the processors")
	}
	unloadAfter()
	if n, ok := limiters.References(after.limiter.key); ok {
		t.Errorf("%d references are left", n)
	}
}

func TestOtherLimitsBeginAnew(t *testing.T) {
	privateData(t)
	before, _ := mustLoad(t, `"issuer":`, twoAnHour)
	spend(before)
	after, _ := mustLoad(t)
	if n := spend(after); n != 30 {
		t.Errorf("%d attempts, want the default of 30", n)
	}
}

// An end before the limiter was made, and a failed Provision, give back no more than was taken.
func TestAFailedProvisionTakesNoShareOfTheLimits(t *testing.T) {
	privateData(t)
	running, _ := mustLoad(t)
	if _, _, err := load(t, goodJSON(t, "RA-2026-014", "")); err == nil {
		t.Fatal("a bad configuration was provisioned")
	}
	if n, _ := limiters.References(running.limiter.key); n != 1 {
		t.Errorf("%d references", n)
	}
}
