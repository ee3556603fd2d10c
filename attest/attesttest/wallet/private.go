package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
)

// private is the number that makes a key private: nobody who knows it needs the rest.
func private(key crypto.Signer) []byte {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if b, err := key.Bytes(); err == nil {
			return b
		}
	case ed25519.PrivateKey:
		return key.Seed()
	case *rsa.PrivateKey:
		return key.D.Bytes()
	}
	panic("no such key in a wallet")
}
