package grant

import (
	"context"
	"sync"
)

// memory is a store of recoveries with the atomicity that the contract asks for.
type memory struct {
	mu       sync.Mutex
	redeemed map[string]Redemption
	tokens   map[string]AccessToken
	ended    map[string]Revocation    // by recovery
	used     map[string]UsedAssertion // by ID
	proofs   map[string]bool
	failure  error // what the next calls return instead of working
}

func newMemory() *memory {
	return &memory{
		redeemed: make(map[string]Redemption), tokens: make(map[string]AccessToken), ended: make(map[string]Revocation),
		used: make(map[string]UsedAssertion), proofs: make(map[string]bool),
	}
}

func (m *memory) Redeem(_ context.Context, r Redemption) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure != nil {
		return m.failure
	}
	if _, used := m.redeemed[r.Txn]; used || m.ended[r.Txn].ClientID != "" {
		return ErrSpent
	}
	if m.proofs[r.Proof] {
		return ErrProofUsed
	}
	if r.Assertion != nil {
		if err := m.use(*r.Assertion); err != nil {
			return err
		}
	}
	m.proofs[r.Proof] = true
	m.redeemed[r.Txn] = r
	m.tokens[r.AccessToken.Signature] = r.AccessToken
	return nil
}

func (m *memory) AccessToken(_ context.Context, signature string) (AccessToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure != nil {
		return AccessToken{}, m.failure
	}
	token, ok := m.tokens[signature]
	if !ok {
		return AccessToken{}, ErrSpent
	}
	return token, nil
}

func (m *memory) Standing(_ context.Context, t TokenName) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, redeemed := m.redeemed[t.Txn]
	switch {
	case m.failure != nil:
		return m.failure
	case m.ended[t.Txn].ClientID != "", t.JTI != "" && redeemed:
		return ErrSpent
	}
	return nil
}

func (m *memory) Revoke(_ context.Context, r Revocation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.failure != nil:
		return m.failure
	case m.ended[r.Token.Txn].ClientID != "":
		return ErrSpent
	case m.proofs[r.Proof]:
		return ErrProofUsed
	}
	m.ended[r.Token.Txn] = r
	return nil
}

func (m *memory) UseAssertion(_ context.Context, a UsedAssertion) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure != nil {
		return m.failure
	}
	return m.use(a)
}

func (m *memory) use(a UsedAssertion) error {
	if _, used := m.used[a.ID]; used {
		return ErrAssertionUsed
	}
	m.used[a.ID] = a
	return nil
}
