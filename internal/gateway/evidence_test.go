package gateway

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/wire"
)

func TestEvidenceThatDoesNotDoIsAnsweredWithoutAReason(t *testing.T) {
	h := open(t)
	code, err := h.Authority.NewCode(t.Context(), authority.CodeRequest{Identifier: alice, As: "admin"})
	must(t, err)
	in := wire.EnrollRequest{ActivationCode: code.Text, CSR: csr(t, attesttest.NewKey(t))}
	var first string
	for _, e := range []wire.DeviceEvidence{{}, {Format: "android-key", Certificates: []string{"x"}}, {Format: "apple-device"}} {
		in.Evidence, err = json.Marshal(e)
		must(t, err)
		w := h.postJSON("/recovery/devices/enroll", in)
		wantProblem(t, w, http.StatusBadRequest, wire.ProblemMalformed, "/evidence")
		if first == "" {
			first = w.Body.String()
		}
		if w.Body.String() != first {
			t.Errorf("told apart: %s", w.Body)
		}
	}
	in.CertificateChain = []string{"x"}
	wantProblem(t, h.postJSON("/recovery/devices/enroll", in), http.StatusBadRequest, wire.ProblemMalformed, "/evidence")
	in.CertificateChain, in.Evidence = nil, nil
	answer[wire.EnrollResponse](t, h.postJSON("/recovery/devices/enroll", in))
}
