package appraise

import "github.com/regrant/regrant/attest/sshsig"

type sshClaims struct {
	Fingerprint string  `json:"key_fingerprint"` // as ssh-keygen -l shows it
	Algorithm   string  `json:"algorithm"`       // of the signature
	SignCount   *uint32 `json:"sign_count,omitempty"`
}

// sshSignature is the format sshsig: the challenge signed by ssh-keygen.
func sshSignature(r *Request) (any, error) {
	var evidence struct {
		Signature *string `json:"signature"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	var expect struct {
		PublicKey        *string `json:"public_key"`
		Namespace        *string `json:"namespace"`
		UserPresence     *bool   `json:"user_presence"`
		UserVerification bool    `json:"user_verification"`
		SignCount        uint32  `json:"sign_count"`
	}
	if err := r.Expect(&expect); err != nil {
		return nil, err
	}
	if evidence.Signature == nil || expect.PublicKey == nil || expect.Namespace == nil || r.Challenge == nil {
		return nil, errMissing
	}
	key, err := sshsig.ParseKey(*expect.PublicKey)
	if err != nil {
		return nil, err
	}
	s, err := sshsig.Parse(*evidence.Signature)
	if err != nil {
		return nil, err
	}
	got, err := s.Verify(r.Challenge, sshsig.Expected{
		Key: key, Namespace: *expect.Namespace,
		NoPresence:   expect.UserPresence != nil && !*expect.UserPresence,
		Verification: expect.UserVerification, Counter: expect.SignCount,
	})
	if err != nil {
		return nil, err
	}
	claims := sshClaims{Fingerprint: key.Fingerprint(), Algorithm: got.Algorithm}
	if got.Hardware {
		claims.SignCount = &got.Counter
	}
	return claims, nil
}
