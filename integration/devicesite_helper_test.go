package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/token"
	"github.com/regrant/regrant/internal/wire"
)

// card is a device that has its key in a token and connects with its certificate.
type card struct {
	t       *testing.T
	e       *env.Env
	curl    *token.Curl
	request string // for a certificate, of its key
}

func newCard(t *testing.T, e *env.Env) *card {
	t.Helper()
	demand(t, token.Missing())
	made, err := token.New(t.Context(), t.TempDir())
	fatal(t, err)
	request, err := made.Request(t.Context())
	fatal(t, err)
	return &card{t, e, &token.Curl{Token: made, CAFile: e.CAFile, Site: e.Devices}, request}
}

// certifiedBy is the operator's certificate for the key in the token, whose private half nobody has.
func (c *card) certifiedBy(ca *operatorCA) operatorDevice {
	c.t.Helper()
	block, _ := pem.Decode([]byte(c.request))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	fatal(c.t, err)
	return ca.certify(c.t, &ecdsa.PrivateKey{PublicKey: *request.PublicKey.(*ecdsa.PublicKey)}, "card")
}

// enroll binds the key in the token for an activation code, with the operator's certificate if there is one, over the
// site for devices.
func (c *card) enroll(chain []string) {
	c.t.Helper()
	answer := held(c.t, func() claimant.Answer {
		body := map[string]any{"activation_code": activationCode(c.t, c.e), "csr": c.request}
		if chain != nil {
			body["certificate_chain"] = chain
		}
		answer, err := c.program().JSON(c.t.Context(), "/devices/enroll", body)
		fatal(c.t, err)
		return answer
	})
	var out struct {
		Chain []string `json:"certificate_chain"`
	}
	if answer.Status != http.StatusOK || answer.Into(&out) != nil {
		c.t.Fatalf("enrolling: %d %s", answer.Status, answer.Body)
	}
	c.curl.Chain = out.Chain
}

// program is one that has a key of its own to be held by, and sends its requests with curl.
func (c *card) program() *claimant.Claimant {
	return &claimant.Claimant{Issuer: c.e.Issuer, Client: &http.Client{Transport: c.curl}, Holder: claimant.NewKey()}
}

// naming is evidence that names the connection.
func naming(chain []string) json.RawMessage {
	text, _ := json.Marshal(map[string]any{"method": "device-certificate", "certificate_chain": chain, "connection": true}) // strings only
	return text
}

// proves brings evidence for a fresh recovery of a program's.
func (c *card) proves(evidence json.RawMessage) claimant.Answer {
	c.t.Helper()
	p := c.program()
	begun, answer, err := p.Initiate(c.t.Context(), "alice@demo.example")
	fatal(c.t, err)
	if answer.Status != http.StatusOK {
		c.t.Fatalf("initiate: %d %s", answer.Status, answer.Body)
	}
	_, answer, err = p.Attest(c.t.Context(), begun.RecoveryID, evidence)
	fatal(c.t, err)
	return answer
}

func (c *card) mustProve(what string, status int) {
	c.t.Helper()
	if a := c.proves(naming(c.curl.Chain)); a.Status != status {
		c.t.Errorf("%s: %d %s, want %d", what, a.Status, a.Body, status)
	}
}

// window is a browser that shows the device's certificate: curl, with the headers and the cookie of one.
func (c *card) window() *window {
	c.t.Helper()
	w := newWindow(c.t, c.e)
	w.client.Transport = c.curl
	return w
}

// provesAfter begins a recovery, does something, and brings the evidence on the connection that it has.
func (c *card) provesAfter(something func()) (status int, reused bool) {
	c.t.Helper()
	holder := claimant.NewKey()
	request := func(path string, body []byte) *http.Request {
		r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.e.Issuer+path, bytes.NewReader(body))
		fatal(c.t, err)
		proof, err := wire.NewProof(holder, http.MethodPost, c.e.Issuer+path, time.Now(), "")
		fatal(c.t, err)
		r.Header.Set("DPoP", proof)
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	first := request("/initiate", []byte(`{"account_identifier":"alice@demo.example","actions":["sign-in"]}`))
	second := request("/attest", nil)
	second.Body = nil
	answer, reused, err := c.curl.Pair(first, second, func(r *http.Response) ([]byte, error) {
		var begun wire.InitiateResponse
		if err := json.NewDecoder(r.Body).Decode(&begun); err != nil {
			return nil, err
		}
		something()
		return json.Marshal(map[string]any{"recovery_id": begun.RecoveryID, "evidence": []json.RawMessage{naming(c.curl.Chain)}})
	})
	fatal(c.t, err)
	return answer.StatusCode, reused
}

// revoke ends every authenticator of alice's.
func (c *card) revoke() {
	c.t.Helper()
	var bound []struct {
		ID string `json:"id"`
	}
	fatal(c.t, c.e.Operator(c.t.Context(), &bound, "authenticators", "alice-0001"))
	for _, a := range bound {
		fatal(c.t, c.e.Operator(c.t.Context(), nil, "revoke", a.ID, "--as", "Demo Operator", "--reason", "lost"))
	}
}
