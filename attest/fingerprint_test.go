package attest

import "testing"

// SHA-256 of "abc" (FIPS 180-2, appendix B.1) begins with ba7816bf 8f01cfea 414140de 5dae22; the groups were computed elsewhere.
func TestAFingerprintIsTheBeginningOfTheHash(t *testing.T) {
	if got := Fingerprint([]byte("abc")); got != "Q9W1-DFWF-077Y-MGA1-83F5-VBH2" {
		t.Errorf("got %s", got)
	}
}
