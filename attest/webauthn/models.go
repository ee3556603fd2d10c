package webauthn

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
)

// Models says which models of authenticators are accepted, by their AAGUID as RFC 9562 writes it.
type Models struct {
	Allowed []string // none: all that are not denied
	Denied  []string
	Unknown bool // also those that the metadata does not know
}

// check refuses lists that would not be kept: without attestation an authenticator says of itself what it likes, and one of zeros says nothing.
func (m *Models) check(d Demand) error {
	for _, id := range slices.Concat(m.Allowed, m.Denied) {
		if parsed, err := uuid.Parse(id); err != nil || parsed.String() != id || parsed == uuid.Nil {
			return fmt.Errorf("AAGUID %q is not written as 8-4-4-4-12 lower-case hexadecimal digits, not all of them 0", id)
		}
	}
	if d != Required && (len(m.Allowed) > 0 || len(m.Denied) > 0) {
		return errors.New("lists of AAGUIDs need attestation to be required")
	}
	return nil
}

func (m *Models) accept(got Registered, metadata bool) error {
	if err := m.deny(got.AAGUID); err != nil {
		return err
	}
	switch {
	case slices.Contains(m.Allowed, got.AAGUID):
		return nil
	case len(m.Allowed) > 0:
		return attest.Refuse(attest.ReasonPolicy, "authenticators of model %s are not allowed", got.AAGUID)
	case metadata && !got.Known && !m.Unknown:
		return attest.Refuse(attest.ReasonPolicy, "metadata does not know the model %s", got.AAGUID)
	}
	return nil
}

func (m *Models) deny(aaguid string) error {
	if slices.Contains(m.Denied, aaguid) {
		return attest.Refuse(attest.ReasonPolicy, "authenticators of model %s are denied", aaguid)
	}
	return nil
}

// stillGood refuses a passkey whose model was denied or found to be broken after it was bound. What is overdue vouches for nobody new, and yet
// what it says against a model holds: so no owner is locked out because a file was not updated, and nobody let in.
func (f *Format) stillGood(ref *reference, now time.Time) error {
	if ref.AAGUID == "" {
		return nil // nobody vouched for what it is
	}
	if err := f.config.Models.deny(ref.AAGUID); err != nil {
		return err
	}
	if f.config.Metadata == nil {
		return nil
	}
	aaguid, err := uuid.Parse(ref.AAGUID)
	if err != nil {
		return fmt.Errorf("stored passkey: %w", err)
	}
	return f.config.Metadata().model(aaguid).acceptable(ref.Path, now)
}
