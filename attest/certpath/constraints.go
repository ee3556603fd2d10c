package certpath

import (
	"crypto/x509/pkix"
	"errors"
	"net"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest"
)

var errConstraint = errors.New("name constraint is malformed")

// nameConstraints is RFC 5280 section 4.2.1.10.
type nameConstraints struct {
	critical            bool
	permitted, excluded []generalName
}

func parseNameConstraints(e pkix.Extension) (*nameConstraints, error) {
	s, err := content(e.Value, tags.SEQUENCE)
	if err != nil {
		return nil, err
	}
	n := &nameConstraints{critical: e.Critical}
	if n.permitted, err = readSubtrees(&s, explicit(0)); err != nil {
		return nil, err
	}
	if n.excluded, err = readSubtrees(&s, explicit(1)); err != nil {
		return nil, err
	}
	if !s.Empty() || len(n.permitted)+len(n.excluded) == 0 {
		return nil, errConstraint
	}
	return n, nil
}

// readSubtrees reads GeneralSubtrees if they are there; then there is at least one. The minimum has only its default, which DER leaves
// out, and the maximum is absent, so a subtree is its base alone.
func readSubtrees(s *cryptobyte.String, tag tags.Tag) ([]generalName, error) {
	var list cryptobyte.String
	var there bool
	if !s.ReadOptionalASN1(&list, &there, tag) || there && list.Empty() {
		return nil, errConstraint
	}
	var bases []generalName
	for !list.Empty() {
		var subtree cryptobyte.String
		if !list.ReadASN1(&subtree, tags.SEQUENCE) {
			return nil, errConstraint
		}
		base, err := readGeneralName(&subtree)
		if err != nil || !subtree.Empty() || !validBase(base) {
			return nil, errConstraint
		}
		bases = append(bases, base)
	}
	return bases, nil
}

// validBase tells whether a constraint has the form for its type. A leading period is for URIs and mailboxes only; for DNS names RFC 5280
// has none, and programs differ on what it would mean.
func validBase(b generalName) bool {
	switch b.tag {
	case dNSName:
		return b.value == "" || isDomain(b.value)
	case rfc822Name:
		if _, host, mailbox := cutMailbox(b.value); mailbox {
			return isDomain(host)
		}
		return b.value == "" || isDomain(trimPeriod(b.value))
	case uriName:
		return b.value == "" || isDomain(trimPeriod(b.value)) && net.ParseIP(b.value) == nil
	case iPAddress:
		return isRange(b.value)
	}
	return true
}

func isRange(base string) bool {
	if len(base) != 2*net.IPv4len && len(base) != 2*net.IPv6len {
		return false
	}
	ones, bits := net.IPMask(base[len(base)/2:]).Size()
	return ones != 0 || bits != 0 // not contiguous otherwise
}

// nameState is permitted_subtrees and excluded_subtrees of RFC 5280 section 6.1. What one CA permits narrows what those above it did,
// so each CA's list stays a list of its own, and a name must be in all.
type nameState struct {
	permitted [][]generalName
	excluded  []generalName
	work      *int // comparisons left
}

// narrow is section 6.1.4 (g).
func (s *nameState) narrow(n *nameConstraints) {
	if n == nil {
		return
	}
	if len(n.permitted) > 0 {
		s.permitted = append(s.permitted, n.permitted)
	}
	s.excluded = append(s.excluded, n.excluded...)
}

// check is section 6.1.3 (b) and (c) for one certificate.
func (s *nameState) check(c *Certificate) error {
	if len(s.permitted) == 0 && len(s.excluded) == 0 {
		return nil
	}
	for _, n := range constrainedNames(c) {
		for _, level := range s.permitted {
			if err := s.permits(level, n); err != nil {
				return err
			}
		}
		if err := s.excludes(n); err != nil {
			return err
		}
	}
	return nil
}

// constrainedNames lists all names of a certificate. E-mail addresses in the subject count too (RFC 5280 section 4.2.1.10),
// and so do those in a SmtpUTF8Mailbox (RFC 9598 section 6).
func constrainedNames(c *Certificate) []generalName {
	names := c.names
	if !c.Subject.Empty() {
		names = append(names[:len(names):len(names)], generalName{tag: directoryName, dn: c.Subject})
	}
	for _, email := range c.Subject.emails {
		names = append(names[:len(names):len(names)], generalName{tag: rfc822Name, value: email})
	}
	for _, n := range c.names {
		if n.tag == otherName && isUTF8Mailbox(n.value) {
			names = append(names[:len(names):len(names)], generalName{tag: rfc822Name, value: ""}) // unreadable: refused where constrained
		}
	}
	return names
}

func isUTF8Mailbox(value string) bool {
	const smtpUTF8Mailbox = "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09" // 1.3.6.1.5.5.7.8.9
	return len(value) > len(smtpUTF8Mailbox) && value[:len(smtpUTF8Mailbox)] == smtpUTF8Mailbox
}

func (s *nameState) permits(level []generalName, n generalName) error {
	constrained := false
	for _, base := range level {
		if base.tag != n.tag {
			continue
		}
		constrained = true
		in, err := s.in(base, n, false)
		if err != nil {
			return err
		}
		if in {
			return nil
		}
	}
	if constrained {
		return attest.Refuse(attest.ReasonUntrusted, "a name is outside of what its CA may name")
	}
	return nil
}

func (s *nameState) excludes(n generalName) error {
	for _, base := range s.excluded {
		if base.tag != n.tag {
			continue
		}
		in, err := s.in(base, n, true)
		if err != nil {
			return err
		}
		if in {
			return attest.Refuse(attest.ReasonUntrusted, "a name is one that its CA may not name")
		}
	}
	return nil
}

// in tells whether n is in the subtree under base, or an error when that cannot be told: a constraint that cannot be kept refuses.
func (s *nameState) in(base, n generalName, excluded bool) (bool, error) {
	if *s.work--; *s.work < 0 {
		return false, attest.Refuse(attest.ReasonUntrusted, "too many names and name constraints")
	}
	in, ok := false, true
	switch n.tag {
	case dNSName:
		in, ok = inDomain(base.value, n.value, excluded)
	case rfc822Name:
		in, ok = inMailboxes(base.value, n.value)
	case uriName:
		in, ok = inHosts(base.value, n.value)
	case iPAddress:
		in, ok = inRange(base.value, n.value)
	case directoryName:
		in = n.dn.within(base.dn)
	default:
		return false, attest.Refuse(attest.ReasonUnsupported, "names of type %d are constrained", n.tag)
	}
	if !ok {
		return false, attest.Refuse(attest.ReasonUntrusted, "a name is constrained and cannot be compared")
	}
	return in, nil
}
