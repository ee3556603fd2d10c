package appraise_test

import (
	"testing"

	"github.com/regrant/regrant/attest/appraise"
)

// everyFormat is one good request of each format of the door.
func everyFormat(t testing.TB) map[string]object {
	t.Helper()
	s, chip := newScene(t), newTPM(t)
	return map[string]object{
		"x509-chain": s.chain(), "x509-signature": s.signature(), "crl": s.crl(t, nil), "ocsp": s.ocsp(t, nil),
		"sshsig": sshRequest(touched), "recovery-key": recoveryKeyRequest(t),
		"android-key": goodAndroid(t), "apple-device": goodApple(t),
		"tpm-certify": chip.certify(), "tpm-event-log": chip.eventLog(), "tpm-quote": chip.quote(),
		"webauthn-registration": newPasskeyScene(t, "packed").registration(t, nil),
		"webauthn-assertion":    newPasskeyScene(t, "").assertion(nil),
	}
}

// What an operator wrote wrongly is told whichever format is asked, so that nobody believes in an anchor or a limit that is none.
func TestTrustIsReadForEveryFormat(t *testing.T) {
	good := everyFormat(t)
	for _, format := range appraise.New(nil).Formats() {
		q := good[format]
		if q == nil {
			t.Errorf("%s has no good request here", format)
			continue
		}
		t.Run(format, func(t *testing.T) {
			if q["trust"] == nil {
				q["trust"] = object{}
			}
			trust := q["trust"].(object)
			mustAccept(t, q)
			for member, wrong := range map[string]any{
				"roots": []string{"x"}, "crls": []string{"x"}, "ocsp_responses": []string{"!"}, "metadata_roots": []string{"x"},
				"metadata_blob": 1, "android_status": object{}, "jwks": []string{}, "max_crl_age": "1 day", "max_ocsp_age": "", "root": []string{},
			} {
				before, had := trust[member]
				trust[member] = wrong
				mustFail(t, q)
				delete(trust, member)
				if had {
					trust[member] = before
				}
			}
			for member, unused := range map[string]any{"metadata_roots": []string{}, "max_crl_age": "1h", "max_ocsp_age": "1h", "jwks": object{}} {
				trust[member] = unused
			}
			mustAccept(t, q)
		})
	}
}

func TestTimeIsThatOfRFC3339(t *testing.T) {
	s := newScene(t)
	q := s.chain()
	for _, good := range []string{
		"2026-11-21T20:20:00Z", "2026-11-21T20:20:00.5Z", "2026-11-21T20:20:00.1234567890123Z", "2026-11-21T22:20:00+02:00",
		"2026-11-21T20:20:00-00:00", "2026-11-21T20:20:00+23:59", "2024-02-29T00:00:00Z",
	} {
		q["time"] = good
		if a := ask(t, q); a.Verdict == appraise.Error {
			t.Errorf("%s: %+v", good, a)
		}
	}
	for _, bad := range []string{
		"", "now", "2026-11-21", "2026-11-21T20:20:00", "2026-11-21T20:20Z", "2026-11-21 20:20:00Z", "2026-11-21T2:20:00Z", "2026-11-21T20:20:0Z",
		"2026-11-21T20:20:00,5Z", "2026-11-21T20:20:00.Z", "2026-11-21t20:20:00Z", "2026-11-21T20:20:00z", "2026-11-21T24:00:00Z",
		"2026-11-21T20:60:00Z", "2026-11-21T20:20:60Z", "2026-11-31T20:20:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"26-11-21T20:20:00Z", "+2026-11-21T20:20:00Z", "12026-11-21T20:20:00Z", "2026-11-21T20:20:00+24:00", "2026-11-21T20:20:00+02:60",
		"2026-11-21T20:20:00+0200", "2026-11-21T20:20:00+02", "2026-11-21T20:20:00Z ", " 2026-11-21T20:20:00Z", "2026-11-21T20:20:00Z\n",
		"2026-11-21T20:20:00ZZ", "2026-325T20:20:00Z", "2026-W47-6T20:20:00Z", "20261121T202000Z", "0001-01-01T00:00:00Z", "２026-11-21T20:20:00Z",
	} {
		q["time"] = bad
		mustFail(t, q)
	}
}
