package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/wire"
)

// over makes the request come over a TLS connection with a verified client certificate.
func over(c *x509.Certificate) func(*http.Request) {
	return func(r *http.Request) {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
	}
}

func certificate(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "payroll", Organization: []string{"Example"}},
		NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"payroll.example.com"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

func asIs(*x509.Certificate) {}

// only the verified certificate of the connection itself names a client, by exactly one field.
func TestAnotherCertificateIsRefused(t *testing.T) {
	p, _, _ := staffed(t)
	f := p.forgeryFor("payroll")
	good := certificate(t, asIs)
	for name, change := range map[string]func(*http.Request){
		"R-151 another name":   over(certificate(t, func(c *x509.Certificate) { c.DNSNames = []string{"evil.example.com"} })),
		"R-151 name in the CN": over(certificate(t, func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, "payroll.example.com" })),
		"R-151 a wildcard":     over(certificate(t, func(c *x509.Certificate) { c.DNSNames = []string{"*.example.com"} })),
		"no certificate":       func(r *http.Request) { r.TLS = &tls.ConnectionState{} },
		"no TLS":               func(*http.Request) {},
		"not verified":         func(r *http.Request) { r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{good}} },
		"R-149 in a header": func(r *http.Request) {
			r.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(good.Raw)+":")
		},
		"R-149 in another one": func(r *http.Request) { r.Header.Set("X-Forwarded-Client-Cert", url.QueryEscape(string(good.Raw))) },
	} {
		t.Run(name, func(t *testing.T) {
			f.request = change
			wantOAuth(t, f.send(), http.StatusUnauthorized, "invalid_client")
		})
	}
	f.request = over(good)
	answer[wire.TokenResponse](t, f.send())
}

// a token that was got over a certificate's connection is good over that alone.
func TestACertificateBoundTokenNeedsItsCertificate(t *testing.T) {
	p, _, _ := staffed(t)
	mine := certificate(t, asIs)
	f := p.forgeryFor("payroll")
	f.request = over(mine)
	access := answer[wire.TokenResponse](t, f.send()).AccessToken
	complete := func(change func(*http.Request)) *http.Request {
		r := request(t, http.MethodPost, "/recovery/complete", nil, "Authorization", "DPoP "+access,
			"DPoP", p.proof("/recovery/complete", wire.AccessTokenHash(access)))
		change(r)
		return r
	}
	for name, change := range map[string]func(*http.Request){
		"another certificate of the client": over(certificate(t, asIs)), "none": func(*http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			w := p.h.serve(complete(change))
			wantProblem(t, w, http.StatusUnauthorized, wire.ProblemHolder, "")
			if !strings.Contains(w.Header().Get("WWW-Authenticate"), "invalid_token") {
				t.Errorf("challenge %q", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
	r := complete(over(mine))
	sum := sha256.Sum256(mine.Raw)
	if got, want := grant.CertificateSHA256(r), base64.RawURLEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("thumbprint %s, want %s", got, want)
	}
	answer[wire.CompleteResponse](t, p.h.serve(r))
}
