package story

import (
	"context"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/swtpm"
)

// TrustMaker writes the maker's certificates of a chip into a file, and returns the option of the gateway that has such chips recover.
func TrustMaker(chip *swtpm.TPM, file string) (string, error) {
	var text strings.Builder
	for _, c := range chip.Maker {
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return "", err
		}
	}
	return env.Method("tpm", "trust_pool file "+file), os.WriteFile(file, []byte(text.String()), 0o600)
}

// TPM enrols the chip of a machine and recovers with it.
func (s *Story) TPM(ctx context.Context, chip *swtpm.TPM) error {
	var code struct {
		Code string `json:"code"`
	}
	if err := s.Env.Operator(ctx, &code, "activation-code", s.account, "--as", "Demo Operator", "--subject", s.subject); err != nil {
		return err
	}
	dir := filepath.Join(s.Env.Dir, "tpm-device")
	common := []string{"--issuer", s.Env.Issuer, "--dir", dir, "--ca-file", s.Env.CAFile}
	out, err := s.Env.Run(ctx, "regrant", append([]string{"device", "enroll", "--tpm", "--tpm-device", chip.Socket, "--code", code.Code, "--label", "Alice's workstation"}, common...)...)
	if err != nil {
		return err
	}
	s.show(out)
	if err := s.saw(true, "a TPM is bound: its maker's certificate led to a root that is trusted, and it activated a credential (swtpm)"); err != nil {
		return err
	}
	token, err := s.Env.Run(ctx, "regrant", append([]string{"device", "recover", "--account", s.account, "--yes", "--print-token", "--action", "sign-in"}, common...)...)
	if err != nil {
		return err
	}
	return s.saw(strings.Count(token, ".") >= 2, "and its quote over the statement is granted a recovery token: %s", digest(strings.TrimSpace(token)))
}
