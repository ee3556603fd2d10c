package sshsig

import (
	xssh "golang.org/x/crypto/ssh"

	"github.com/regrant/regrant/attest/strongkey"
)

// decoys says which key stands in for each type.
var decoys = map[string]string{
	xssh.KeyAlgoED25519:    strongkey.Ed25519,
	xssh.KeyAlgoSKED25519:  strongkey.Ed25519,
	xssh.KeyAlgoECDSA256:   strongkey.P256,
	xssh.KeyAlgoSKECDSA256: strongkey.P256,
	xssh.KeyAlgoECDSA384:   strongkey.P384,
	xssh.KeyAlgoECDSA521:   strongkey.P521,
	xssh.KeyAlgoRSA:        strongkey.RSA,
}

// decoy makes a key with which verifying s takes as long as with one of the type that s names.
func decoy(s *Signature) (*Key, error) {
	public, err := xssh.NewPublicKey(strongkey.Decoy(decoys[s.kind], len(s.blob)))
	if err != nil {
		return nil, err
	}
	key, err := parseWire(public.Marshal())
	if err != nil {
		return nil, err
	}
	key.kind = s.kind // a security key's are the same with an application
	return key, nil
}
