package gateway

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// An attacker who could tell refusals apart would learn who has an account, and what is bound to it.
func TestRefusalsAreTheSameBytes(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	stranger := &program{h: h, key: attesttest.NewKey(t)}
	stranger.device = attesttest.NewCA(t).DeviceWithKey(t, stranger.key, nil)
	thief := &program{h: h, key: attesttest.NewKey(t), device: p.device}

	answers := map[string]*httptest.ResponseRecorder{}
	begun := stranger.initiate("sign-in")
	answers["unknown device"] = stranger.post("/recovery/attest", stranger.evidence(begun))
	begun = p.initiate("sign-in")
	answers["another recovery's proof"] = p.post("/recovery/attest", `{"recovery_id":"`+begun.RecoveryID+`","evidence":[`+string(p.device.Evidence(p.initiate("sign-in").Statement))+`]}`)
	begun = p.initiate("sign-in")
	answers["method not configured"] = p.post("/recovery/attest", `{"recovery_id":"`+begun.RecoveryID+`","evidence":[{"method":"recovery-code","code":"x"}]}`)
	begun = p.initiate("sign-in")
	answers["unreadable evidence"] = p.post("/recovery/attest", `{"recovery_id":"`+begun.RecoveryID+`","evidence":[{"method":"device-certificate","x":1}]}`)
	begun = p.initiate("sign-in")
	answers["another holder"] = thief.post("/recovery/attest", p.evidence(begun))
	begun = answer[wire.InitiateResponse](t, p.post("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: "bob@example.com", Actions: []string{"sign-in"}}))
	answers["another's account"] = p.post("/recovery/attest", p.evidence(begun))
	h.idp.set(func(f *fakeIDP) { f.disabled = true })
	begun = p.initiate("sign-in")
	answers["disabled account"] = p.post("/recovery/attest", p.evidence(begun))

	var first *httptest.ResponseRecorder
	for name, w := range answers {
		wantProblem(t, w, http.StatusForbidden, wire.ProblemRefused, "")
		if first == nil {
			first = w
		}
		if !bytes.Equal(w.Body.Bytes(), first.Body.Bytes()) || !maps.EqualFunc(w.Header(), first.Header(), func(a, b []string) bool { return strings.Join(a, ",") == strings.Join(b, ",") }) {
			t.Errorf("%s is told apart: %v %s", name, w.Header(), w.Body)
		}
	}
}

func TestTooManyRequestsAreTurnedAway(t *testing.T) {
	slow, now := throttle.Rate{Burst: 1, Every: 1500 * time.Millisecond}, time.Now()
	h := open(t, func(h *house) { h.limiter = throttle.Config{PerNetwork: slow, Clock: func() time.Time { return now }} })
	for i, path := range []string{"/recovery/initiate", "/recovery/attest", "/recovery/devices/enroll"} {
		h.addr = netip.AddrFrom4([4]byte{198, 51, byte(i), 1})
		h.postJSON(path, "{}")
		h.addr = netip.AddrFrom4([4]byte{198, 51, byte(i), 200}) // the same network
		w := h.postJSON(path, "{}")
		wantProblem(t, w, http.StatusTooManyRequests, wire.ProblemTooManyRequests, "")
		if got := w.Header().Get("Retry-After"); got != "2" {
			t.Errorf("%s: Retry-After is %q", path, got)
		}
	}
}

func TestAnAccountThatIsFullOfDevicesIsADefiniteAnswer(t *testing.T) {
	h := open(t)
	code, err := h.Authority.NewCode(t.Context(), authority.CodeRequest{Identifier: alice, As: "admin"})
	must(t, err)
	must(t, h.DB.Update(t.Context(), func(tx storage.Tx) error {
		for i := range account.MaxPerAccount {
			bound := account.Authenticator{
				Upstream: "main", AccountID: aliceID, Identifiers: []string{alice}, Method: "device-certificate",
				Handles: []account.Handle{{Value: fmt.Append(nil, i)}}, BoundBy: "admin", EffectiveAt: tx.Now(),
			}
			if err := h.Accounts.Bind(tx, &bound); err != nil {
				return err
			}
		}
		return nil
	}))
	w := h.postJSON("/recovery/devices/enroll", wire.EnrollRequest{ActivationCode: code.Text, CSR: csr(t, attesttest.NewKey(t))})
	wantProblem(t, w, http.StatusForbidden, wire.ProblemRefused, "")
	if !strings.Contains(w.Body.String(), "as many authenticators as it can have") {
		t.Errorf("the answer does not say why: %s", w.Body)
	}
}

func TestUnknownAddressIsNotServed(t *testing.T) {
	h := open(t)
	h.addr = netip.Addr{}
	wantProblem(t, h.postJSON("/recovery/initiate", wish, "Origin", origin), http.StatusServiceUnavailable, wire.ProblemUnavailable, "")
}

func TestWhatCannotBeToldIsNeverAGrantNorARefusal(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	begun := p.initiate("sign-in")
	h.idp.set(func(f *fakeIDP) { f.down = true })
	w := p.post("/recovery/attest", p.evidence(begun))
	wantProblem(t, w, http.StatusServiceUnavailable, wire.ProblemUnavailable, "")
	if w.Header().Get("Retry-After") != "5" || strings.Contains(w.Body.String(), "idp") {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	h.idp.set(func(f *fakeIDP) { f.down = false })
	begun = p.initiate("sign-in")
	h.db.down.Store(true)
	wantProblem(t, p.post("/recovery/attest", p.evidence(begun)), http.StatusServiceUnavailable, wire.ProblemUnavailable, "")
}

func TestRefusalsAreLoggedOnceAndNameNobody(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	begun := p.initiate("sign-in")
	h.log.Reset()
	h.get("/recovery/alice@example.com?code=secret")
	h.postJSON("/recovery/initiate", strings.Replace(wish, "sign-in", "secret", 1), "Origin", origin)
	p.post("/recovery/status", wire.StatusRequest{RecoveryID: "secret"})
	h.idp.set(func(f *fakeIDP) { f.down = true })
	p.post("/recovery/attest", p.evidence(begun))
	logged := h.log.String()
	if n := strings.Count(logged, "recovery request answered"); n != 4 {
		t.Errorf("%d lines, want 4:\n%s", n, logged)
	}
	for _, secret := range []string{"alice", "secret", "203.0.113", begun.RecoveryID[:16]} {
		if strings.Contains(logged, secret) {
			t.Errorf("%q was logged:\n%s", secret, logged)
		}
	}
}

func TestCausesAreLoggedWithoutTheAddressThatWasAsked(t *testing.T) {
	err := fmt.Errorf("asking: %w: %v", upstream.ErrUnavailable, &url.Error{Op: "Get", URL: "https://idp.internal:8443/users?username=alice", Err: errDown})
	if got := causeText(err); got != `asking: upstream unavailable: Get "https://idp.internal:8443/…": unexpected EOF` {
		t.Errorf("logged %q", got)
	}
}
