package webauthn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
)

// Models says which models of authenticators are accepted, by their AAGUID as RFC 9562 writes it.
type Models struct {
	Allowed []string // none: all that are not denied
	Denied  []string
	Unknown bool // also those that the metadata does not know
}

// check refuses lists that would not be kept: without attestation an authenticator says of itself what it likes.
func (m *Models) check(d Demand) error {
	for _, id := range slices.Concat(m.Allowed, m.Denied) {
		if parsed, err := uuid.Parse(id); err != nil || parsed.String() != id {
			return fmt.Errorf("AAGUID %q is not written as 8-4-4-4-12 lower-case hexadecimal digits", id)
		}
	}
	if d != Required && (len(m.Allowed) > 0 || len(m.Denied) > 0) {
		return errors.New("lists of AAGUIDs need attestation to be required")
	}
	return nil
}

func (m *Models) accept(got Registered, metadata bool) error {
	switch {
	case slices.Contains(m.Denied, got.AAGUID):
		return attest.Refuse(attest.ReasonPolicy, "authenticators of model %s are denied", got.AAGUID)
	case slices.Contains(m.Allowed, got.AAGUID):
		return nil
	case len(m.Allowed) > 0:
		return attest.Refuse(attest.ReasonPolicy, "authenticators of model %s are not allowed", got.AAGUID)
	case metadata && !got.Known && !m.Unknown:
		return attest.Refuse(attest.ReasonPolicy, "metadata does not know the model %s", got.AAGUID)
	}
	return nil
}
