package wire

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/internal/strictjson"
)

// FuzzProofs reads an attest as the gateway does: what comes out of it is what was sent.
func FuzzProofs(f *testing.F) {
	for _, seed := range []string{
		`{"recovery_id":"r","evidence":[{"method":"ssh-key","signature":"x"}]}`, `{"recovery_id":"r","evidence":[]}`, `{"evidence":[{}]}`,
		`{"evidence":[{"method":"a","method":"b"}]}`, `{"evidence":[null,[],"x"]}`, `{"evidence":[{"method":7}]}`, `{"evidence":{"method":"tpm"}}`,
		`{"recovery_id":"r","evidence":[{"method":"a","b":1,"b":2}]}`, `{"recovery_id":"r","evidence":[{"method":"a"`, `{"recovery_id":7,"evidence":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in AttestRequest
		if err := strictjson.Decode(body, &in); err != nil {
			if id, ok := BeforeEvidence(body, err); ok && !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
				t.Errorf("%q from no object", id)
			}
			return
		}
		proofs, err := in.Proofs()
		if err != nil {
			return
		}
		if len(proofs) != len(in.Evidence) || len(proofs) > MaxEvidence {
			t.Fatalf("%d proofs of %d elements", len(proofs), len(in.Evidence))
		}
		for i, p := range proofs {
			if p.Method == "" || !bytes.Equal(p.Body, in.Evidence[i]) || !jsontext.Value(p.Body).IsValid() {
				t.Errorf("%s: %s", p.Method, p.Body)
			}
		}
	})
}
