package strongkey

import (
	"crypto"
	"crypto/rsa"
	"math/big"

	"github.com/regrant/regrant/attest"
)

// CheckNew refuses RSA keys whose modulus has the fingerprint of ROCA (CVE-2017-15361), with the reason key: a library leaked their primes.
// A modulus does not change, so it is for keys that are to be bound, beside [Check]. Keys of other kinds pass.
func CheckNew(key crypto.PublicKey) error {
	if key, ok := key.(*rsa.PublicKey); ok && isROCA(key.N) {
		return attest.Refuse(attest.ReasonKey, "RSA key was made by a library that leaks its primes (CVE-2017-15361)")
	}
	return nil
}

// rocaPrimes are small primes modulo which 65537 generates few of the residues.
var rocaPrimes = []uint64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}

var (
	rocaProduct  = product() // of rocaPrimes
	rocaResidues = residues()
)

func product() *big.Int {
	all := big.NewInt(1)
	for _, p := range rocaPrimes {
		all.Mul(all, new(big.Int).SetUint64(p))
	}
	return all
}

// residues are for each of rocaPrimes the powers of 65537.
func residues() map[uint64]map[uint64]bool {
	powers := make(map[uint64]map[uint64]bool)
	for _, p := range rocaPrimes {
		powers[p] = make(map[uint64]bool)
		for x := uint64(1); !powers[p][x]; x = x * 65537 % p {
			powers[p][x] = true
		}
	}
	return powers
}

// isROCA tells whether n has the fingerprint of moduli whose primes are k*M + 65537^a mod M, with M a product of small primes (Nemec et
// al., The Return of Coppersmith's Attack, section 2): modulo each of them n is a power of 65537 too. Of other moduli, one in 2^27 has it.
func isROCA(n *big.Int) bool {
	small := new(big.Int).Mod(n, rocaProduct) // once; what follows is cheap
	var prime, rest big.Int
	for _, p := range rocaPrimes {
		if !rocaResidues[p][rest.Mod(small, prime.SetUint64(p)).Uint64()] {
			return false
		}
	}
	return true
}
