package caddymodule

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/upstream"
)

// DeviceIdentity is the rule by which a certificate names an account.
type DeviceIdentity struct {
	// The kind of subject alternative name: `uri`, `email` or `dns`.
	Name string `json:"name,omitempty"`

	// A regular expression (RE2) with one group, which the whole name has to match:
	// what is in the group is the account's identifier at the identity provider.
	// Exactly one name of the certificate may match.
	Pattern string `json:"pattern,omitempty"`
}

// unmarshalIdentity parses 'identity uri|email|dns <regexp>'.
func (m *DeviceCertificate) unmarshalIdentity(d *caddyfile.Dispenser) error {
	if m.Identity != nil {
		return twice(d)
	}
	m.Identity = new(DeviceIdentity)
	return readOnce(d, &m.Identity.Name, &m.Identity.Pattern)
}

// rule is the rule; nil where there is none.
func (i *DeviceIdentity) rule() (*devicecert.Identity, error) {
	if i == nil {
		return nil, nil
	}
	rule, err := devicecert.NewIdentity(i.Name, i.Pattern)
	if err != nil {
		return nil, fmt.Errorf("identity %s %q: %w", i.Name, i.Pattern, err)
	}
	return rule, nil
}

// checkAsked checks that the identity provider can be asked which account a name means.
func (i *DeviceIdentity) checkAsked(facts upstream.Facts) error {
	if i != nil && !facts.Admin {
		return errors.New("identity of method device_certificate needs an identity provider that can be asked for accounts: leave it out, and enrol devices with activation codes")
	}
	return nil
}
