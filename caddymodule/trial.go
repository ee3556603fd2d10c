package caddymodule

import (
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/webauthn"
	"github.com/regrant/regrant/internal/trial/person"
)

// trialMethods are the fewest methods that are enough together and that a program can hold without any hardware. None: there are no such.
func (a *App) trialMethods(enough func([]attest.Method) bool) []attest.Method {
	var soft []attest.Method
	for _, m := range person.Makeable() {
		if a.has(m) && a.inSoftware(m) {
			soft = append(soft, m)
		}
	}
	for i, one := range soft {
		if enough([]attest.Method{one}) {
			return []attest.Method{one}
		}
		for _, other := range soft[:i] {
			if pair := []attest.Method{other, one}; enough(pair) {
				return pair
			}
		}
	}
	return nil
}

// inSoftware tells whether the options of a method let a program be the authenticator.
func (a *App) inSoftware(m attest.Method) bool {
	switch m {
	case attest.MethodPasskey:
		return demands[a.passkey.Attestation] == webauthn.Any
	case attest.MethodSSHKey:
		return !slices.ContainsFunc(a.methods, func(c method) bool {
			key, ok := c.guest.(*SSHKey)
			return ok && key.UserVerification
		})
	default:
		return true
	}
}
