package recoverykey

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

const maxSignature = 2 << 10 // characters; RSA of 8192 bits needs 1366

// message is a proof as it is written.
type message struct {
	Method    string         `json:"method"`
	PublicKey jsontext.Value `json:"public_key,omitempty"`
	DID       string         `json:"did,omitempty"`
	Algorithm string         `json:"algorithm"`
	Signature string         `json:"signature"`
}

// evidence is the parsed Evidence. Nothing in it is verified.
type evidence struct {
	key       *Key
	algorithm string
	signature []byte
}

func parseEvidence(body []byte) (*evidence, error) {
	var m message
	if err := strictjson.Decode(body, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	if m.Method != string(attest.MethodRecoveryKey) {
		return nil, attest.Refuse(attest.ReasonMalformed, "method is not %s", attest.MethodRecoveryKey)
	}
	return m.parse()
}

func (m *message) parse() (*evidence, error) {
	key, err := ParseKey(m.PublicKey, m.DID)
	if err != nil {
		return nil, err
	}
	if len(m.Signature) > maxSignature {
		return nil, attest.Refuse(attest.ReasonMalformed, "signature is too large")
	}
	sig, ok := decode(m.Signature, -1)
	if !ok {
		return nil, attest.Refuse(attest.ReasonMalformed, "signature is not base64url without padding")
	}
	return &evidence{key, m.Algorithm, sig}, nil
}

// Evidence is the element of the evidence list that carries a signature of k.
func (k *Key) Evidence(algorithm string, sig []byte) ([]byte, error) {
	return json.Marshal(message{
		Method: string(attest.MethodRecoveryKey), PublicKey: k.JWK(), Algorithm: algorithm, Signature: b64.EncodeToString(sig),
	})
}
