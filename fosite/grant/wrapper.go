package grant

import (
	"encoding/json"
	"fmt"

	"github.com/regrant/regrant/fosite/recoverytoken"
)

// Verify checks a recovery token completely: form, header, signature and claims. It is the wrapper around fosite's
// RFC 7523 handler, which takes any algorithm that fits the key, any type, further audiences, issue times in the
// future, and duplicate members. Every error is [ErrInvalid] with a reason for the log; nothing is returned beside it.
// Whether the token was already used is for [Recoveries] to say.
func (s *Server) Verify(token string) (Recovery, error) {
	claims, err := s.verifier().Verify(token, s.clock())
	if err != nil {
		return Recovery{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return claims, nil
}

// Mint returns the signed recovery token that says r. What [Server.Verify] would refuse is not minted: [ErrInvalid].
func (s *Server) Mint(r Recovery) (string, error) {
	payload, err := s.verifier().Payload(r, s.clock())
	if err != nil {
		return "", fmt.Errorf("minting a recovery token: %w: %w", ErrInvalid, err)
	}
	return s.keys.Now().Sign(recoverytoken.Type, json.RawMessage(payload))
}

func invalid(detail string) error { return fmt.Errorf("%w: %s", ErrInvalid, detail) }
