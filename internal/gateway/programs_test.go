package gateway

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
)

// machine has a TPM in software.
type machine struct {
	*house
	chip    *tpmtest.Chip
	ak, key *tpmtest.Key
	log     *tpmtest.Log
}

func openWithTPM(t *testing.T, change ...func(*house)) *machine {
	t.Helper()
	maker := attesttest.NewCA(t)
	format, err := tpm.New(tpm.Config{Makers: []*x509.Certificate{maker.Certificate}})
	must(t, err)
	return &machine{
		house: open(t, append(change, func(h *house) { h.tpm = format })...),
		chip:  tpmtest.NewChip(t, maker, tpmtest.RSA(), nil), ak: tpmtest.NewAK(t), key: tpmtest.NewApplicationKey(t), log: tpmtest.Boot(),
	}
}

func (m *machine) code() string {
	m.t.Helper()
	code, err := m.Authority.NewCode(m.t.Context(), authority.CodeRequest{Identifier: alice, As: "admin"})
	must(m.t, err)
	return code.Text
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func raw(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return text
}

func (m *machine) offer() []byte {
	c := m.ak.Certify(m.key, nil, nil)
	return raw(m.t, map[string]any{
		"ek_certificates": []string{b64(m.chip.Chain[0])}, "ak_public": b64(m.ak.Area()), "key_public": b64(m.key.Area()),
		"key_attest": b64(c.Attest), "key_signature": b64(c.Signature),
	})
}

func (m *machine) quote(text string) map[string]any {
	sum := sha256.Sum256([]byte(text))
	pcrs := tpm.Registers{0: m.log.PCRs[0], 7: m.log.PCRs[7]}
	q := m.ak.Quote(sum[:], pcrs, nil)
	return map[string]any{"quote": b64(q.Attest), "signature": b64(q.Signature), "pcrs": pcrs.Format(), "event_log": b64(m.log.Bytes)}
}

func (m *machine) answer(options []byte) []byte {
	m.t.Helper()
	var o struct {
		Credential string `json:"credential"`
		Secret     string `json:"encrypted_secret"`
		Text       string `json:"text"`
	}
	must(m.t, json.Unmarshal(options, &o))
	if !strings.HasPrefix(o.Text, "regrant enrolment v1\nissuer: "+issuer+"\naccount: "+alice+"\nmethod: tpm\n") {
		m.t.Errorf("the text is %q", o.Text)
	}
	blob, err := base64.RawURLEncoding.DecodeString(o.Credential)
	must(m.t, err)
	seed, err := base64.RawURLEncoding.DecodeString(o.Secret)
	must(m.t, err)
	secret, err := m.chip.Activate(m.ak.Name(), blob, seed)
	must(m.t, err)
	members := m.quote(o.Text)
	members["secret"] = b64(secret)
	return raw(m.t, members)
}

// begins a good enrolment: what the second request brings.
func (m *machine) begins() wire.EnrollRequest {
	m.t.Helper()
	code := m.code()
	begun := answer[wire.ChallengeResponse](m.t, m.postJSON("/recovery/devices/challenge", wire.ChallengeRequest{
		ActivationCode: code, Method: "tpm", Evidence: m.offer(),
	}))
	if begun.Account != alice {
		m.t.Errorf("the code is said to be for %s", begun.Account)
	}
	return wire.EnrollRequest{ActivationCode: code, State: begun.State, Label: "workstation", Evidence: m.answer(begun.Options)}
}

func (m *machine) enrols() wire.EnrollResponse {
	m.t.Helper()
	return answer[wire.EnrollResponse](m.t, m.postJSON("/recovery/devices/enroll", m.begins()))
}

func TestAMachineWithATPMIsEnrolledAndRecoversAlone(t *testing.T) {
	m := openWithTPM(t)
	out := m.enrols()
	if out.CertificateChain != nil || out.Account != alice || out.Issuer != issuer || !strings.HasPrefix(out.DeviceID, "device-") {
		t.Errorf("enrolled %+v", out)
	}
	p := &program{h: m.house, key: m.key.Private.(*ecdsa.PrivateKey)}
	begun := p.initiate("sign-in")
	evidence := m.quote(begun.Statement)
	evidence["method"], evidence["ak_public"] = "tpm", b64(m.ak.Area())
	body := wire.AttestRequest{RecoveryID: begun.RecoveryID}
	body.Evidence = append(body.Evidence, raw(t, evidence))
	if came := answer[wire.AttestResponse](t, p.post("/recovery/attest", body)); came.RecoveryToken == "" {
		t.Errorf("not granted: %+v", came)
	}
}

// A certificate would be bound here and count for nothing.
func TestWhereOnlyTPMsCountNoCertificateIsBound(t *testing.T) {
	m := openWithTPM(t, func(h *house) { h.chipsOnly = true })
	enroll := wire.EnrollRequest{ActivationCode: m.code(), CSR: csr(t, attesttest.NewKey(t))}
	wantProblem(t, m.postJSON("/recovery/devices/enroll", enroll), http.StatusBadRequest, wire.ProblemMalformed, "/method")
	if out := m.enrols(); out.Account != alice {
		t.Errorf("with the TPM: %+v", out)
	}
}

// The second device is made by whoever copied the state of the chip, or has it on his desk.
func TestOneChipIsEnrolledOnce(t *testing.T) {
	m := openWithTPM(t)
	m.enrols()
	m.ak, m.key = tpmtest.NewAK(t), tpmtest.NewApplicationKey(t)
	again := m.begins()
	wantProblem(t, m.postJSON("/recovery/devices/enroll", again), http.StatusConflict, wire.ProblemBound, "")
}

func TestBadChallengesAreAnsweredByWhatIsWrong(t *testing.T) {
	m := openWithTPM(t)
	good := wire.ChallengeRequest{ActivationCode: m.code(), Method: "tpm", Evidence: m.offer()}
	for name, c := range map[string]struct {
		change func(*wire.ChallengeRequest)
		status int
		code   wire.ProblemCode
		member string
	}{
		"no code":           {func(r *wire.ChallengeRequest) { r.ActivationCode = "" }, 400, wire.ProblemMalformed, "/activation_code"},
		"another code":      {func(r *wire.ChallengeRequest) { r.ActivationCode = "AAAA" }, 403, wire.ProblemInvalidCode, ""},
		"no method":         {func(r *wire.ChallengeRequest) { r.Method = "" }, 400, wire.ProblemMalformed, "/method"},
		"a person's method": {func(r *wire.ChallengeRequest) { r.Method = "passkey" }, 400, wire.ProblemMalformed, "/method"},
		"a certificate's":   {func(r *wire.ChallengeRequest) { r.Method = "device-certificate" }, 400, wire.ProblemMalformed, "/method"},
		"empty evidence":    {func(r *wire.ChallengeRequest) { r.Evidence = []byte("{}") }, 400, wire.ProblemMalformed, "/evidence"},
		"other evidence":    {func(r *wire.ChallengeRequest) { r.Evidence = []byte("[1]") }, 400, wire.ProblemMalformed, "/evidence"},
		"null":              {func(r *wire.ChallengeRequest) { r.Evidence = []byte("null") }, 400, wire.ProblemMalformed, "/evidence"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			c.change(&r)
			wantProblem(t, m.postJSON("/recovery/devices/challenge", r), c.status, c.code, c.member)
		})
	}
	wantProblem(t, m.postJSON("/recovery/devices/challenge", good, "Origin", origin), http.StatusForbidden, wire.ProblemRefused, "")
	answer[wire.ChallengeResponse](t, m.postJSON("/recovery/devices/challenge", good))
}

func TestBadAnswersToAChallengeBindNothing(t *testing.T) {
	m := openWithTPM(t)
	good := m.begins()
	other := m.begins()
	for name, c := range map[string]struct {
		change func(*wire.EnrollRequest)
		status int
		code   wire.ProblemCode
		member string
	}{
		"no code":              {func(r *wire.EnrollRequest) { r.ActivationCode = "" }, 400, wire.ProblemMalformed, "/activation_code"},
		"another code":         {func(r *wire.EnrollRequest) { r.ActivationCode = other.ActivationCode }, 400, wire.ProblemMalformed, "/state"},
		"another state":        {func(r *wire.EnrollRequest) { r.State = other.State }, 400, wire.ProblemMalformed, "/state"},
		"no evidence":          {func(r *wire.EnrollRequest) { r.Evidence = nil }, 400, wire.ProblemMalformed, "/evidence"},
		"another's evidence":   {func(r *wire.EnrollRequest) { r.Evidence = other.Evidence }, 400, wire.ProblemMalformed, "/evidence"},
		"with a request":       {func(r *wire.EnrollRequest) { r.CSR = "x" }, 400, wire.ProblemMalformed, "/csr"},
		"with a certificate":   {func(r *wire.EnrollRequest) { r.CertificateChain = []string{"x"} }, 400, wire.ProblemMalformed, "/certificate_chain"},
		"an unprintable label": {func(r *wire.EnrollRequest) { r.Label = "a\nb" }, 400, wire.ProblemMalformed, "/label"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			c.change(&r)
			wantProblem(t, m.postJSON("/recovery/devices/enroll", r), c.status, c.code, c.member)
		})
	}
	answer[wire.EnrollResponse](t, m.postJSON("/recovery/devices/enroll", good))
	wantProblem(t, m.postJSON("/recovery/devices/enroll", good), http.StatusForbidden, wire.ProblemInvalidCode, "")
}

func TestAfterARecoveryNoMachineIsEnrolledForSevenDays(t *testing.T) {
	m := openWithTPM(t)
	ready := m.begins()
	must(t, m.Authority.DB.Update(t.Context(), func(tx storage.Tx) error {
		return m.Authority.Accounts.Recovered(tx, aliceID, []string{"stolen"})
	}))
	w := m.postJSON("/recovery/devices/challenge", wire.ChallengeRequest{ActivationCode: m.code(), Method: "tpm", Evidence: m.offer()})
	wantProblem(t, w, http.StatusForbidden, wire.ProblemQuarantine, "")
	wantProblem(t, m.postJSON("/recovery/devices/enroll", ready), http.StatusForbidden, wire.ProblemQuarantine, "")
}
