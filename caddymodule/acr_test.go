package caddymodule

import (
	"strings"
	"testing"
)

// Nobody with a second factor could bind anything, and no operator would know why.
func TestAnOperatorIsWarnedWhereNoClassProvesTwoFactors(t *testing.T) {
	for name, c := range map[string]struct {
		acr    signIns
		warned bool
	}{
		"none":       {nil, true},
		"one factor": {signIns{"silver": {AAL: 1}}, true},
		"two":        {signIns{"silver": {AAL: 1}, "gold": {AAL: 2}}, false},
	} {
		k := Keycloak{URL: "https://keycloak.internal", ACR: c.acr}
		if said := strings.Join(k.warnings(), "\n"); strings.Contains(said, "no acr proves two factors") != c.warned {
			t.Errorf("%s: %q", name, said)
		}
	}
}
