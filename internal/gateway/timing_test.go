//go:build !race

// The race detector makes everything else slower and checking a signature not, so under it the planted difference drowns.
// `make test` runs this file without it.

package gateway

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
)

const (
	pairs = 500
	// enough is where a difference counts as seen: under equality, one measurement in 15,000 gets there.
	enough = 4
	// fastest is the part of the measurements of each side that is looked at. As with dudect (Reparaz, Balasch,
	// Verbauwhede, "Dude, is my code constant time?", DATE 2017, section III.B), what is slower tells of the scheduler and
	// not of the work.
	fastest = 0.75
	// tries is how often a busy machine is asked whether it sees the planted difference.
	tries = 5
)

// side is whom a stranger asks about.
type side int

const (
	known   side = iota // an account that there is
	unknown             // one that there is not
	planted             // one that there is, by a gateway that checks one more signature for it
	sides
)

func (s side) account() string {
	if s == unknown {
		return "ghost@example.com"
	}
	return alice
}

// watch measures a gateway, in one process with it: neither network nor disk is between a difference and whoever looks.
type watch struct {
	*house
	t      *testing.T
	extra  *ecdsa.PrivateKey // signature that planted checks
	digest [32]byte
	sig    []byte
}

func newWatch(t *testing.T, h *house) *watch {
	w := &watch{house: h, t: t, extra: attesttest.NewKey(t), digest: sha256.Sum256([]byte("a statement"))}
	var err error
	w.sig, err = ecdsa.SignASN1(rand.Reader, w.extra, w.digest[:])
	must(t, err)
	return w
}

// take is how long the gateway takes to answer r.
func (w *watch) take(r *http.Request, s side) float64 {
	answer := httptest.NewRecorder()
	begin := time.Now()
	if s == planted && !ecdsa.VerifyASN1(&w.extra.PublicKey, w.digest[:], w.sig) {
		w.t.Fatal("the planted signature does not verify")
	}
	err := w.ServeHTTP(answer, r, nil)
	took := time.Since(begin)
	must(w.t, err)
	if answer.Code != http.StatusOK && answer.Code != http.StatusForbidden {
		w.t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return float64(took)
}

// question is something that a stranger can ask about an account; each call makes it anew.
type question func(account string) *http.Request

func (w *watch) questions() map[string]question {
	owner, stranger := w.enrolled(), &program{h: w.house, key: attesttest.NewKey(w.t)}
	ask := func(path string, v any) *http.Request {
		return jsonRequest(w.t, path, v, "DPoP", stranger.proof(path, ""))
	}
	begun := func(account string) wire.InitiateResponse {
		return answer[wire.InitiateResponse](w.t, w.serve(ask("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: account, Actions: []string{"sign-in"}})))
	}
	stolen := *stranger // the certificate of the account's device, without its key
	stolen.device = &attesttest.Device{Key: stranger.key, Chain: owner.device.Chain, Algorithm: "ES256"}
	unbound := *stranger // a good certificate and key of nobody's
	unbound.device = w.unbound.Device(w.t, nil)
	proof := func(p program) question {
		return func(account string) *http.Request { return ask("/recovery/attest", p.evidence(begun(account))) }
	}
	return map[string]question{
		"initiate": func(account string) *http.Request {
			return ask("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: account, Actions: []string{"sign-in"}})
		},
		"attest with the account's certificate and another key": proof(stolen),
		"attest with a certificate that is bound to no account": proof(unbound),
		"status": func(account string) *http.Request {
			return ask("/recovery/status", wire.StatusRequest{RecoveryID: begun(account).RecoveryID})
		},
	}
}

// measure asks about each side n times, in an order that is drawn anew each time. Garbage is collected in between.
func (w *watch) measure(q question, n int) (times [sides][]float64) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for i := range n {
		if i%25 == 0 {
			runtime.GC()
		}
		for _, i := range mathrand.Perm(int(sides)) {
			s := side(i)
			times[s] = append(times[s], w.take(q(s.account()), s))
		}
	}
	return times
}

// The time to an answer tells nobody whether there is an account. That the measurement would see a difference is shown
// in the same run: one more signature check for known accounts is seen.
func TestKnownAndUnknownAccountsTakeTheSameTime(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	w := newWatch(t, open(t, func(h *house) {
		h.unbound, h.limiter.PerNetwork = attesttest.NewCA(t), throttle.Rate{Burst: 1 << 20, Every: time.Nanosecond}
	}))
	for name, q := range w.questions() {
		w.compare(name, q)
	}
}

// That passkeys are named tells nobody either whether there are any.
func TestAccountsWithAndWithoutNamedPasskeysTakeTheSameTime(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	for _, have := range []int{0, 1, 4} {
		w := newWatch(t, open(t, namesPasskeys(t), func(h *house) {
			h.unbound, h.limiter.PerNetwork = attesttest.NewCA(t), throttle.Rate{Burst: 1 << 20, Every: time.Nanosecond}
		}))
		w.crowd()
		for range have {
			w.binds(w.visitor(), wallet.NewPasskey(t))
		}
		w.compare(fmt.Sprintf("initiate, with %d passkeys", have), w.questions()["initiate"])
	}
}

// Strangers know keys that may be bound, such as the SSH keys that people publish. Whether one is, they are not told either.
func TestKeysThatAreBoundAndOthersTakeTheSameTime(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	w := newWatch(t, open(t, func(h *house) {
		h.unbound, h.limiter.PerNetwork = attesttest.NewCA(t), throttle.Rate{Burst: 1 << 20, Every: time.Nanosecond}
	}))
	bound, other := w.unbound.Device(t, nil), w.unbound.Device(t, nil)
	now := w.clock()
	must(t, w.db.Update(t.Context(), func(tx storage.Tx) error {
		return w.Accounts.Bind(tx, &account.Authenticator{
			Upstream: "main", AccountID: aliceID, Identifiers: []string{alice}, Method: attest.MethodDeviceCertificate,
			Handles: []account.Handle{{Value: bound.Handle()}}, Label: "laptop", EffectiveAt: now.Add(time.Hour), BoundBy: "test",
		})
	}))
	stranger := &program{h: w.house, key: attesttest.NewKey(t)}
	w.compare("attest with a key that is bound or not", func(account string) *http.Request {
		copied := *stranger
		copied.device = &attesttest.Device{Key: stranger.key, Chain: bound.Chain, Algorithm: "ES256"}
		if account != alice {
			copied.device.Chain = other.Chain
		}
		begun := answer[wire.InitiateResponse](t, w.serve(jsonRequest(t, "/recovery/initiate", wire.InitiateRequest{
			AccountIdentifier: alice, Actions: []string{"sign-in"},
		}, "DPoP", stranger.proof("/recovery/initiate", ""))))
		return jsonRequest(t, "/recovery/attest", copied.evidence(begun), "DPoP", stranger.proof("/recovery/attest", ""))
	})
}

// compare fails the test if the answers to q tell known accounts from unknown ones by their time.
func (w *watch) compare(name string, q question) {
	w.t.Helper()
	w.measure(q, pairs/10) // to warm up
	for try := 1; ; try++ {
		times := w.measure(q, pairs)
		same, seen := welch(times[known], times[unknown]), welch(times[planted], times[unknown])
		w.t.Logf("%s: known %.0f µs, unknown %.0f µs, t = %.2f; with a signature more %.0f µs, t = %.2f", name,
			median(times[known])/1e3, median(times[unknown])/1e3, same, median(times[planted])/1e3, seen)
		if math.Abs(same) >= enough {
			w.t.Errorf("%s: known and unknown accounts are told apart", name)
		}
		// A machine that is too busy to see anything is asked again. A difference that was seen is not.
		if seen > enough {
			return
		}
		if try == tries {
			w.t.Errorf("%s: a signature more was not seen, so nothing is known", name)
			return
		}
	}
}

// welch is Welch's t of the trimmed means of a and b (Yuen, "The two-sample trimmed t for unequal population variances",
// Biometrika 61, 1974).
func welch(a, b []float64) float64 {
	meanA, errorA := trimmed(a)
	meanB, errorB := trimmed(b)
	return (meanA - meanB) / math.Sqrt(errorA+errorB)
}

// trimmed is the mean of the kept part of x, and the square of its standard error: that of x Winsorized.
func trimmed(x []float64) (mean, squaredError float64) {
	x = slices.Sorted(slices.Values(x))
	n, kept := len(x), int(fastest*float64(len(x)))
	mean = average(x[:kept])
	for i := kept; i < n; i++ {
		x[i] = x[kept-1]
	}
	center, squares := average(x), 0.0
	for _, v := range x {
		squares += (v - center) * (v - center)
	}
	return mean, squares / float64(kept) / float64(kept-1)
}

func average(x []float64) (mean float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return mean
}

func median(x []float64) float64 { return slices.Sorted(slices.Values(x))[len(x)/2] }
