package webauthn

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"time"

	gowebauthn "github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/regrant/regrant/attest"
)

// timeout is how long the client may take, as long as a statement lives.
const timeout = int(attest.MaxAge / time.Millisecond)

// requestOptions are PublicKeyCredentialRequestOptionsJSON, and beside them all RP IDs. A page puts another one in the place of rpId for a
// person whose passkey was made there.
type requestOptions struct {
	gowebauthn.PublicKeyCredentialRequestOptions
	RPIDs []string `json:"rpIds"`
}

// Prompt asks for any passkey that can be discovered: no credential is named, so that the options say nothing about the account.
func (f *Format) Prompt(st attest.Statement) ([]byte, error) { return f.prompt(st, nil) }

// prompt names credentials, for whichever RP ID they are; none: any that can be discovered.
func (f *Format) prompt(st attest.Statement, ids [][]byte) ([]byte, error) {
	challenge := sha256.Sum256([]byte(st.Text()))
	return json.Marshal(requestOptions{
		PublicKeyCredentialRequestOptions: gowebauthn.PublicKeyCredentialRequestOptions{
			Challenge: challenge[:], Timeout: timeout, RelyingPartyID: f.config.RPIDs[0], UserVerification: gowebauthn.VerificationRequired,
			AllowedCredentials: descriptors(ids),
		},
		RPIDs: f.config.RPIDs,
	})
}

// creationOptions are PublicKeyCredentialCreationOptionsJSON.
func (f *Format) creationOptions(e attest.Enrolling) gowebauthn.PublicKeyCredentialCreationOptions {
	name := gowebauthn.CredentialEntity{Name: e.Name}
	required, discoverable := gowebauthn.ResidentKeyRequired(), gowebauthn.ResidentKeyRequirementRequired
	if f.config.AllowCredentials { // the others are named
		required, discoverable = gowebauthn.ResidentKeyNotRequired(), gowebauthn.ResidentKeyRequirementPreferred
	}
	return gowebauthn.PublicKeyCredentialCreationOptions{
		RelyingParty: gowebauthn.RelyingPartyEntity{CredentialEntity: gowebauthn.CredentialEntity{Name: f.config.Name}, ID: f.config.RPIDs[0]},
		User:         gowebauthn.UserEntity{CredentialEntity: name, DisplayName: e.Name, ID: gowebauthn.URLEncodedBase64(e.UserHandle)},
		Challenge:    e.Challenge[:],
		Parameters:   f.parameters(),
		Timeout:      timeout,
		AuthenticatorSelection: gowebauthn.AuthenticatorSelection{
			RequireResidentKey: required,
			ResidentKey:        discoverable,
			UserVerification:   gowebauthn.VerificationRequired,
		},
		CredentialExcludeList: f.excluded(e.Bound),
		Attestation:           f.conveyance(),
	}
}

func (f *Format) parameters() []gowebauthn.CredentialParameter {
	asked := f.config.Algorithms
	if asked == nil {
		asked = DefaultAlgorithms
	}
	var list []gowebauthn.CredentialParameter
	for _, a := range asked {
		list = append(list, gowebauthn.CredentialParameter{
			Type: gowebauthn.PublicKeyCredentialType, Algorithm: webauthncose.COSEAlgorithmIdentifier(a),
		})
	}
	return list
}

// excluded names the passkeys that the account has for the RP ID, so that no authenticator makes a second one.
func (f *Format) excluded(handles [][]byte) []gowebauthn.CredentialDescriptor {
	var ids [][]byte
	for _, handle := range handles {
		if id, ours := bytes.CutPrefix(handle, f.prefixes[0]); ours {
			ids = append(ids, id)
		}
	}
	return descriptors(ids)
}

// conveyance asks for an attestation only where one is judged: it tells apart people by their devices.
func (f *Format) conveyance() gowebauthn.ConveyancePreference {
	if f.config.Attestation.Demand == Any {
		return gowebauthn.PreferNoAttestation
	}
	return gowebauthn.PreferDirectAttestation
}
