package swtpm_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"testing"

	goattest "github.com/google/go-attestation/attest"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
)

// channel is a connection to a chip for go-attestation.
type channel struct{ io.ReadWriteCloser }

func (channel) MeasurementLog() ([]byte, error) { return nil, nil }

func text(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func decode(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// solver is go-attestation with a chip, and keys in it.
type solver struct {
	*testing.T
	tpm *goattest.TPM
	ek  goattest.EK
	ak  *goattest.AK
	key *goattest.Key
}

func newSolver(t *testing.T, socket string) *solver {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &solver{T: t}
	fatal := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.tpm, err = goattest.OpenTPM(&goattest.OpenConfig{CommandChannel: channel{conn}})
	fatal(err)
	t.Cleanup(func() { _ = s.tpm.Close() })
	eks, err := s.tpm.EKCertificates()
	fatal(err)
	s.ek = eks[0]
	s.ak, err = s.tpm.NewAK(&goattest.AKConfig{Algorithm: goattest.ECDSA})
	fatal(err)
	s.key, err = s.tpm.NewKey(s.ak, nil)
	fatal(err)
	return s
}

// solve answers an EK challenge. The application key leaves the chip before: it has room for three.
func (s *solver) solve(options []byte) []byte {
	s.Helper()
	var o struct {
		Challenge struct {
			Object    string `json:"object_public"`
			Duplicate string `json:"duplicate"`
			Seed      string `json:"in_sym_seed"`
		} `json:"ek_challenge"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		s.Fatal(err)
	}
	c := s.key.CertificationParameters()
	_ = s.key.Close()
	solution, err := s.ak.CertifyWithDecryptionEk(s.tpm, &s.ek, goattest.DecryptionEkChallenge{
		ObjectPublic: decode(s.T, o.Challenge.Object), Duplicate: decode(s.T, o.Challenge.Duplicate), InSymSeed: decode(s.T, o.Challenge.Seed),
	})
	if err != nil {
		s.Fatal(err)
	}
	sum := sha256.Sum256([]byte(o.Text))
	q, err := s.ak.QuotePCRs(s.tpm, sum[:], goattest.HashSHA256, []int{0, 7})
	if err != nil {
		s.Fatal(err)
	}
	pcrs, err := s.tpm.PCRs(goattest.HashSHA256)
	if err != nil {
		s.Fatal(err)
	}
	return encode(s.T, map[string]any{
		"ek_attest": text(solution.CreateAttestation), "ek_signature": text(solution.CreateSignature),
		"ak_public": text(s.ak.AttestationParameters().Public), "key_public": text(c.Public),
		"key_attest": text(c.CreateAttestation), "key_signature": text(c.CreateSignature),
		"quote": text(q.Quote), "signature": text(q.Signature),
		"pcrs": map[string]string{"0": hex.EncodeToString(pcrs[0].Digest), "7": hex.EncodeToString(pcrs[7].Digest)},
	})
}

func (s *solver) begin(f *tpm.Format) attest.Prompt {
	s.Helper()
	prompt, err := f.Begin(enrolling(), encode(s.T, map[string]any{"ek_certificates": []string{text(s.ek.Certificate.Raw)}}))
	if err != nil {
		s.Fatal(err)
	}
	return prompt
}

func TestChipSolvesAnEKChallenge(t *testing.T) {
	chip := newChip(t)
	s, f := newSolver(t, chip.Socket), newFormat(t, chip.Maker, nil)
	prompt := s.begin(f)
	solution := s.solve(prompt.Options)
	if _, err := f.Finish(enrolling(), prompt.Keep, solution); err != nil {
		t.Fatal(err)
	}
	_, err := f.Finish(enrolling(), s.begin(f).Keep, solution) // another challenge
	refused(t, err, attest.ReasonIdentity)
}
