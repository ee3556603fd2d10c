package integration

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// The CRLs of tests that wait for the next one live so long: the gateway fetches that after about half of it. On a busy machine it may come
// when the last has ended, see [held].
const crlLife = 4 * time.Second

// lasting is the life of CRLs of which no next one is waited for.
const lasting = time.Hour

// withinBound is how long an answer may take while a server of the CA hangs.
const withinBound = 5 * time.Second

func TestDeviceOfTheOperatorsOwnCARecoversUntilItsCRLListsIt(t *testing.T) {
	ca := newOperatorCA(t)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Method: ca.withCRL(crlLife)})
	c := enrolledWith(t, e, ca.device(t, "alice's laptop"))
	attestsHeld(t, c, http.StatusOK, "")
	ca.revoke(c)
	until(t, 20*time.Second, "the next CRL is used", func() bool { return tries(t, c).Status == http.StatusForbidden })
	attestsHeld(t, c, http.StatusForbidden, "refused")
}

func TestRecoveryAnswersThatItCannotTellWithoutACRLThatHolds(t *testing.T) {
	ca := newOperatorCA(t)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Method: ca.withCRL(crlLife)})
	c := enrolledWith(t, e, ca.device(t, "laptop"))
	for name, spoilt := range map[string]http.HandlerFunc{
		"the server is down":                   status(http.StatusInternalServerError),
		"the server hangs":                     ca.hang,
		"the CRL is out of date":               ca.crl(ca.key, -time.Second),
		"the CRL is signed by somebody else":   ca.crl(claimant.NewKey(), crlLife),
		"the CRL is no CRL":                    text("<html>Sign in to the network</html>"),
		"the server redirects to this machine": redirect(ca.hidden.URL),
	} {
		t.Run(name, func(t *testing.T) {
			attestsHeld(t, c, http.StatusOK, "")
			ca.answer(spoilt)
			until(t, 20*time.Second, "the last CRL has ended", func() bool { return tries(t, c).Status != http.StatusOK })
			begin := time.Now()
			attests(t, c, http.StatusServiceUnavailable, "unavailable")
			if took := time.Since(begin); took > withinBound {
				t.Errorf("answered after %v", took)
			}
			ca.answer(ca.crl(ca.key, crlLife))
			until(t, 90*time.Second, "it recovers by itself", func() bool { return tries(t, c).Status == http.StatusOK })
		})
	}
	if n := ca.hiddenAsked.Load(); n != 0 {
		t.Errorf("followed a redirect to this machine %d times", n)
	}
}

func TestSlowResponderIsAnsweredInTimeAndHeardLater(t *testing.T) {
	ca := newOperatorCA(t)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Method: ca.withOCSP()})
	c := enrolledWith(t, e, ca.device(t, "laptop"))
	attests(t, c, http.StatusOK, "")
	second := ca.device(t, "phone")
	asked := map[string]any{"activation_code": activationCode(t, e), "csr": request(t, second.key), "certificate_chain": second.chain()}
	ca.answer(ca.hang)
	begin := time.Now()
	if a := post(t, e, asked); a.Status != http.StatusServiceUnavailable || a.Code() != "unavailable" {
		t.Errorf("while nobody could tell whether the certificate is revoked: %d %s", a.Status, a.Body)
	}
	if took := time.Since(begin); took > withinBound {
		t.Errorf("answered after %v", took)
	}
	ca.answer(ca.ocsp)
	until(t, 30*time.Second, "the responder is asked again", func() bool {
		_, err := enroll(t, e, second)
		return err == nil
	})
	third := ca.device(t, "tablet")
	ca.list(third.certificate)
	if _, err := enroll(t, e, third); exitCode(err) != 1 {
		t.Errorf("a revoked certificate: %v", err)
	}
}

func TestForeignCertificateIsNotBoundAndProvesNothing(t *testing.T) {
	ca, impostor := newOperatorCA(t), newOperatorCA(t)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Method: ca.withCRL(lasting)})
	good := ca.device(t, "laptop")
	c := enrolledWith(t, e, good)

	other := impostor.device(t, "laptop")
	if _, err := enroll(t, e, other); exitCode(err) != 1 {
		t.Errorf("a certificate of another CA with the same name: %v", err)
	}
	// The bound key, certified by the other CA, which knows nothing of a revocation.
	again := *c
	again.Chain = impostor.certify(t, good.key, "laptop").chain()
	attests(t, &again, http.StatusForbidden, "refused")

	// The certificate is public: with it, and another key, nothing is bound.
	thief := ca.device(t, "desk")
	answer := post(t, e, map[string]any{
		"activation_code": activationCode(t, e), "csr": request(t, claimant.NewKey()), "certificate_chain": thief.chain(),
	})
	if answer.Status != http.StatusBadRequest || answer.Code() != "malformed" {
		t.Errorf("a stolen certificate: %d %s", answer.Status, answer.Body)
	}
	var problem struct {
		Member string `json:"member"`
	}
	if err := json.Unmarshal(answer.Body, &problem); err != nil || problem.Member != "/certificate_chain" {
		t.Errorf("the answer names %q: %v", problem.Member, err)
	}
}

func TestNoAddressInACertificateIsAsked(t *testing.T) {
	ca := newOperatorCA(t)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Method: ca.withCRL(lasting)})
	device := ca.certifyWith(t, claimant.NewKey(), func(template *x509.Certificate) {
		template.Subject.CommonName = "laptop"
		template.OCSPServer = []string{ca.hidden.URL}
		template.IssuingCertificateURL = []string{ca.hidden.URL}
		template.CRLDistributionPoints = []string{ca.hidden.URL}
	})
	c := enrolledWith(t, e, device)
	attests(t, c, http.StatusOK, "")
	if n := ca.hiddenAsked.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}
