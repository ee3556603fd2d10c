package certpath

// policyState is the part of RFC 5280 section 6.1 that deals with policies, for the initial policy set any-policy. With that set only
// one thing about the valid policy tree matters, whether it is empty, and for that the nodes of its deepest level are enough
// (RFC 9618 section 4 makes the same use of it). So nothing here can grow exponentially.
type policyState struct {
	explicit, mapping, any int // explicit_policy, policy_mapping, inhibit_anyPolicy

	empty    bool                // valid_policy_tree is NULL
	expected map[string][]string // nodes of the deepest level: valid policy to expected policy set
}

// newPolicyState is section 6.1.2 for a path of n certificates below the anchor. What the anchor's own certificate constrains counts as
// the inputs of the algorithm (RFC 5937 section 3.2).
func newPolicyState(n int, anchor *Certificate) *policyState {
	s := &policyState{explicit: n + 1, mapping: n + 1, any: n + 1, expected: map[string][]string{anyPolicy: {anyPolicy}}}
	s.tighten(anchor.limits)
	return s
}

// enter is section 6.1.3 (d) to (f) for one certificate; it tells whether a policy still holds where one must.
func (s *policyState) enter(c *Certificate, last bool) bool {
	if c.policies == nil || s.empty {
		s.empty, s.expected = true, nil // (e)
	} else {
		s.grow(c, last) // (d)
	}
	return s.explicit > 0 || !s.empty // (f)
}

// grow is (d): the nodes of the next level.
func (s *policyState) grow(c *Certificate, last bool) {
	next := make(map[string][]string)
	_, fromAny := s.expected[anyPolicy]
	wanted := make(map[string]bool)
	for _, set := range s.expected {
		for _, p := range set {
			wanted[p] = true
		}
	}
	for p := range c.policies.named { // (d)(1)
		if wanted[p] || fromAny {
			next[p] = []string{p}
		}
	}
	if c.policies.any && (s.any > 0 || !last && c.selfIssued()) { // (d)(2)
		for p := range wanted {
			if next[p] == nil {
				next[p] = []string{p}
			}
		}
	}
	s.expected, s.empty = next, len(next) == 0 // (d)(3)
}

// leave is section 6.1.4 (a), (b) and (h) to (j): what one certificate says about those below it.
func (s *policyState) leave(c *Certificate) bool {
	if !s.mapped(c.mappings) {
		return false
	}
	if !c.selfIssued() { // (h)
		s.explicit, s.mapping, s.any = max(0, s.explicit-1), max(0, s.mapping-1), max(0, s.any-1)
	}
	s.tighten(c.limits)
	return true
}

// mapped is (a) and (b).
func (s *policyState) mapped(mappings []mapping) bool {
	to := make(map[string][]string)
	for _, m := range mappings {
		if m.issuer == anyPolicy || m.subject == anyPolicy {
			return false // (a)
		}
		to[m.issuer] = append(to[m.issuer], m.subject)
	}
	_, fromAny := s.expected[anyPolicy]
	for issuer, subjects := range to {
		_, held := s.expected[issuer]
		switch {
		case s.mapping == 0:
			delete(s.expected, issuer) // (b)(2)
		case !s.empty && (held || fromAny):
			s.expected[issuer] = subjects // (b)(1)
		}
	}
	s.empty = len(s.expected) == 0
	return true
}

// tighten is (i) and (j).
func (s *policyState) tighten(limits policyConstraints) {
	for _, l := range []struct {
		value *int
		into  *int
	}{{limits.requireExplicit, &s.explicit}, {limits.inhibitMapping, &s.mapping}, {limits.inhibitAny, &s.any}} {
		if l.value != nil {
			*l.into = min(*l.into, *l.value)
		}
	}
}

// finish is section 6.1.5 (a), (b) and (g) for the leaf.
func (s *policyState) finish(leaf *Certificate) bool {
	explicit := max(0, s.explicit-1)
	if n := leaf.limits.requireExplicit; n != nil && *n == 0 {
		explicit = 0
	}
	return explicit > 0 || !s.empty
}
