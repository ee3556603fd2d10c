package attest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512"
	"crypto/x509"
	"math"
	"slices"
	"testing"
	"time"
)

// race is two ways to spend time on the same evidence. whole is an appraisal from the bytes that were sent to the verdict. bare is the cryptography that it cannot do without, over the same input:
// every signature with the hash of what it signs, every keyed hash.
type race struct {
	name  string
	whole func() error
	bare  func() bool
}

// batch is about how long one side runs at a time.
const batch = 3 * time.Millisecond

// BenchmarkAppraisal runs whole and bare in turn, the other one first each time, so that what slows the machine slows both. A round is one of
// its operations: run it with -benchtime 101x. The figures are the best of the rounds, since whatever else a machine does only adds to them.
func BenchmarkAppraisal(b *testing.B) {
	for _, r := range races(b) {
		b.Run(r.name, func(b *testing.B) { r.run(b) })
	}
}

func (r race) run(b *testing.B) {
	whole := &side{work: func() {
		if err := r.whole(); err != nil {
			b.Fatal(err)
		}
	}}
	bare := &side{work: func() {
		if !r.bare() {
			b.Fatal("the bare operation fails")
		}
	}}
	first, second := whole, bare
	for b.Loop() {
		first.round()
		second.round()
		first, second = second, first
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(whole.best, "whole-ns")
	b.ReportMetric(bare.best, "bare-ns")
	b.ReportMetric(whole.best/bare.best, "ratio")
}

// side is one of the two.
type side struct {
	work  func()
	times int     // that fit into a batch; 0: not known yet
	best  float64 // nanoseconds
}

func (s *side) round() {
	if s.times == 0 {
		s.work() // fills caches
		s.times = max(1, int(float64(batch)/each(3, s.work)))
		s.best = math.Inf(1)
	}
	s.best = min(s.best, each(s.times, s.work))
}

// each is how many nanoseconds work takes, over n times.
func each(n int, work func()) float64 {
	began := time.Now()
	for range n {
		work()
	}
	return float64(time.Since(began)) / float64(n)
}

// signature is one that is in the evidence.
type signature struct {
	key     crypto.PublicKey
	hash    crypto.Hash
	message []byte
	value   []byte
	pss     bool
}

func (s signature) verifies() bool {
	digest := s.message
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(s.message)
		digest = h.Sum(nil)
	}
	switch key := s.key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, s.value)
	case ed25519.PublicKey:
		return ed25519.Verify(key, s.message, s.value)
	case *rsa.PublicKey:
		if s.pss {
			return rsa.VerifyPSS(key, s.hash, digest, s.value, nil) == nil
		}
		return rsa.VerifyPKCS1v15(key, s.hash, digest, s.value) == nil
	}
	return false
}

// signed signs a message as evidence does.
func signed(t testing.TB, key crypto.Signer, message []byte) signature {
	t.Helper()
	s := signature{key: key.Public(), hash: crypto.SHA256, message: message}
	digest := message
	if _, ok := key.(ed25519.PrivateKey); ok {
		s.hash = 0
	} else {
		h := s.hash.New()
		h.Write(message)
		digest = h.Sum(nil)
	}
	var err error
	if s.value, err = key.Sign(rand.Reader, digest, s.hash); err != nil {
		t.Fatal(err)
	}
	return s
}

// links are the signatures of a chain, from that over the leaf to that of the anchor over the one below it.
func links(chain ...*x509.Certificate) (all []signature) {
	for i, c := range chain[:len(chain)-1] {
		all = append(all, signature{key: chain[i+1].PublicKey, hash: crypto.SHA256, message: c.RawTBSCertificate, value: c.Signature})
	}
	return all
}

func verifying(all ...signature) func() bool {
	return func() bool { return !slices.ContainsFunc(all, func(s signature) bool { return !s.verifies() }) }
}
