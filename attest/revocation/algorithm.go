package revocation

import (
	"crypto/x509"
	"encoding/hex"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signatureAlgorithms lists the strong algorithms by the content of their AlgorithmIdentifier (RFC 4055, RFC 5758, RFC 8410). For
// RSASSA-PSS that is one set of parameters for each hash: its own length as salt, MGF1 with itself.
var signatureAlgorithms = map[string]x509.SignatureAlgorithm{
	"06092a864886f70d01010b0500":               x509.SHA256WithRSA,
	"06092a864886f70d01010c0500":               x509.SHA384WithRSA,
	"06092a864886f70d01010d0500":               x509.SHA512WithRSA,
	"06092a864886f70d01010a" + pss("01", "20"): x509.SHA256WithRSAPSS,
	"06092a864886f70d01010a" + pss("02", "30"): x509.SHA384WithRSAPSS,
	"06092a864886f70d01010a" + pss("03", "40"): x509.SHA512WithRSAPSS,
	"06082a8648ce3d040302":                     x509.ECDSAWithSHA256,
	"06082a8648ce3d040303":                     x509.ECDSAWithSHA384,
	"06082a8648ce3d040304":                     x509.ECDSAWithSHA512,
	"06032b6570":                               x509.PureEd25519,
}

func pss(hash, salt string) string {
	sha2 := "300d06096086480165030402" + hash + "0500"
	return "3034a00f" + sha2 + "a11c301a06092a864886f70d010108" + sha2 + "a20302" + "01" + salt
}

// readAlgorithm reads an AlgorithmIdentifier. One that is not known or weak is x509.UnknownSignatureAlgorithm, with which nothing verifies.
func readAlgorithm(s *cryptobyte.String) (content []byte, algorithm x509.SignatureAlgorithm, ok bool) {
	var inside cryptobyte.String
	if !s.ReadASN1(&inside, asn1.SEQUENCE) {
		return nil, x509.UnknownSignatureAlgorithm, false
	}
	return inside, signatureAlgorithms[hex.EncodeToString(inside)], true
}
