package recovery

import (
	"context"
	"errors"
	"time"

	"github.com/regrant/regrant/storage"
)

// proofMemory is longer than any DPoP proof is taken for (±60 seconds).
const proofMemory = 3 * time.Minute

// UseProof remembers a DPoP proof by its ID and refuses it the second time: [ErrReplay] (RFC 9449 §11.1). Moves that
// write anyhow remember it in their own transaction.
func (s *Service) UseProof(ctx context.Context, id string) error {
	err := s.DB.Update(ctx, func(tx storage.Tx) error { return s.useProof(tx, id) })
	return settle("using a proof", err)
}

// useProof is UseProof inside a move. Without a proof, as browsers come, there is nothing to remember.
func (s *Service) useProof(tx storage.Tx, id string) error {
	if id == "" {
		return nil
	}
	err := tx.Insert([]byte(s.Namespace+"/dpop/"+id), []byte{1}, tx.Now().Add(proofMemory))
	if errors.Is(err, storage.ErrExists) {
		return ErrReplay
	}
	return err
}
