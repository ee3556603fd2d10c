package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	dgbadger "github.com/dgraph-io/badger/v4"
)

// Kinds of envelope, its first byte.
const (
	keeps   byte = 0 // value
	expires byte = 1 // microseconds since 1970, big endian, 8 bytes; value
)

// envelope is a stored value with its expiry. Badger's own expiry is not used: it
// judges by the wall clock, and a clock that jumps would revive or lose state
// without a transaction.
type envelope struct {
	value   []byte
	expires time.Time // zero: never
}

func (e envelope) expired(now time.Time) bool {
	return !e.expires.IsZero() && !now.Before(e.expires)
}

func (e envelope) encode() []byte {
	if e.expires.IsZero() {
		return append([]byte{keeps}, e.value...)
	}
	b := binary.BigEndian.AppendUint64([]byte{expires}, uint64(e.expires.UnixMicro()))
	return append(b, e.value...)
}

// decodeEnvelope is the inverse of encode. The value is a part of b.
func decodeEnvelope(b []byte) (envelope, error) {
	switch {
	case len(b) >= 1 && b[0] == keeps:
		return envelope{value: b[1:]}, nil
	case len(b) >= 9 && b[0] == expires:
		micros := int64(binary.BigEndian.Uint64(b[1:])) //nolint:gosec // two's complement
		return envelope{value: b[9:], expires: time.UnixMicro(micros).UTC()}, nil
	}
	return envelope{}, errors.New("stored value is malformed")
}

// openItem copies an item out of Badger's memory.
func openItem(item *dgbadger.Item) (envelope, error) {
	b, err := item.ValueCopy(nil)
	if err != nil {
		return envelope{}, fmt.Errorf("reading: %w", err)
	}
	return decodeEnvelope(b)
}
