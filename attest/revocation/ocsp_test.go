package revocation_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
)

func TestResponseOfTheIssuerIsBelieved(t *testing.T) {
	newScene(t).answer(t, nil).mustBeGood(t)
	newScene(t).answer(t, func(r *attesttest.OCSP) { r.ByKey = true }).mustBeGood(t)
	newScene(t).answer(t, func(r *attesttest.OCSP) { r.Singles[0].Status = 1 }).mustRefuse(t, attest.ReasonRevoked)
	newScene(t).answer(t, func(r *attesttest.OCSP) { r.Singles[0].Status = 2 }).mustRefuse(t, attest.ReasonRevocationUnknown)
}

// RFC 6960 section 3.2.
func TestResponseThatDoesNotCountSaysNothing(t *testing.T) {
	stranger := attesttest.NewCA(t)
	timestamps := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 5}, Critical: true, Value: []byte{4, 0}}
	for name, mutate := range map[string]func(*attesttest.OCSP){
		"stale":             func(r *attesttest.OCSP) { r.Singles[0].NextUpdate = now },
		"from the future":   func(r *attesttest.OCSP) { r.Singles[0].ThisUpdate = now.Add(time.Second) },
		"no next update":    func(r *attesttest.OCSP) { r.Singles[0].NextUpdate = time.Time{} },
		"produced later":    func(r *attesttest.OCSP) { r.ProducedAt = now.Add(time.Second) },
		"another signer":    func(r *attesttest.OCSP) { r.Signer = stranger.Key },
		"another responder": func(r *attesttest.OCSP) { r.Responder = stranger.Certificate },
		"another serial":    func(r *attesttest.OCSP) { r.Singles[0].Certificate = stranger.Device(t, nil).Certificate },
		"another issuer":    func(r *attesttest.OCSP) { r.Singles[0].Issuer = stranger.Certificate },
		"about nothing":     func(r *attesttest.OCSP) { r.Singles = nil },
		"unknown critical":  func(r *attesttest.OCSP) { r.Extensions = []pkix.Extension{unknown} },
		"unknown critical in the single response": func(r *attesttest.OCSP) { r.Singles[0].Extensions = []pkix.Extension{unknown} },
		"good and unknown": func(r *attesttest.OCSP) {
			r.Singles = append(r.Singles, r.Singles[0])
			r.Singles[1].Status = 2
		},
		"empty nonce": func(r *attesttest.OCSP) {
			r.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: []byte{4, 0}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t).answer(t, mutate)
			s.mustRefuse(t, attest.ReasonRevocationUnknown)
			if _, err := revocation.ParseResponse(s.responses[0]); (err != nil) != (name == "empty nonce") {
				t.Errorf("parsing: %v", err)
			}
		})
	}
	newScene(t).answer(t, func(r *attesttest.OCSP) { r.Singles[0].Extensions = []pkix.Extension{timestamps} }).mustBeGood(t)
	newScene(t).answer(t, func(r *attesttest.OCSP) {
		r.Singles = append(r.Singles, r.Singles[0])
		r.Singles[1].Status = 1
	}).mustRefuse(t, attest.ReasonRevoked)
}

// A response that speaks twice about a certificate is not made good by a CRL once it says that the certificate is revoked.
func TestRevokedOutweighsWhateverElseAResponseSays(t *testing.T) {
	for name, mutate := range map[string]func(*attesttest.Single){
		"stale":            func(s *attesttest.Single) { s.NextUpdate = now },
		"unknown":          func(s *attesttest.Single) { s.Status = 2 },
		"unknown critical": func(s *attesttest.Single) { s.Extensions = []pkix.Extension{unknown} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.responses = [][]byte{s.issuing.OCSP(t, now, s.device.Certificate, func(r *attesttest.OCSP) {
				r.Singles = append(r.Singles, r.Singles[0])
				mutate(&r.Singles[0])
				r.Singles[1].Status = 1
			})}
			s.mustRefuse(t, attest.ReasonRevoked)
		})
	}
}

func TestAgeOfAResponseIsBounded(t *testing.T) {
	s := newScene(t).answer(t, func(r *attesttest.OCSP) { r.Singles[0].NextUpdate = time.Time{} })
	s.policy.MaxOCSPAge = time.Hour
	s.mustBeGood(t)
	s.policy.MaxOCSPAge = 59 * time.Minute
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
}

// delegated lets another key answer for the issuing CA, with a certificate that a test changes.
func delegated(t *testing.T, s *scene, by *attesttest.CA, mutate func(*x509.Certificate)) *scene {
	t.Helper()
	responder := by.Device(t, func(c *x509.Certificate) {
		c.ExtKeyUsage, c.URIs = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, nil
		if mutate != nil {
			mutate(c)
		}
	})
	return s.answer(t, func(r *attesttest.OCSP) {
		r.Responder, r.Signer = responder.Certificate, responder.Key
		r.Certificates = []*x509.Certificate{responder.Certificate}
	})
}

var noCheck = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}

// RFC 6960 section 4.2.2.2.
func TestResponderNeedsACertificateForItByTheIssuer(t *testing.T) {
	short := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter, c.ExtraExtensions = now.Add(-time.Hour), now.Add(90*24*time.Hour-time.Hour), []pkix.Extension{noCheck}
	}
	for name, tt := range map[string]struct {
		mutate func(*x509.Certificate)
		good   bool
	}{
		"made for it":                        {nil, true},
		"not checked, for a short time":      {short, true},
		"not checked, for a long time":       {func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{noCheck} }, false},
		"to be checked, and nothing is held": {func(c *x509.Certificate) { c.OCSPServer = []string{"http://ocsp.test"} }, false},
		"made for clients":                   {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, false},
		"made for anything":                  {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, false},
		"made for nothing in particular":     {func(c *x509.Certificate) { c.ExtKeyUsage = nil }, false},
		"may not sign data":                  {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, false},
		"expired":                            {func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, false},
		"unknown critical extension":         {func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{unknown} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			delegated(t, s, s.issuing, tt.mutate)
			if tt.good {
				s.mustBeGood(t)
			} else {
				s.mustRefuse(t, attest.ReasonRevocationUnknown)
			}
		})
	}
	above := newScene(t)
	delegated(t, above, above.root, nil).mustRefuse(t, attest.ReasonRevocationUnknown)
	stranger := newScene(t)
	delegated(t, stranger, attesttest.NewCA(t), nil).mustRefuse(t, attest.ReasonRevocationUnknown)
}

func TestRevokedResponderIsNotBelieved(t *testing.T) {
	s := newScene(t)
	var responder *x509.Certificate
	delegated(t, s, s.issuing, func(c *x509.Certificate) { responder = c })
	s.mustBeGood(t)
	s.crls = append(s.crls, s.issuing.CRL(t, now, func(l *attesttest.CRL) {
		l.Revoked = []attesttest.Revoked{{Serial: responder.SerialNumber}}
		l.Extensions = append(l.Extensions[:1:1], id29(28, true, "\x30\x04\x83\x02\x01\x60")) // for some reasons, so not enough about the device
	}))
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
}

// The revoked device signs "good" about itself with its ordinary key. The library believes it; openssl and this package do not.
func TestDeviceCannotAnswerForItself(t *testing.T) {
	s := newScene(t)
	s.answer(t, func(r *attesttest.OCSP) {
		r.Responder, r.Signer = s.device.Certificate, s.device.Key
		r.Certificates = []*x509.Certificate{s.device.Certificate}
	})
	if r, err := ocsp.ParseResponseForCert(s.responses[0], s.device.Certificate, s.issuing.Certificate); err != nil || r.Status != ocsp.Good {
		t.Fatalf("the forgery is no good any more: %v", err)
	}
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
}

func TestRequestIsOneThatOthersReadAndItsNonceCounts(t *testing.T) {
	s := newScene(t)
	path, _ := s.path(t)
	request, err := revocation.NewRequest(path[0], path[1])
	if err != nil {
		t.Fatal(err)
	}
	read, err := ocsp.ParseRequest(request.DER)
	if err != nil || read.HashAlgorithm != crypto.SHA1 || read.SerialNumber.Cmp(s.device.Certificate.SerialNumber) != 0 {
		t.Errorf("read %+v, %v", read, err)
	}
	nonce := request.DER[len(request.DER)-34:] // as OCTET STRING, the last thing in a request
	for name, tt := range map[string]struct {
		extensions []pkix.Extension
		good       bool
	}{
		"none":    {nil, true},
		"ours":    {[]pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: nonce}}, true},
		"another": {[]pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: []byte("\x04\x03abc")}}, false},
	} {
		s.answer(t, func(r *attesttest.OCSP) { r.Extensions = tt.extensions })
		response, err := revocation.ParseResponse(s.responses[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := request.Answered(response); (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
		if !response.NextUpdate().Equal(now.Add(time.Hour)) {
			t.Errorf("next update at %v", response.NextUpdate())
		}
	}
}

func TestSourcesAreThoseInTheCertificate(t *testing.T) {
	s := sceneWith(t, nil, func(c *x509.Certificate) {
		c.CRLDistributionPoints, c.OCSPServer = []string{place}, []string{"http://ocsp.test"}
	})
	path, _ := s.path(t)
	from := revocation.SourcesOf(path[0])
	if len(from.CRLs) != 1 || from.CRLs[0] != place || len(from.OCSP) != 1 || from.OCSP[0] != "http://ocsp.test" {
		t.Errorf("sources %+v", from)
	}
	if from := revocation.SourcesOf(path[1]); len(from.CRLs)+len(from.OCSP) != 0 {
		t.Errorf("sources %+v", from)
	}
}

func FuzzParseResponse(f *testing.F) {
	s := newScene(f)
	f.Add(s.issuing.OCSP(f, now, s.device.Certificate, nil))
	f.Add(s.issuing.OCSP(f, now, s.device.Certificate, func(r *attesttest.OCSP) {
		r.ByKey, r.Certificates = true, []*x509.Certificate{s.device.Certificate}
		r.Singles[0].Status, r.Singles[0].Extensions, r.Extensions = 1, []pkix.Extension{unknown}, []pkix.Extension{unknown}
	}))
	path, bag := s.path(f)
	pair := certpath.Path{path[1], path[2]}
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := revocation.ParseResponse(der)
		if err != nil {
			return
		}
		// Nothing was ever said about the issuing CA.
		if err := s.policy.Check(pair, bag, revocation.Statements{Responses: []*revocation.Response{r}}); err == nil {
			t.Error("a response that nobody signed is believed")
		}
	})
}
