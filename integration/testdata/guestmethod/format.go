package voucher

import (
	"crypto/ed25519"
	"encoding/base64"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/attest"
)

const method attest.Method = "voucher"

// Format judges vouchers. The office signs
//
//	voucher for E-1234
//	<the statement of the recovery>
//
// so that its word is good for one person, one recovery and one holder. Nothing has to be stored but which person an account belongs to.
type Format struct {
	key   ed25519.PublicKey
	keyed func(parts ...[]byte) []byte
}

var _ attest.Enroller = (*Format)(nil)

// voucher is the evidence, and with other members beside it the end of an enrolment.
type voucher struct {
	Method    string `json:"method"`
	Person    string `json:"person"`
	Signature string `json:"signature"` // base64url
}

// parse reads what anybody may have sent: what is there twice, or unknown, is refused. The gateway bounds the size.
func parse(body []byte) (v voucher, err error) {
	if err := json.Unmarshal(body, &v, json.RejectUnknownMembers(true)); err != nil {
		return v, attest.Refuse(attest.ReasonMalformed, "not a voucher")
	}
	if v.Person == "" || len(v.Person) > 64 {
		return v, attest.Refuse(attest.ReasonMalformed, "no person is named")
	}
	return v, nil
}

// Method is the name on the wire, the module's with hyphens for underscores.
func (*Format) Method() attest.Method { return method }

// Locate says under which handle an account is stored. The keyed hash keeps the person's number out of the store.
func (f *Format) Locate(body []byte, _ string) ([]byte, error) {
	v, err := parse(body)
	if err != nil {
		return nil, err
	}
	return f.keyed([]byte("person"), []byte(v.Person)), nil
}

// Verify does the same work whether an account is bound or not.
func (f *Format) Verify(in attest.Input) (attest.Claims, error) {
	v, err := parse(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	if err := f.check(v, string(in.Challenge)); err != nil {
		return attest.Claims{}, err
	}
	return attest.Claims{Handle: f.keyed([]byte("person"), []byte(v.Person))}, nil
}

func (f *Format) check(v voucher, text string) error {
	signature, err := base64.RawURLEncoding.DecodeString(v.Signature)
	if err != nil {
		return attest.Refuse(attest.ReasonMalformed, "signature is not base64url")
	}
	if !ed25519.Verify(f.key, []byte("voucher for "+v.Person+"\n"+text), signature) {
		return attest.Refuse(attest.ReasonSignature, "the office did not sign this")
	}
	return nil
}

// Begin asks for nothing: the client is told the text to be signed anyway.
func (*Format) Begin(attest.Enrolling, []byte) (attest.Prompt, error) {
	return attest.Prompt{Options: []byte(`{}`)}, nil
}

// Finish takes a voucher over the text of the enrolment: the office says which person the account belongs to.
func (f *Format) Finish(e attest.Enrolling, _, body []byte) (attest.Enrolled, error) {
	v, err := parse(body)
	if err != nil {
		return attest.Enrolled{}, err
	}
	if err := f.check(v, attest.EnrolmentText(e, method)); err != nil {
		return attest.Enrolled{}, err
	}
	return attest.Enrolled{Handles: []attest.Handle{{Value: f.keyed([]byte("person"), []byte(v.Person))}}}, nil
}
