package gateway

import (
	"encoding/pem"
	"net/http"

	"github.com/regrant/regrant/internal/wire"
)

// enroll gives a device its certificate for an activation code.
func (g *Gateway) enroll(w http.ResponseWriter, r *http.Request) error {
	// Devices are programs. A browser that is made to send this is not asked by its owner.
	if r.Header.Get("Origin") != "" {
		return errRefused
	}
	var in wire.EnrollRequest
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if err := required("/activation_code", in.ActivationCode); err != nil {
		return err
	}
	if err := required("/csr", in.CSR); err != nil {
		return err
	}
	out, err := g.Authority.Enroll(r.Context(), in.ActivationCode, []byte(in.CSR), in.Label)
	if err != nil {
		return err
	}
	return writeJSON(w, wire.EnrollResponse{
		CertificateChain: out.CertificateChain, DeviceID: out.DeviceID, Account: out.Account, Issuer: out.Issuer,
		NotAfter: out.NotAfter, EffectiveAt: out.EffectiveAt,
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
