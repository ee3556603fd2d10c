package webauthn

import (
	"encoding/json"
	"strconv"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// Begin says which passkey the client is to make. The client has nothing to say first, and nothing need be kept.
func (f *Format) Begin(e attest.Enrolling, _ []byte) (attest.Prompt, error) {
	options, err := json.Marshal(f.creationOptions(e))
	return attest.Prompt{Options: options}, err
}

// Finish judges the passkey that the client made. That its handle is not bound yet, to this account or another, is for the store to see to.
func (f *Format) Finish(e attest.Enrolling, _, body []byte) (attest.Enrolled, error) {
	var m struct {
		Credential credential `json:"credential"`
		Label      string     `json:"label"` // the gateway reads it
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return attest.Enrolled{}, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	if err := m.Credential.check(); err != nil {
		return attest.Enrolled{}, err
	}
	attestation := f.config.Attestation
	if f.config.Metadata != nil {
		attestation.Metadata = f.config.Metadata()
	}
	party := f.party
	party.RPIDs = party.RPIDs[:1]
	r := Registration{Party: party, Challenge: e.Challenge[:], Algorithms: f.config.Algorithms, Attestation: attestation, Now: e.Now}
	got, err := r.judge(&m.Credential)
	if err != nil {
		return attest.Enrolled{}, err
	}
	if attestation.Demand == Required {
		if err := f.config.Models.accept(got, attestation.Metadata != nil); err != nil {
			return attest.Enrolled{}, err
		}
	}
	return enrolled(got, e.UserHandle)
}

func enrolled(got Registered, user []byte) (attest.Enrolled, error) {
	text, err := json.Marshal(reference{
		RPID: got.RPID, PublicKey: got.PublicKey, Algorithm: got.Algorithm, UserHandle: user, BackupEligible: got.BackupEligible,
		UserVerified: got.UserVerified, Transports: got.Transports, Attested: got.Attested, Format: got.Format, AAGUID: got.AAGUID, Path: got.Path,
	})
	if err != nil {
		return attest.Enrolled{}, err
	}
	handle := attest.Handle{
		Value: Handle(got.RPID, got.CredentialID), Reference: text, Counter: got.SignCount, BackedUp: got.BackedUp,
	}
	return attest.Enrolled{
		Handles: []attest.Handle{handle},
		// SP 800-63B-4 section 3.2.13: a key that can be backed up leaves its hardware.
		NonExportable: got.Attested && got.Hardware && !got.BackupEligible,
		Attested:      got.Attested,
		Model:         got.AAGUID,
		Detail: map[string]string{
			"rp_id":              got.RPID,
			"attestation_format": got.Format,
			"attestation_type":   string(got.Type),
			"backup_eligible":    strconv.FormatBool(got.BackupEligible),
		},
	}, nil
}
