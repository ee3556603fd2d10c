package gateway

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
)

// gauge counts how many formats compute at once.
type gauge struct{ now, most atomic.Int32 }

func (g *gauge) enter() (leave func()) {
	n := g.now.Add(1)
	for seen := g.most.Load(); n > seen && !g.most.CompareAndSwap(seen, n); seen = g.most.Load() {
	}
	return func() { g.now.Add(-1) }
}

// gauged is a format under a gauge. What else it can do is left out, and not needed once everything is bound.
type gauged struct {
	attest.Enroller
	*gauge
}

func (f gauged) Locate(body []byte, account string) ([]byte, error) {
	defer f.enter()()
	return f.Enroller.Locate(body, account)
}

func (f gauged) Verify(in attest.Input) (attest.Claims, error) {
	defer f.enter()()
	return f.Enroller.Verify(in)
}

// longModulus is a number of so many bits: to verify with it takes as long as with a key that somebody holds.
func longModulus(bits int) *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits)))
	return n.SetBit(n.SetBit(n, bits-1, 1), 0, 1)
}

func element(t testing.TB, m map[string]any) string {
	t.Helper()
	text, err := json.Marshal(m)
	must(t, err)
	return string(text)
}

// costly is evidence that is made to take long, or much memory, by what it is.
func costly(t testing.TB, r *resident, statement string) map[string]string {
	t.Helper()
	long := rsa.PublicKey{N: longModulus(16384), E: 65537}
	root := attesttest.NewCA(t)
	leaf := longLeaf(t, root, &long)
	chain := []string{attesttest.PEM(leaf)}
	for range 5 {
		chain = append(chain, attesttest.PEM(root.Certificate))
	}
	deep := append(bytes.Repeat([]byte{0x81}, 10_000), 0)
	passkey := map[string]any{}
	must(t, json.Unmarshal(r.having(attest.MethodPasskey).Evidence(statement), &passkey))
	response, _ := passkey["credential"].(map[string]any)["response"].(map[string]any)
	data, err := base64.RawURLEncoding.DecodeString(response["authenticatorData"].(string))
	must(t, err)
	data[32] |= 1 << 7 // extensions, which are CBOR
	response["authenticatorData"] = b64(append(data, deep...))
	quote := map[string]any{}
	must(t, json.Unmarshal(r.having(attest.MethodTPM).Evidence(statement), &quote))
	quote["event_log"] = b64(bytes.Repeat([]byte{0, 0, 0, 3, 0, 0, 0, 0}, 2<<10))
	return map[string]string{
		"RSA of 16384 bits in a JWK": element(t, map[string]any{
			"method": "recovery-key", "public_key": map[string]any{"kty": "RSA", "n": b64(long.N.Bytes()), "e": "AQAB"}, "algorithm": "PS256",
			"signature": b64(make([]byte, 1024)),
		}),
		"RSA of 16384 bits in a certificate": element(t, map[string]any{
			"method": "device-certificate", "certificate_chain": chain, "algorithm": "PS256", "signature": b64(make([]byte, 1500)),
		}),
		"CBOR of 10,000 levels": element(t, passkey),
		"a long event log":      element(t, quote),
		"a wrong code":          `{"method":"recovery-code","code":"` + strings.Repeat("0", 42) + `"}`,
	}
}

func longLeaf(t testing.TB, ca *attesttest.CA, key *rsa.PublicKey) *x509.Certificate {
	t.Helper()
	template := ca.Device(t, nil).Certificate
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, key, ca.Key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

// Each piece eight times in a request, from many networks at once, while everything that can be guessed is guessed at beside a good proof.
// No more computes at once than strangers may take, the heap stays small, and every answer is the same.
func TestAFloodOfCostlyEvidenceIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for some seconds")
	}
	const senders, most = 40, 300 << 20 // bytes of heap; Argon2id alone takes 64 MiB at a time
	g := new(gauge)
	r := newResident(t, func(f attest.Format) attest.Format { return gauged{f.(attest.Enroller), g} }, func(h *house) {
		h.limiter = throttle.Config{PerNetwork: throttle.Rate{Burst: 1000, Every: time.Millisecond}}
	})
	g.most.Store(0)
	requests, kinds := r.floodOf(t, senders)
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() { peak <- attesttest.PeakHeap(stop) }()
	var running sync.WaitGroup
	answers := make([]*httptest.ResponseRecorder, len(requests))
	for i, request := range requests {
		running.Go(func() {
			answers[i] = httptest.NewRecorder()
			_ = r.h.ServeHTTP(answers[i], request, nil)
		})
	}
	running.Wait()
	close(stop)
	heap := <-peak
	refused, judged := "", map[string]int{}
	for i, w := range answers {
		switch {
		case w.Code == http.StatusTooManyRequests: // turned away before anything was read
		case w.Code == http.StatusServiceUnavailable && kinds[i] == "passphrases": // no room to hash: nothing can be told
		case w.Code != http.StatusForbidden || refused != "" && w.Body.String() != refused:
			t.Errorf("%s: %d %s", kinds[i], w.Code, w.Body)
		default:
			refused = w.Body.String()
			judged[kinds[i]]++
		}
	}
	for _, kind := range kinds {
		if judged[kind] == 0 {
			t.Errorf("%s: none was judged", kind)
		}
	}
	allowed := int32(runtime.GOMAXPROCS(0)+1) / 2
	t.Logf("%d requests, judged %v, %d MiB of heap at most, %d computing at once of %d processors", len(requests), judged, heap>>20, g.most.Load(), runtime.GOMAXPROCS(0))
	if heap > most || g.most.Load() > allowed || g.most.Load() == 0 {
		t.Errorf("%d MiB of heap at most; %d computed at once, %d may", heap>>20, g.most.Load(), allowed)
	}
}

// floodOf are so many requests of each kind.
func (r *resident) floodOf(t *testing.T, senders int) (requests []*http.Request, kinds []string) {
	t.Helper()
	add := func(kind string, begun wire.InitiateResponse, elements []string) {
		body := `{"recovery_id":"` + begun.RecoveryID + `","evidence":[` + strings.Join(elements, ",") + `]}`
		requests = append(requests, jsonRequest(t, "/recovery/attest", body, "DPoP", r.proofOf("/recovery/attest")))
		kinds = append(kinds, kind)
	}
	for range senders {
		begun := r.initiate("sign-in")
		for kind := range costly(t, r, begun.Statement) {
			begun := r.initiate("sign-in")
			one := costly(t, r, begun.Statement)[kind]
			elements := make([]string, wire.MaxEvidence)
			for i := range elements {
				elements[i] = one
			}
			add(kind, begun, elements)
		}
		key := string(r.having(attest.MethodSSHKey).Evidence(begun.Statement))
		add("passphrases", begun, []string{`{"method":"passphrase","passphrase":"not the one at all, this"}`, key})
	}
	return requests, kinds
}

func (r *resident) proofOf(path string) string { return r.program.proof(path, "") }
