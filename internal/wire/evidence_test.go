package wire

import (
	"testing"

	"github.com/regrant/regrant/internal/strictjson"
)

func TestARecoveryIsKnownWhereItsEvidenceAloneCannotBeRead(t *testing.T) {
	for body, want := range map[string]string{
		`{"recovery_id":"r","evidence":[{"method":"a","b":1,"b":2}]}`: "r",
		`{"recovery_id":"r","evidence":"x"}`:                          "r",
		`{"recovery_id":"r","evidence":[{"method":"a"`:                "r",
		`{"evidence":[{"a":1,"a":2}],"recovery_id":"r"}`:              "",
		`{"recovery_id":"r","recovery_id":"s","evidence":[{}]}`:       "",
		`{"recovery_id":"r","other":1,"evidence":[{}]}`:               "",
		`{"recovery_id":7,"evidence":[{}]}`:                           "",
		`{"recovery_id":"r","evidence_2":[{"a":1,"a":2}]}`:            "",
		`["recovery_id"]`: "",
	} {
		var in AttestRequest
		err := strictjson.Decode([]byte(body), &in)
		if err == nil {
			t.Fatalf("%s is good", body)
		}
		if id, ok := BeforeEvidence([]byte(body), err); id != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", body, id, ok)
		}
	}
}
