package recoverykey

import (
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/regrant/regrant/attest"
)

const (
	proofType = "REGRANT PROOF"
	maxProof  = 8 << 10 // characters
)

// The first and the last line of a proof, by their words.
var (
	proofBegins = strings.Fields("-----BEGIN " + proofType + "-----")
	proofEnds   = strings.Fields("-----END " + proofType + "-----")
)

// Proof is the text by which people carry a signature of k to the gateway: [Key.Evidence] in base64 between two lines.
func (k *Key) Proof(algorithm string, sig []byte) (string, error) {
	body, err := k.Evidence(algorithm, sig)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: proofType, Bytes: body})), nil
}

// ParseProof reads a [Key.Proof] that was pasted or uploaded and returns the element of the evidence list that is in it, or the body that
// [Format.Finish] takes. How lines are broken and what white space is around is free, since mail and forms change both;
// anything else around is refused.
func ParseProof(text string) (body []byte, err error) {
	if len(text) > maxProof {
		return nil, attest.Refuse(attest.ReasonMalformed, "proof is longer than %d characters", maxProof)
	}
	words := strings.Fields(text)
	n := len(words) - len(proofEnds)
	if n < len(proofBegins) || !slices.Equal(words[:len(proofBegins)], proofBegins) || !slices.Equal(words[n:], proofEnds) {
		return nil, attest.Refuse(attest.ReasonMalformed, "not exactly one block %s", proofType)
	}
	body, err = base64.StdEncoding.Strict().DecodeString(strings.Join(words[len(proofBegins):n], ""))
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "proof is not base64")
	}
	if _, err := parseEvidence(body); err != nil {
		return nil, err
	}
	return body, nil
}
