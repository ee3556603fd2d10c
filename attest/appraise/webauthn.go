package appraise

import (
	"errors"

	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/webauthn"
)

// partyWish is what is expected of both ceremonies.
type partyWish struct {
	RPID             string   `json:"rp_id"`
	Origins          []string `json:"origins"`
	TopOrigins       []string `json:"top_origins"`
	CrossOrigin      bool     `json:"cross_origin"`
	UserVerification *string  `json:"user_verification"`
}

func (w *partyWish) party() (webauthn.Party, error) {
	p := webauthn.Party{RPIDs: []string{w.RPID}, Origins: w.Origins, TopOrigins: w.TopOrigins, CrossOrigin: w.CrossOrigin}
	if w.UserVerification == nil {
		return p, nil
	}
	switch *w.UserVerification {
	case "required":
	case "preferred":
		p.UnverifiedUser = true
	default:
		return p, errors.New(`user_verification is neither "required" nor "preferred"`)
	}
	return p, nil
}

// registrationClaims is what a registration says.
type registrationClaims struct {
	Format          string `json:"format"`
	AttestationType string `json:"attestation_type"`
	AAGUID          string `json:"aaguid,omitempty"`
	CredentialID    string `json:"credential_id"`
	PublicKey       string `json:"public_key"`
	SignCount       uint32 `json:"sign_count"`
	UserVerified    bool   `json:"user_verified"`
	BackupEligible  bool   `json:"backup_eligible"`
	BackedUp        bool   `json:"backed_up"`
}

// registration is the format webauthn-registration.
func registration(r *Request) (any, error) {
	var want struct {
		partyWish
		attestationWish
		Algorithms []webauthn.Algorithm `json:"algorithms"`
	}
	if err := r.Expect(&want); err != nil {
		return nil, err
	}
	if r.Challenge == nil {
		return nil, errMissing
	}
	party, err := want.party()
	if err != nil {
		return nil, err
	}
	attestation, err := r.attestation(want.attestationWish)
	if err != nil {
		return nil, err
	}
	got, err := webauthn.Register(webauthn.Registration{
		Party: party, Challenge: r.Challenge, Credential: r.evidence, Algorithms: want.Algorithms, Attestation: attestation, Now: r.Now,
	})
	if err != nil {
		return nil, err
	}
	return registrationClaims{
		Format: got.Format, AttestationType: string(got.Type), AAGUID: got.AAGUID,
		CredentialID: encode(got.CredentialID), PublicKey: encode(got.PublicKey), SignCount: got.SignCount,
		UserVerified: got.UserVerified, BackupEligible: got.BackupEligible, BackedUp: got.BackedUp,
	}, nil
}

// attestationWish is what is expected of an attestation.
type attestationWish struct {
	Attestation *string `json:"attestation"`
	TPMVendors  *string `json:"tpm_vendors"`
}

func (r *Request) attestation(w attestationWish) (a webauthn.Attestation, err error) {
	if w.Attestation != nil {
		switch *w.Attestation {
		case "required":
		case "verified":
			a.Demand = webauthn.Verified
		case "any":
			a.Demand = webauthn.Any
		default:
			return a, errors.New(`attestation is none of "required", "verified", "any"`)
		}
	}
	if w.TPMVendors != nil {
		if *w.TPMVendors != "any" {
			return a, errors.New(`tpm_vendors is not "any"`)
		}
		a.AnyTPMVendor = true
	}
	a.Roots = r.Trust.roots
	if r.Trust.status != nil {
		a.AndroidStatus = func() *android.Status { return r.Trust.status }
	}
	a.Metadata, err = r.metadata()
	return a, err
}

// metadata reads FIDO's metadata. It is what the operator configured; one that does not hold vouches for nobody.
func (r *Request) metadata() (*webauthn.Metadata, error) {
	if r.Trust.metadata == "" {
		return nil, nil
	}
	return webauthn.ParseMetadata(r.Trust.metadata, r.Trust.metadataRoots, r.Now)
}

// assertionClaims is what an assertion says.
type assertionClaims struct {
	CredentialID string `json:"credential_id"`
	SignCount    uint32 `json:"sign_count"`
	UserVerified bool   `json:"user_verified"`
	BackedUp     bool   `json:"backed_up"`
}

// assertion is the format webauthn-assertion.
func assertion(r *Request) (any, error) {
	var want struct {
		partyWish
		Credential credentialWish `json:"credential"`
	}
	if err := r.Expect(&want); err != nil {
		return nil, err
	}
	if r.Challenge == nil {
		return nil, errMissing
	}
	party, err := want.party()
	if err != nil {
		return nil, err
	}
	stored, err := want.Credential.stored()
	if err != nil {
		return nil, err
	}
	got, err := webauthn.Assert(webauthn.Assertion{Party: party, Challenge: r.Challenge, Credential: r.evidence, Stored: stored})
	if err != nil {
		return nil, err
	}
	return assertionClaims{encode(got.CredentialID), got.SignCount, got.UserVerified, got.BackedUp}, nil
}

// credentialWish is what is stored of a credential.
type credentialWish struct {
	ID             *string `json:"id"`
	PublicKey      *string `json:"public_key"`
	SignCount      *uint32 `json:"sign_count"`
	BackupEligible *bool   `json:"backup_eligible"`
	UserHandle     *string `json:"user_handle"`
}

func (w *credentialWish) stored() (webauthn.Stored, error) {
	s := webauthn.Stored{SignCount: w.SignCount, BackupEligible: w.BackupEligible}
	if w.PublicKey == nil {
		return s, errMissing
	}
	for _, member := range []struct {
		text *string
		into *[]byte
	}{{w.ID, &s.ID}, {w.PublicKey, &s.PublicKey}, {w.UserHandle, &s.UserHandle}} {
		if member.text == nil {
			continue
		}
		var err error
		if *member.into, err = Bytes(*member.text); err != nil {
			return s, errors.New("credential: a member " + err.Error())
		}
	}
	return s, nil
}
