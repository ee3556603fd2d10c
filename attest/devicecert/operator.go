package devicecert

import (
	"crypto/x509"
	"time"

	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
)

// OperatorCA is a device CA of the operator's own. Revocation of its certificates is for that CA to tell, while of the
// certificates that the gateway has issued the account's own record is all there is to know.
type OperatorCA struct {
	// Anchors are the certificates that a chain may end at.
	Anchors []*x509.Certificate

	// MaxPath is how many certificates may stand below the anchor. Default: [certpath.DefaultMaxPath].
	MaxPath int

	// Statements returns the CRLs and OCSP responses that are held about a path. It may wait a moment for what is on its
	// way, and never long. Nil: revocation is not judged.
	Statements func(certpath.Path) revocation.Statements

	// Identity says which account a certificate belongs to. Nil: none names one.
	Identity *Identity
}

// Path reads a chain as Evidence carries it, PEM with the device's own certificate first, and returns the path from
// there to an anchor. Everything about it is judged but revocation. The error is an *[attest.Error].
func (ca *OperatorCA) Path(chain []string, now time.Time) (certpath.Path, error) {
	sent, err := parseChain(chain)
	if err != nil {
		return nil, err
	}
	return sent.path(ca.Anchors, ca.MaxPath, now)
}

// Revocation refuses a path of this CA unless every certificate below the anchor is known to be good: an *[attest.Error]
// with the reason revoked or revocation-unknown. It is for paths whose key the sender was proven to hold: nobody else
// may make the gateway ask.
func (ca *OperatorCA) Revocation(path certpath.Path, now time.Time) error {
	if ca.Statements == nil {
		return nil
	}
	return revocation.Policy{Now: now}.Check(path, nil, ca.Statements(path))
}
