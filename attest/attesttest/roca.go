package attesttest

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"
)

// NewROCAKey makes an RSA key as a faulty library did (CVE-2017-15361): its primes are k*M + 65537^a mod M, with M the product of the first 71
// primes. bits is an even number from 2048.
func NewROCAKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	m := primorial(71)
	for {
		p, q := rocaPrime(t, m, bits/2), rocaPrime(t, m, bits/2)
		n, one, e := new(big.Int).Mul(p, q), big.NewInt(1), big.NewInt(65537)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if n.BitLen() != bits || d == nil {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		return key
	}
}

// primorial is the product of the first n primes.
func primorial(n int) *big.Int {
	m := big.NewInt(1)
	for p := int64(2); n > 0; p++ {
		if prime := big.NewInt(p); prime.ProbablyPrime(20) {
			m.Mul(m, prime)
			n--
		}
	}
	return m
}

func rocaPrime(t testing.TB, m *big.Int, bits int) *big.Int {
	t.Helper()
	most := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), uint(bits)), m)
	for {
		k, err1 := rand.Int(rand.Reader, most)
		a, err2 := rand.Int(rand.Reader, big.NewInt(1<<62))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		p := k.Add(k.Mul(k, m), a.Exp(big.NewInt(65537), a, m))
		if p.BitLen() == bits && p.ProbablyPrime(20) {
			return p
		}
	}
}
