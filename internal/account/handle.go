package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
)

// Handle is one thing under which an authenticator is found: a key has one, a set of recovery codes has one for each code.
type Handle struct {
	Value       []byte    `json:"value"`               // unique in the store
	Reference   []byte    `json:"reference,omitempty"` // what the evidence is judged against
	Counter     uint32    `json:"counter,omitzero"`    // highest seen
	BackedUp    bool      `json:"backed_up,omitzero"`
	OneTime     bool      `json:"one_time,omitzero"`
	EffectiveAt time.Time `json:"effective_at,omitzero"` // of a code that replaced one; zero: with its authenticator
	ReservedBy  string    `json:"reserved_by,omitempty"` // the recovery in which a one-time handle was accepted
	ConsumedAt  time.Time `json:"consumed_at,omitzero"`
}

// Handles are the records for what a format enrolled.
func Handles(enrolled []attest.Handle) []Handle {
	out := make([]Handle, len(enrolled))
	for i, h := range enrolled {
		out[i] = Handle{Value: h.Value, Reference: h.Reference, Counter: h.Counter, BackedUp: h.BackedUp, OneTime: h.OneTime}
	}
	return out
}

// Binding is what evidence that claims to come from this handle is judged against; the zero value if a has no such handle.
func (a *Authenticator) Binding(value []byte) attest.Binding {
	h := a.handle(value)
	if h == nil {
		return attest.Binding{}
	}
	return attest.Binding{Authenticator: a.ID, Handle: h.Value, Reference: h.Reference, Counter: h.Counter, BackedUp: h.BackedUp}
}

// OneTime tells whether the handle is good for one recovery only.
func (a *Authenticator) OneTime(value []byte) bool {
	h := a.handle(value)
	return h != nil && h.OneTime
}

// Left is how many one-time handles of a can still be used.
func (a *Authenticator) Left() (n int) {
	for _, h := range a.Handles {
		if h.OneTime && h.ConsumedAt.IsZero() {
			n++
		}
	}
	return n
}

func (a *Authenticator) handle(value []byte) *Handle {
	i := slices.IndexFunc(a.Handles, func(h Handle) bool { return bytes.Equal(h.Value, value) })
	if i < 0 {
		return nil
	}
	return &a.Handles[i]
}

// handles are what a is found by. A passphrase is found by its account, and has to leave that to the one that follows it.
func (a *Authenticator) handles() [][]byte {
	if a.Method == attest.MethodPassphrase && !a.RevokedAt.IsZero() {
		return nil
	}
	keys := make([][]byte, len(a.Handles))
	for i, h := range a.Handles {
		keys[i] = h.Value
	}
	return keys
}

var (
	errNoRecord = errors.New("what is stored is no record")
	errNoHandle = errors.New("what is stored has no handle")
)

// upgrade reads version 1, in which an authenticator had a single handle and nothing to it.
func upgrade(_ byte, old []byte) ([]byte, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(old, &doc); err != nil {
		return nil, err
	}
	var value []byte
	if err := json.Unmarshal(doc["handle"], &value); err != nil {
		return nil, err
	}
	if len(value) == 0 {
		return nil, errNoHandle
	}
	handles, err := json.Marshal([]Handle{{Value: value}})
	if err != nil {
		return nil, err
	}
	delete(doc, "handle")
	doc["handles"] = handles
	return json.Marshal(doc)
}
