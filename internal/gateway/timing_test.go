//go:build !race

// The race detector makes everything else slower and checking a signature not, so under it the planted difference drowns.
// `make test` runs this file without it.

package gateway

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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
	"github.com/regrant/regrant/attest/webauthn"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
)

const (
	pairs = 500
	// subtle is how many pairs show a hash for each of eight passkeys, less than 1 µs.
	subtle = 4000
	// enough is where a difference counts as seen: under equality, one measurement in 15,000 gets there.
	enough = 4
	// outer is the part of the differences that is not looked at, on either end. As with dudect (Reparaz, Balasch, Verbauwhede,
	// "Dude, is my code constant time?", DATE 2017, section III.B), those tell of the scheduler and not of the work.
	outer = 0.25
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

// aliceOrGhost is one account for each side. What is planted is asked about either, or one of them would be in the caches of the processor
// more often than the other.
func aliceOrGhost(s side) string {
	if s == unknown || s == planted && mathrand.IntN(2) == 0 {
		return "ghost@example.com"
	}
	return alice
}

// watch measures a gateway, in one process with it: neither network nor disk is between a difference and whoever looks.
type watch struct {
	*house
	t      *testing.T
	pairs  int
	name   func(side) string
	extra  *ecdsa.PrivateKey // signature that planted checks
	digest [32]byte
	sig    []byte
}

func newWatch(t *testing.T, h *house) *watch {
	w := &watch{house: h, t: t, pairs: pairs, name: aliceOrGhost, extra: attesttest.NewKey(t), digest: sha256.Sum256([]byte("a statement"))}
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
			times[s] = append(times[s], w.take(q(w.name(s)), s))
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

// That passkeys are named tells nobody either whether there are any. Two names are answered in unlike times, whether there are accounts or
// not: decoys are of lengths that differ by name and key, and longer answers take longer. So each question is about a name that is drawn.
func TestAccountsWithAndWithoutNamedPasskeysTakeTheSameTime(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	for _, have := range []int{0, 8} {
		w := newWatch(t, open(t, namesPasskeys(t), func(h *house) {
			h.unbound, h.limiter.PerNetwork = attesttest.NewCA(t), throttle.Rate{Burst: 1 << 20, Every: time.Nanosecond}
		}))
		w.crowd()
		w.pairs, w.name = subtle, w.settles(have)
		w.compare(fmt.Sprintf("initiate, with %d passkeys", have), w.questions()["initiate"])
	}
}

// settles makes accounts with a device and so many passkeys each, and returns what draws names of theirs and of nobody's. The ids of the passkeys
// are as long as those of decoys, having been some: else the lengths that are named would tell, and no clock be needed.
func (w *watch) settles(have int) func(side) string {
	const first, settled, last = 1000, 200, 10000
	name := func(i int) string { return fmt.Sprint("settler-", i) }
	stranger := &program{h: w.house, key: attesttest.NewKey(w.t)}
	for i := first; i < first+settled; i++ {
		handles := map[attest.Method][][]byte{attest.MethodDeviceCertificate: {[]byte(name(i))}}
		for _, id := range stranger.named(fmt.Sprint("model-", i))[:have] {
			credential, err := base64.RawURLEncoding.DecodeString(id)
			must(w.t, err)
			handles[attest.MethodPasskey] = append(handles[attest.MethodPasskey], webauthn.Handle(wallet.RPID, credential))
		}
		must(w.t, w.DB.Update(w.t.Context(), func(tx storage.Tx) error {
			for method, list := range handles {
				for _, handle := range list {
					if err := w.Accounts.Bind(tx, &account.Authenticator{
						Upstream: "main", AccountID: name(i), Identifiers: []string{name(i)}, Method: method, EffectiveAt: tx.Now().Add(time.Hour),
						Handles: []account.Handle{{Value: handle}},
					}); err != nil {
						return err
					}
				}
			}
			return nil
		}))
	}
	return func(s side) string {
		if s == unknown {
			return name(first + settled + mathrand.IntN(last-first-settled))
		}
		return name(first + mathrand.IntN(settled))
	}
}

// Strangers know keys that may be bound, such as the SSH keys that people publish. Whether one is, they are not told either. What is bound here
// has everything that an enrolled and proven key has: a shorter record is read in a shorter time, see [account.Store.Find].
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
			Upstream: "main", AccountID: aliceID, Identifiers: []string{"alice", alice}, Method: attest.MethodDeviceCertificate,
			Handles: []account.Handle{{Value: bound.Handle(), Reference: make([]byte, 96)}}, Label: "laptop", EffectiveAt: now.Add(time.Hour),
			LastProvenAt: now, BoundBy: "owner", BoundFrom: "203.0.113.0/24",
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

// compare fails the test if the answers to q tell known accounts from unknown ones by their time. A difference that is seen is looked for
// once more, in fresh samples: one that q makes is there again, on the same side, and one that the machine made by chance is not.
func (w *watch) compare(name string, q question) {
	w.t.Helper()
	w.measure(q, w.pairs/10) // to warm up
	first := w.difference(name, q)
	if math.Abs(first) < enough {
		return
	}
	if again := w.difference(name, q); math.Abs(again) >= enough && math.Signbit(again) == math.Signbit(first) {
		w.t.Errorf("%s: known and unknown accounts are told apart", name)
	}
}

// difference is how clearly known accounts are told from unknown ones, as a t.
func (w *watch) difference(name string, q question) float64 {
	w.t.Helper()
	for range tries {
		times := w.measure(q, w.pairs)
		same, seen := paired(times[known], times[unknown]), paired(times[planted], times[unknown])
		w.t.Logf("%s: known %.0f µs, unknown %.0f µs, t = %.2f; with a signature more %.0f µs, t = %.2f", name,
			median(times[known])/1e3, median(times[unknown])/1e3, same, median(times[planted])/1e3, seen)
		// A machine that is too busy to see anything is asked again.
		if seen > enough || math.Abs(same) >= enough {
			return same
		}
	}
	w.t.Errorf("%s: a signature more was not seen, so nothing is known", name)
	return 0
}

// paired is the t of the trimmed mean of the differences between a and b (Tukey, McLaughlin, "Less vulnerable confidence and significance
// procedures for location based on a single sample", Sankhya A 25, 1963). What was measured one after the other is compared, so that a machine
// that gets slower or faster meanwhile hides nothing.
func paired(a, b []float64) float64 {
	x := make([]float64, len(a))
	for i := range a {
		x[i] = a[i] - b[i]
	}
	slices.Sort(x)
	cut := int(outer * float64(len(x)))
	first, last := cut, len(x)-cut
	mean, kept := average(x[first:last]), float64(last-first)
	for i := range cut { // the standard error is that of x Winsorized
		x[i], x[last+i] = x[first], x[last-1]
	}
	center, squares := average(x), 0.0
	for _, v := range x {
		squares += (v - center) * (v - center)
	}
	return mean / math.Sqrt(squares/kept/(kept-1))
}

func average(x []float64) (mean float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return mean
}

func median(x []float64) float64 { return slices.Sorted(slices.Values(x))[len(x)/2] }
