package main

import (
	"strings"
	"testing"
)

// A gateway that wants nonces costs one more request: every answer brings the nonce of the next.
func TestNonceOfTheGatewayIsUsed(t *testing.T) {
	p := enrolled(t)
	p.nonces = func(nonce string) bool { return nonce == goodNonce }
	p.in = strings.NewReader("y\n")
	r := p.recover("--print-token")
	r.want(t, exitDone, "")
	if got := p.routes(); got != untilStatement+" /initiate /attest" {
		t.Errorf("routes %q", got)
	}
}

// One that takes no proof whatever is asked once more and not for ever.
func TestGatewayThatTakesNoNonceIsGivenUp(t *testing.T) {
	p := enrolled(t)
	p.nonces = func(string) bool { return false }
	p.in = strings.NewReader("y\n")
	p.recover("--print-token").want(t, exitUnavailable, "nonce")
	if got := p.routes(); got != untilStatement+" /initiate" {
		t.Errorf("routes %q", got)
	}
}
