package gateway

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
	"github.com/regrant/regrant/attest/secret"
	"github.com/regrant/regrant/attest/sshsig"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/recovery"
)

// way is how a method is proved in a browser; nil: not at all.
func (g *Gateway) way(r *http.Request, q asked, o recovery.Offer) *pages.Section {
	form, text := g.proofForm(q, o.Method), q.statement.Text()
	var s pages.Section
	switch o.Method {
	case attest.MethodPasskey:
		s = pages.WithPasskey(form, string(o.Options))
	case attest.MethodRecoveryCode:
		s = pages.WithCode(form)
	case attest.MethodSSHKey:
		s = pages.WithSSHKey(form, text, sshsig.Namespace(g.issuer))
	case attest.MethodRecoveryKey:
		s = pages.WithRecoveryKey(form, text)
	case attest.MethodPassphrase:
		if q.reference == "" { // it counts beside another proof alone
			return nil
		}
		s = pages.WithPassphrase(form)
	case attest.MethodDeviceCertificate:
		if connection(r) == nil {
			return nil
		}
		s = pages.WithConnection(form)
	default:
		return nil
	}
	return &s
}

// evidenceOf makes the evidence of a form what a client of the JSON endpoint would send. None: the statement is to be renewed.
func evidenceOf(sent url.Values, r *http.Request) ([]attest.Evidence, error) {
	m := attest.Method(sent.Get("method"))
	if m == renewal {
		return nil, nil
	}
	body, err := bodyOf(m, sent, r)
	if err != nil {
		return nil, err
	}
	return []attest.Evidence{{Method: m, Body: body}}, nil
}

func bodyOf(m attest.Method, sent url.Values, r *http.Request) ([]byte, error) {
	members := map[string]any{"method": m}
	switch m {
	case attest.MethodPasskey:
		credential := json.RawMessage(sent.Get("credential"))
		if !json.Valid(credential) {
			return nil, badProof(pages.PasskeyUnread)
		}
		members["credential"] = credential
	case attest.MethodRecoveryCode:
		if typo, ok := errors.AsType[*secret.TypoError](secret.CheckCode(sent.Get("code"))); ok {
			return nil, badProof(pages.CodeMistyped(typo.Groups))
		}
		members["code"] = sent.Get("code")
	case attest.MethodPassphrase:
		members["passphrase"] = sent.Get("passphrase")
	case attest.MethodSSHKey:
		members["signature"] = carried(sent, "signature")
	case attest.MethodRecoveryKey:
		body, err := recoverykey.ParseProof(carried(sent, "proof"))
		if err != nil {
			return nil, badProof(pages.ProofUnread)
		}
		return body, nil
	case attest.MethodDeviceCertificate:
		if connection(r) == nil {
			return nil, badProof(pages.ConnectionMissing)
		}
		members["connection"] = true
		members["certificate_chain"] = chainOf(r)
	default:
		return nil, badProof(pages.WayUnknown)
	}
	return json.Marshal(members)
}

// chainOf is what the browser has shown of its certificate, in PEM.
func chainOf(r *http.Request) (chain []string) {
	for _, c := range r.TLS.PeerCertificates {
		chain = append(chain, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	}
	return chain
}
