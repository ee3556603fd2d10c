package authority

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/attest"
)

// ErrEvidence is the one answer to evidence about a device's key that does not do.
var ErrEvidence = errors.New("evidence about the key not accepted")

// maxEvidence is how many certificates evidence may have.
const maxEvidence = 8

// Evidence is what the maker of a device says about the key that the device enrols.
type Evidence struct {
	Format       string
	Certificates []string // PEM, the key's own first
}

// EnrollAttested is [Authority.Enroll] for a device that brings evidence about its key, made for [attest.DeviceChallenge] of the code. It is
// recorded with the authenticator. One more error is [ErrEvidence]; after it, too, the code can still be used.
func (a *Authority) EnrollAttested(ctx context.Context, code string, csrPEM []byte, label string, e Evidence) (Enrolled, error) {
	r, err := a.readRequest(ctx, code, csrPEM, label)
	if err != nil {
		return Enrolled{}, err
	}
	now, err := a.now(ctx)
	if err != nil {
		return Enrolled{}, fmt.Errorf("enrolling a device: %w", err)
	}
	if gone := a.Compute(ctx, func() { r.attested, err = a.attested(e, r, now) }); gone != nil {
		return Enrolled{}, fmt.Errorf("enrolling a device: %w", gone)
	}
	if refused, ok := errors.AsType[*attest.Error](err); ok && refused.Reason != attest.ReasonRevocationUnknown {
		return Enrolled{}, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if err != nil {
		return Enrolled{}, fmt.Errorf("enrolling a device: %w", err)
	}
	return a.enrollIssued(ctx, r)
}

// attested judges the evidence, which must be about the key of the request.
func (a *Authority) attested(e Evidence, r request, now time.Time) (*attest.Attested, error) {
	judge, known := a.Attestors[e.Format]
	if !known {
		return nil, attest.Refuse(attest.ReasonUnsupported, "this format of evidence is not accepted here")
	}
	if n := len(e.Certificates); n < 1 || n > maxEvidence {
		return nil, attest.Refuse(attest.ReasonMalformed, "%d certificates, 1 to %d allowed", n, maxEvidence)
	}
	var certificates [][]byte
	for i, text := range e.Certificates {
		der, err := onePEM([]byte(text), "CERTIFICATE")
		if err != nil {
			return nil, attest.Refuse(attest.ReasonMalformed, "certificate %d is not one PEM block", i)
		}
		certificates = append(certificates, der)
	}
	found, err := judge(certificates, attest.DeviceChallenge(a.Issuer, r.selector+r.verifier), now)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(r.key)
	if err != nil {
		return nil, err
	}
	// Evidence is no secret. It says something about this device only with the key of this request in it.
	if sha256.Sum256(spki) != found.SPKI {
		return nil, attest.Refuse(attest.ReasonIdentity, "it is about another key than that of the certificate request")
	}
	return &found, nil
}
