package appraise_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/appraise"
	"github.com/regrant/regrant/attest/attesttest"
)

const challenge = "what the device signs"

var now = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

// object is a request or a part of one.
type object = map[string]any

// scene is a device under an issuing CA, and good requests about it.
type scene struct {
	root, issuing *attesttest.CA
	device        *attesttest.Device
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{root: attesttest.NewCA(t)}
	s.issuing = s.root.Intermediate(t, nil)
	s.device = s.issuing.Device(t, nil)
	return s
}

func (s *scene) chain() object {
	return object{
		"id": "one", "format": "x509-chain", "time": now.Format(time.RFC3339),
		"evidence": object{"certificates": s.device.Chain},
		"trust":    object{"roots": []string{attesttest.PEM(s.root.Certificate)}},
		"expect":   object{"revocation": "off"},
	}
}

func (s *scene) signature() object {
	q := s.chain()
	q["format"] = "x509-signature"
	q["challenge"] = encode([]byte(challenge))
	q["evidence"].(object)["signature"] = encode(s.device.Sign(challenge))
	q["evidence"].(object)["algorithm"] = s.device.Algorithm
	return q
}

// statement asks about the device's certificate.
func (s *scene) statement(format, member, value string) object {
	return object{
		"id": "one", "format": format, "time": now.Format(time.RFC3339),
		"evidence": object{"certificate": s.device.Chain[0], "issuer": s.device.Chain[1], member: value},
		"trust":    object{"roots": []string{attesttest.PEM(s.root.Certificate)}},
	}
}

func (s *scene) crl(t testing.TB, mutate func(*attesttest.CRL)) object {
	t.Helper()
	return s.statement("crl", "crl", crlPEM(s.issuing.CRL(t, now, mutate)))
}

func (s *scene) ocsp(t testing.TB, mutate func(*attesttest.OCSP)) object {
	t.Helper()
	return s.statement("ocsp", "response", base64.StdEncoding.EncodeToString(s.issuing.OCSP(t, now, s.device.Certificate, mutate)))
}

func crlPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// in changes members of a part of a request; a nil value takes the member out.
func in(q object, part string, changes object) object {
	inside := maps.Clone(q[part].(object))
	for k, v := range changes {
		if v == nil {
			delete(inside, k)
		} else {
			inside[k] = v
		}
	}
	q[part] = inside
	return q
}

func ask(t testing.TB, q any) appraise.Answer {
	t.Helper()
	text, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	a := appraise.New(nil).Answer(text)
	if a.ID != "one" {
		t.Errorf("id %q", a.ID)
	}
	return a
}

func mustAccept(t testing.TB, q any) appraise.Answer {
	t.Helper()
	a := ask(t, q)
	if a.Verdict != appraise.Accept || a.Reason != "" || a.Claims == nil {
		t.Fatalf("answer %+v", a)
	}
	return a
}

func mustRefuse(t testing.TB, q any, reason attest.Reason) {
	t.Helper()
	if a := ask(t, q); a.Verdict != appraise.Refuse || a.Reason != reason || a.Claims != nil || a.Detail == "" {
		t.Errorf("answer %+v, not a refusal for reason %s", a, reason)
	}
}

func mustFail(t testing.TB, q any) {
	t.Helper()
	if a := ask(t, q); a.Verdict != appraise.Error || a.Reason != "" || a.Claims != nil || a.Detail == "" {
		t.Errorf("answer %+v, not an error", a)
	}
}

func TestClaimsAreThoseOfThePath(t *testing.T) {
	s := newScene(t)
	text, err := mustAccept(t, s.chain()).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Claims struct {
			Subject  string   `json:"subject"`
			Serial   string   `json:"serial"`
			Issuer   string   `json:"issuer"`
			SPKI     string   `json:"spki_sha256"`
			NotAfter string   `json:"not_after"`
			DeviceID string   `json:"device_id"`
			Path     []string `json:"path"`
		} `json:"claims"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	c, want := got.Claims, s.device.Certificate
	if c.Subject != want.Subject.String() || c.Serial != want.SerialNumber.Text(16) || c.Issuer != want.Issuer.String() ||
		c.SPKI != encode(s.device.Handle()) || c.NotAfter != "2120-01-01T00:00:00Z" || c.DeviceID != s.device.ID {
		t.Errorf("claims %+v", c)
	}
	for i, cert := range []*x509.Certificate{want, s.issuing.Certificate, s.root.Certificate} {
		if sum := sha256.Sum256(cert.Raw); len(c.Path) != 3 || c.Path[i] != encode(sum[:]) {
			t.Errorf("path %v", c.Path)
		}
	}
}

func TestChainIsJudged(t *testing.T) {
	s := newScene(t)
	stranger := attesttest.NewCA(t)
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0}}))
	with := func(part string, changes object) object { return in(s.chain(), part, changes) }
	for name, tt := range map[string]struct {
		request object
		reason  attest.Reason
	}{
		"no roots":            {with("trust", object{"roots": nil}), attest.ReasonUntrusted},
		"another root":        {with("trust", object{"roots": []string{attesttest.PEM(stranger.Certificate)}}), attest.ReasonUntrusted},
		"broken root":         {with("trust", object{"roots": []string{broken}}), attest.ReasonUntrusted},
		"no intermediate":     {with("evidence", object{"certificates": s.device.Chain[:1]}), attest.ReasonUntrusted},
		"no certificate":      {with("evidence", object{"certificates": []string{}}), attest.ReasonMalformed},
		"broken leaf":         {with("evidence", object{"certificates": []string{broken}}), attest.ReasonMalformed},
		"leaf is no PEM":      {with("evidence", object{"certificates": []string{"x"}}), attest.ReasonMalformed},
		"leaf in two blocks":  {with("evidence", object{"certificates": []string{s.device.Chain[0] + s.device.Chain[0]}}), attest.ReasonMalformed},
		"another purpose":     {with("expect", object{"extended_key_usage": []string{"1.3.6.1.5.5.7.3.1"}}), attest.ReasonPurpose},
		"another key":         {with("expect", object{"spki_sha256": encode(make([]byte, 32))}), attest.ReasonIdentity},
		"no key":              {with("expect", object{"spki_sha256": ""}), attest.ReasonIdentity},
		"another device":      {with("expect", object{"device_id": "other"}), attest.ReasonIdentity},
		"no device":           {with("expect", object{"device_id": ""}), attest.ReasonIdentity},
		"too long":            {with("expect", object{"max_path": 1}), attest.ReasonUntrusted},
		"revocation demanded": {with("expect", object{"revocation": "required"}), attest.ReasonRevocationUnknown},
		"nothing said":        {with("expect", object{"revocation": nil}), attest.ReasonRevocationUnknown},
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, tt.request, tt.reason) })
	}
	late := s.chain()
	late["time"] = "2121-01-01T00:00:00Z"
	mustRefuse(t, late, attest.ReasonExpired)

	mustAccept(t, with("expect", object{"spki_sha256": encode(s.device.Handle()), "device_id": s.device.ID, "max_path": 2}))
	mustAccept(t, with("expect", object{"extended_key_usage": []string{"any"}}))
	mustAccept(t, with("evidence", object{"certificates": append([]string{s.device.Chain[0], broken, "x"}, s.device.Chain[1:]...)}))
	mustAccept(t, with("trust", object{"roots": []string{broken, attesttest.PEM(s.root.Certificate)}}))
}

func TestRevocationOfAChainIsJudgedByWhatIsTrusted(t *testing.T) {
	s := newScene(t)
	demanded := func(trust object) object {
		return in(in(s.chain(), "expect", object{"revocation": nil}), "trust", trust)
	}
	above, good := crlPEM(s.root.CRL(t, now, nil)), crlPEM(s.issuing.CRL(t, now, nil))
	revoked := crlPEM(s.issuing.CRL(t, now, func(l *attesttest.CRL) {
		l.Revoked = []attesttest.Revoked{{Serial: s.device.Certificate.SerialNumber}}
	}))
	response := base64.StdEncoding.EncodeToString(s.issuing.OCSP(t, now, s.device.Certificate, nil))
	mustAccept(t, demanded(object{"crls": []string{above, good}}))
	mustAccept(t, demanded(object{"crls": []string{above}, "ocsp_responses": []string{response}}))
	mustRefuse(t, demanded(object{"crls": []string{above, revoked}}), attest.ReasonRevoked)
	mustRefuse(t, demanded(object{"crls": []string{good}}), attest.ReasonRevocationUnknown)
	mustRefuse(t, demanded(object{"crls": []string{above, good}, "max_crl_age": "30m"}), attest.ReasonRevocationUnknown)
	mustRefuse(t, demanded(object{"crls": []string{above}, "ocsp_responses": []string{response}, "max_ocsp_age": "30m"}), attest.ReasonRevocationUnknown)
}

// A device has a path to the root too. What it signs as if it were a CA is worth nothing.
func TestStatementOfAnIssuerThatIsNoCAIsRefused(t *testing.T) {
	s := newScene(t)
	below := s.issuing.DeviceWithKey(t, attesttest.NewKey(t), func(c *x509.Certificate) { c.KeyUsage = 0 })
	device := &attesttest.CA{Certificate: below.Certificate, Key: below.Key}
	forged := device.Device(t, nil)
	response := base64.StdEncoding.EncodeToString(device.OCSP(t, now, forged.Certificate, nil))
	q := s.statement("ocsp", "response", response)
	in(q, "evidence", object{"certificate": attesttest.PEM(forged.Certificate), "issuer": attesttest.PEM(device.Certificate)})
	in(q, "trust", object{"roots": []string{attesttest.PEM(s.issuing.Certificate)}})
	mustRefuse(t, q, attest.ReasonUntrusted)
}

func TestStatementsAreJudged(t *testing.T) {
	s := newScene(t)
	mustAccept(t, s.crl(t, nil))
	mustAccept(t, s.ocsp(t, nil))
	mustRefuse(t, s.crl(t, func(l *attesttest.CRL) { l.NextUpdate = now }), attest.ReasonRevocationUnknown)
	mustRefuse(t, s.crl(t, func(l *attesttest.CRL) {
		l.Revoked = []attesttest.Revoked{{Serial: s.device.Certificate.SerialNumber}}
	}), attest.ReasonRevoked)
	mustRefuse(t, s.ocsp(t, func(r *attesttest.OCSP) { r.Singles[0].Status = 1 }), attest.ReasonRevoked)
	mustRefuse(t, s.ocsp(t, func(r *attesttest.OCSP) { r.Singles[0].Status = 2 }), attest.ReasonRevocationUnknown)
	for _, q := range []object{s.crl(t, nil), s.ocsp(t, nil)} {
		mustAccept(t, in(q, "trust", object{"roots": []string{attesttest.PEM(s.issuing.Certificate)}}))
		mustRefuse(t, in(q, "trust", object{"roots": nil}), attest.ReasonUntrusted)
		mustRefuse(t, in(q, "trust", object{"roots": []string{attesttest.PEM(attesttest.NewCA(t).Certificate)}}), attest.ReasonUntrusted)
		in(q, "trust", object{"roots": []string{attesttest.PEM(s.root.Certificate)}})
		mustRefuse(t, in(q, "evidence", object{"issuer": attesttest.PEM(s.root.Certificate)}), attest.ReasonUntrusted)
		mustRefuse(t, in(q, "evidence", object{"certificate": "x"}), attest.ReasonMalformed)
		mustFail(t, in(q, "evidence", object{"certificate": nil}))
	}
	mustRefuse(t, s.statement("crl", "crl", "x"), attest.ReasonMalformed)
	mustRefuse(t, s.statement("ocsp", "response", "MAA="), attest.ReasonMalformed)
	late := s.crl(t, nil)
	late["time"] = "2121-01-01T00:00:00Z"
	mustRefuse(t, late, attest.ReasonExpired)
}
