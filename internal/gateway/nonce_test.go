package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/wire"
)

func (p *program) nonced(path, nonce string) string {
	p.h.t.Helper()
	proof, err := wire.NewProofWithNonce(p.key, http.MethodPost, origin+path, time.Now().Add(time.Duration(p.h.offset.Load())), "", nonce)
	must(p.h.t, err)
	return proof
}

// where nonces are demanded, a proof without one of ours is asked for again, as each endpoint speaks.
func TestAProofWithoutOurNonceIsAskedForAgain(t *testing.T) {
	h := open(t, func(h *house) { h.nonces = true })
	p := h.enrolled()
	begun := p.post("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: alice, Actions: []string{"revoke-sessions"}})
	nonce := begun.Header().Get("DPoP-Nonce")
	if nonce == "" {
		t.Fatal("initiate, which demands none, brings no nonce")
	}
	evidence := p.evidence(answer[wire.InitiateResponse](t, begun))
	for name, wrong := range map[string]string{"none": "", "made up": strings.Repeat("A", len(nonce)), "altered": flip(nonce, 5)} {
		t.Run(name, func(t *testing.T) {
			w := h.postJSON("/recovery/attest", evidence, "DPoP", p.nonced("/recovery/attest", wrong))
			wantProblem(t, w, http.StatusUnauthorized, wire.ProblemUseDPoPNonce, "")
			if w.Header().Get("DPoP-Nonce") == "" || !strings.Contains(w.Header().Get("WWW-Authenticate"), "use_dpop_nonce") {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
	granted := answer[wire.AttestResponse](t, h.postJSON("/recovery/attest", evidence, "DPoP", p.nonced("/recovery/attest", nonce)))
	f := p.forgeryOf(granted.RecoveryToken)
	f.form.Set("client_id", grant.ClientDevice)
	w := f.send()
	wantOAuth(t, w, http.StatusBadRequest, "use_dpop_nonce")
	f.proof = func() string { return p.nonced("/recovery/token", w.Header().Get("DPoP-Nonce")) }
	answer[wire.TokenResponse](t, f.send())
}

// A nonce lives to the end of the period after its own, and another key ring knows none of it.
func TestANonceLivesForTwoPeriods(t *testing.T) {
	h := open(t, func(h *house) { h.nonces = true })
	nonce := h.nonce()
	for _, c := range []struct {
		later time.Duration
		lives bool
	}{{0, true}, {noncePeriod, true}, {2 * noncePeriod, false}, {-noncePeriod, false}} {
		h.offset.Store(int64(c.later))
		if h.lives(nonce) != c.lives {
			t.Errorf("after %s: lives %v", c.later, !c.lives)
		}
	}
	h.offset.Store(0)
	for _, other := range []string{"", "x", nonce + "A", flip(nonce, 0)} {
		if h.lives(other) {
			t.Errorf("%q lives", other)
		}
	}
}

func TestWithoutDemandNoNonceIsSent(t *testing.T) {
	p := open(t).enrolled()
	w := p.post("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: alice, Actions: []string{"sign-in"}})
	if w.Header().Get("DPoP-Nonce") != "" {
		t.Error("a nonce is sent")
	}
}

// the mistakes of a proof, at the token endpoint and at the completion. internal/wire has one test a check.
func TestEveryMistakeInAProofIsRefused(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	used := p.tokenProof()
	answer[wire.TokenResponse](t, p.exchangeWith(p.granted("revoke-sessions"), used))
	f := p.forgery()
	access := answer[wire.TokenResponse](t, p.exchange(p.granted("revoke-sessions"))).AccessToken // ends the one before
	proofOf := func(method, uri string, at time.Time, ath string) func() string {
		return func() string {
			proof, err := wire.NewProof(p.key, method, uri, at, ath)
			must(t, err)
			return proof
		}
	}
	here := issuer + "/token"
	for name, proof := range map[string]func() string{
		"htm":                 proofOf(http.MethodGet, here, time.Now(), ""),
		"htu of another":      proofOf(http.MethodPost, issuer+"/complete", time.Now(), ""),
		"htu with a query":    proofOf(http.MethodPost, here+"?x=1", time.Now(), ""),
		"htu of another host": proofOf(http.MethodPost, "https://evil.example/recovery/token", time.Now(), ""),
		"too old":             proofOf(http.MethodPost, here, time.Now().Add(-61*time.Second), ""),
		"too new":             proofOf(http.MethodPost, here, time.Now().Add(62*time.Second), ""),
		"ath where none is":   proofOf(http.MethodPost, here, time.Now(), wire.AccessTokenHash(access)),
		"another key's jwk":   func() string { return swapped(t, p) },
		"the recovery token":  func() string { return f.good },
		"used before":         func() string { return used },
		"nonsense":            func() string { return "x" },
	} {
		t.Run(name, func(t *testing.T) {
			one := p.again(f)
			one.proof = proof
			wantOAuth(t, one.send(), http.StatusBadRequest, "invalid_dpop_proof")
		})
	}
	t.Run("two headers", func(t *testing.T) {
		one := p.again(f)
		one.headers = []string{"DPoP", p.tokenProof()}
		wantOAuth(t, one.send(), http.StatusBadRequest, "invalid_dpop_proof")
	})
	t.Run("R-155 as a bearer", func(t *testing.T) {
		w := h.serve(request(t, http.MethodPost, "/recovery/complete", nil, "Authorization", "Bearer "+access))
		wantProblem(t, w, http.StatusUnauthorized, wire.ProblemHolder, "")
	})
	t.Run("R-142 in the URL", func(t *testing.T) {
		w := h.serve(request(t, http.MethodPost, "/recovery/complete?access_token="+access, nil))
		wantProblem(t, w, http.StatusBadRequest, wire.ProblemMalformed, "")
	})
	t.Run("R-144 with the recovery token", func(t *testing.T) {
		wantProblem(t, p.complete(f.good), http.StatusUnauthorized, wire.ProblemHolder, "")
	})
	t.Run("R-143 with another key", func(t *testing.T) {
		thief := &program{h: h, key: attesttest.NewKey(t)}
		wantProblem(t, thief.complete(access), http.StatusUnauthorized, wire.ProblemHolder, "")
	})
	answer[wire.CompleteResponse](t, p.complete(access)) // neither was spent by any of it
	answer[wire.TokenResponse](t, p.again(f).send())
}

func (p *program) exchangeWith(token, proof string) *httptest.ResponseRecorder {
	p.h.t.Helper()
	f := p.forgeryOf(token)
	f.form.Set("client_id", grant.ClientDevice)
	f.proof = func() string { return proof }
	return f.send()
}

// swapped is a proof that names the holder's key and is signed by another.
func swapped(t *testing.T, p *program) string {
	t.Helper()
	mine := strings.Split(p.tokenProof(), ".")
	theirs := strings.Split((&program{h: p.h, key: attesttest.NewKey(t)}).tokenProof(), ".")
	return mine[0] + "." + theirs[1] + "." + theirs[2]
}
