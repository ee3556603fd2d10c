package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// Proofs returns the evidence for the verifier. Each element is kept as sent; only its method is read here.
func (r AttestRequest) Proofs() ([]attest.Evidence, error) {
	if len(r.Evidence) > MaxEvidence {
		return nil, fmt.Errorf("more than %d pieces of evidence", MaxEvidence)
	}
	proofs := make([]attest.Evidence, 0, len(r.Evidence))
	for _, element := range r.Evidence {
		var m struct {
			Method attest.Method `json:"method"`
		}
		if err := json.Unmarshal(element, &m); err != nil || m.Method == "" {
			return nil, errors.New("evidence does not name its method")
		}
		proofs = append(proofs, attest.Evidence{Method: m.Method, Body: element})
	}
	return proofs, nil
}

// BeforeEvidence returns the recovery_id of an [AttestRequest] that [strictjson.Decode] refused with err, if what is wrong is in the
// evidence and the recovery_id stands before it. The evidence is not looked at.
func BeforeEvidence(body []byte, err error) (recoveryID string, ok bool) {
	const member = "/evidence"
	wrong, ok := errors.AsType[*strictjson.Error](err)
	if !ok || wrong.Member != member && !strings.HasPrefix(wrong.Member, member+"/") {
		return "", false
	}
	d := jsontext.NewDecoder(bytes.NewReader(body))
	if open, err := d.ReadToken(); err != nil || open.Kind() != '{' {
		return "", false
	}
	name, err := d.ReadToken()
	if err != nil || name.Kind() != '"' || name.String() != "recovery_id" {
		return "", false
	}
	value, err := d.ReadToken()
	if err != nil || value.Kind() != '"' {
		return "", false
	}
	return value.String(), true
}
