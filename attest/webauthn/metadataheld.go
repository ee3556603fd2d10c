package webauthn

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/regrant/regrant/attest/certpath"
)

// HeldMetadata is the metadata in force. What is in force stays so until something better is there. The zero value holds none.
type HeldMetadata struct{ current atomic.Pointer[Metadata] }

// Current returns the metadata in force, or nil.
func (h *HeldMetadata) Current() *Metadata { return h.current.Load() }

// Update verifies a BLOB and puts it in force, see [ParseMetadata] and [Metadata.Replaces].
func (h *HeldMetadata) Update(blob string, roots []*certpath.Certificate, now time.Time) error {
	m, err := ParseMetadata(blob, roots, now)
	if err != nil {
		return err
	}
	for {
		old := h.current.Load()
		if old != nil && m.Number == old.Number {
			return nil // the same once more
		}
		if !m.Replaces(old) {
			return fmt.Errorf("metadata number %d is older than %d, which is in force", m.Number, old.Number)
		}
		if h.current.CompareAndSwap(old, m) {
			return nil
		}
	}
}
