package certpath

import "github.com/regrant/regrant/attest"

// maxComparisons bounds the matching of names with name constraints in one search.
const maxComparisons = 250_000

// Path is a certification path: the leaf first, the anchor last.
type Path []*Certificate

// Leaf is the certificate that the path is about.
func (p Path) Leaf() *Certificate { return p[0] }

// Anchor is the certificate that the path ends at.
func (p Path) Anchor() *Certificate { return p[len(p)-1] }

// Below returns the certificates below the anchor, the leaf first.
func (p Path) Below() []*Certificate { return p[:len(p)-1] }

// validate makes the checks of RFC 5280 section 6.1 that concern the path as a whole, from the anchor down. Those on single certificates and
// on issuer and subject were made when the search put the path together. What the anchor constrains counts (RFC 5937).
func validate(p Path, work *int) error {
	below, anchor := p.Below(), p.Anchor()
	names := &nameState{work: work}
	names.narrow(anchor.constraints)
	policies := newPolicyState(len(below), anchor)
	room := len(below) // max_path_length
	room = limited(room, anchor)
	for i := len(below) - 1; i >= 0; i-- {
		c, last := below[i], i == 0
		// 6.1.3 (b) and (c): a CA that issues to itself, to change its key, is not held to its own constraints.
		if last || !c.selfIssued() {
			if err := names.check(c); err != nil {
				return err
			}
		}
		// 6.1.3 (d) to (f)
		if !policies.enter(c, last) {
			return attest.Refuse(attest.ReasonUntrusted, "a certificate policy is required and none holds")
		}
		if last {
			break
		}
		// 6.1.4 (a), (b), (h) to (j)
		if !policies.leave(c) {
			return attest.Refuse(attest.ReasonUntrusted, "anyPolicy is mapped")
		}
		// 6.1.4 (g)
		names.narrow(c.constraints)
		// 6.1.4 (l) and (m)
		if !c.selfIssued() {
			if room <= 0 {
				return attest.Refuse(attest.ReasonUntrusted, "more CAs than a path length constraint allows")
			}
			room--
		}
		room = limited(room, c)
	}
	if !policies.finish(p.Leaf()) { // 6.1.5 (a), (b), (g)
		return attest.Refuse(attest.ReasonUntrusted, "a certificate policy is required and none holds")
	}
	return nil
}

func limited(room int, c *Certificate) int {
	if c.basic != nil && c.basic.pathLen >= 0 {
		return min(room, c.basic.pathLen)
	}
	return room
}
