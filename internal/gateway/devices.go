package gateway

import (
	"encoding/pem"
	"errors"
	"net/http"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/strictjson"
	"github.com/regrant/regrant/internal/wire"
)

// enroll binds a device for an activation code: with a certificate that it is given, or with one of the operator's own CA
// that it has. With the former, what the device's maker says about the key can come along.
func (g *Gateway) enroll(w http.ResponseWriter, r *http.Request) error {
	// Devices are programs. A browser that is made to send this is not asked by its owner.
	if r.Header.Get("Origin") != "" {
		return errRefused
	}
	var in wire.EnrollRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.State != "" {
		return g.enrollMade(w, r, in)
	}
	if g.Recovery.Verifier.Format(attest.MethodDeviceCertificate) == nil {
		return authority.ErrMethod // it would be bound, and count for nothing
	}
	if in.ActivationCode == "" && in.CertificateChain != nil && g.Authority.Vouches() {
		return g.enrollVouched(w, r, in)
	}
	if err := required("/activation_code", in.ActivationCode); err != nil {
		return err
	}
	if err := required("/csr", in.CSR); err != nil {
		return err
	}
	var out authority.Enrolled
	var err error
	switch {
	case in.CertificateChain != nil && in.Evidence != nil:
		return malformed("/evidence", "Evidence goes with a certificate that is issued here, not with one that is brought along.")
	case in.CertificateChain != nil:
		out, err = g.Authority.EnrollCertificate(r.Context(), in.ActivationCode, []byte(in.CSR), in.Label, in.CertificateChain)
	case in.Evidence != nil:
		var evidence wire.DeviceEvidence
		if err := within("/evidence", strictjson.Decode(in.Evidence, &evidence)); err != nil {
			return err
		}
		out, err = g.Authority.EnrollAttested(r.Context(), in.ActivationCode, []byte(in.CSR), in.Label, authority.Evidence(evidence))
	default:
		out, err = g.Authority.Enroll(r.Context(), in.ActivationCode, []byte(in.CSR), in.Label)
	}
	if err != nil {
		return err
	}
	return writeEnrolled(w, out)
}

// enrollVouched binds a device that connects with a certificate of the operator's own CA to the account that this names.
func (g *Gateway) enrollVouched(w http.ResponseWriter, r *http.Request, in wire.EnrollRequest) error {
	switch {
	case in.CSR != "":
		return malformed("/csr", "Without an activation code the device proves its key by its connection.")
	case in.Evidence != nil:
		return malformed("/evidence", "Evidence goes with a certificate that is issued here, not with one that is brought along.")
	}
	out, err := g.Authority.EnrollVouched(r.Context(), in.CertificateChain, connection(r), in.Label)
	if errors.Is(err, authority.ErrKeyBound) {
		return malformed("/certificate_chain", "This key is or was bound to an account.")
	}
	if err != nil {
		return err
	}
	return writeEnrolled(w, out)
}

func writeEnrolled(w http.ResponseWriter, out authority.Enrolled) error {
	return writeJSON(w, wire.EnrollResponse{
		CertificateChain: out.CertificateChain, DeviceID: out.DeviceID, Account: out.Account, Issuer: out.Issuer,
		NotAfter: out.NotAfter, EffectiveAt: out.EffectiveAt, ConfirmBefore: out.ConfirmBefore,
	})
}

// anchors is what device certificates are verified against: the issuing certificates, never the root.
func (g *Gateway) anchors() []byte {
	var out []byte
	for _, c := range g.Authority.Anchors() {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}
