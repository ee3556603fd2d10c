package tpm

import "github.com/regrant/regrant/attest"

// checkResident tells whether the key signs, and was made in the TPM that it cannot leave (TPM 2.0 Part 2 section 8.3).
func (k *key) checkResident() error {
	a := k.attributes
	for _, demand := range []struct {
		set  bool
		name string
	}{
		{a.FixedTPM, "fixedTPM"},                       // else it can be moved into another TPM
		{a.FixedParent, "fixedParent"},                 // else it can be moved below a parent that others know
		{a.SensitiveDataOrigin, "sensitiveDataOrigin"}, // else it was made outside and brought in
		{a.SignEncrypt, "sign"},
	} {
		if !demand.set {
			return attest.Refuse(attest.ReasonKey, "key lacks the attribute %s", demand.name)
		}
	}
	return nil
}

// parseAK reads the public area of an attestation key. It signs nothing but what its TPM has made itself: that is what makes
// a quote more than a text of the sender's choice.
func parseAK(public []byte) (*key, error) {
	k, err := parseKey(public)
	if err != nil {
		return nil, err
	}
	if err := k.checkResident(); err != nil {
		return nil, err
	}
	switch {
	case !k.attributes.Restricted: // else it signs a forged quote with TPM2_Sign
		return nil, attest.Refuse(attest.ReasonKey, "attestation key is not restricted")
	case k.attributes.Decrypt:
		return nil, attest.Refuse(attest.ReasonKey, "attestation key also decrypts")
	case k.scheme == scheme{}:
		return nil, attest.Refuse(attest.ReasonKey, "attestation key has no fixed scheme")
	}
	return k, nil
}

// parseApplicationKey reads the public area of a key that signs whatever its TPM is given.
func parseApplicationKey(public []byte) (*key, error) {
	k, err := parseKey(public)
	if err != nil {
		return nil, err
	}
	if err := k.checkResident(); err != nil {
		return nil, err
	}
	if k.attributes.Restricted {
		return nil, attest.Refuse(attest.ReasonKey, "application key is restricted")
	}
	return k, nil
}
