package webauthn

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

const (
	maxObject     = 64 << 10 // bytes of an attestation object, which carries certificates
	maxUserHandle = 64
)

// byteString is bytes in a JSON string: base64url without padding, or base64 with padding.
type byteString []byte

var encodings = []*base64.Encoding{base64.RawURLEncoding.Strict(), base64.StdEncoding.Strict()}

// UnmarshalText reads the one form of the bytes in either alphabet.
func (b *byteString) UnmarshalText(text []byte) error {
	for _, e := range encodings {
		if data, err := e.AppendDecode(make([]byte, 0, len(text)), text); err == nil && !bytes.ContainsAny(text, "\r\n") {
			*b = data
			return nil
		}
	}
	return errors.New("not base64url without padding nor base64 with padding")
}

// credential is a PublicKeyCredential as its toJSON() gives it (section 5.1). Members that repeat for convenience what is also in the signed
// parts are not read, nor are those that a later client may add: only what is signed says anything.
type credential struct {
	ID       string         `json:"id"`
	RawID    byteString     `json:"rawId"`
	Type     string         `json:"type"`
	Response response       `json:"response"`
	Others   jsontext.Value `json:",embed"`
}

// response is that of either ceremony.
type response struct {
	ClientData        byteString     `json:"clientDataJSON"`
	AttestationObject byteString     `json:"attestationObject"`
	AuthenticatorData byteString     `json:"authenticatorData"`
	Signature         byteString     `json:"signature"`
	UserHandle        *byteString    `json:"userHandle"`
	Transports        []string       `json:"transports"`
	Others            jsontext.Value `json:",embed"`
}

func parseCredential(text []byte) (*credential, error) {
	var c credential
	if err := strictjson.Decode(text, &c); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "credential: %v", err)
	}
	return &c, c.check()
}

// check holds what is not signed to its form.
func (c *credential) check() error {
	switch {
	case c.Type != "public-key":
		return attest.Refuse(attest.ReasonMalformed, "credential is not of type public-key")
	case c.ID != base64.RawURLEncoding.EncodeToString(c.RawID):
		return attest.Refuse(attest.ReasonMalformed, "id is not rawId in base64url")
	case len(c.RawID) == 0 || len(c.RawID) > maxCredentialID:
		return attest.Refuse(attest.ReasonMalformed, "credential id of %d bytes", len(c.RawID))
	case len(c.Response.AttestationObject) > maxObject || len(c.Response.AuthenticatorData) > maxObject:
		return attest.Refuse(attest.ReasonMalformed, "response is too large")
	}
	return nil
}

// checkUserHandle refuses a user handle that no relying party can have given (section 4): an empty one is not one that is missing.
func (r *response) checkUserHandle() error {
	if h := r.UserHandle; h != nil && (len(*h) == 0 || len(*h) > maxUserHandle) {
		return attest.Refuse(attest.ReasonMalformed, "user handle of %d bytes", len(*h))
	}
	return nil
}
