package certpath

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
)

// DefaultMaxPath is how many certificates may stand below the anchor, the leaf included.
const DefaultMaxPath = 5

// The budget of one search. The bag of an honest claimant needs a small part of it.
const (
	maxSignatures = 128
	maxSteps      = 2_000
	maxPaths      = 32 // complete ones
)

// Options says what a path must be.
type Options struct {
	// Anchors are the certificates that a path may end at. With none, everything is refused.
	Anchors []*Certificate

	// Now is the only clock.
	Now time.Time

	// Purposes are what every certificate of the path must be allowed for, see RFC 5280 section 4.2.1.12. None: no demand.
	Purposes []asn1.ObjectIdentifier

	// MaxPath is how many certificates may stand below the anchor. Default: DefaultMaxPath.
	MaxPath int

	// AnyIssuer lets the certificate directly above the leaf be that of no CA. It is for attestation keys of devices, whose makers
	// gave some of them such certificates: the caller has to tell those from all others that hang on the same anchor.
	AnyIssuer bool

	// Accept has the last word on a path that is valid by itself, for example whether it is revoked. With an error, the search
	// goes on. May be nil.
	Accept func(Path) error
}

// Find returns a valid path from leaf over certificates of the bag to an anchor. The order of the bag does not matter, and what is in it beside
// the path does no harm. The error is an *[attest.Error]; among the reasons of several dead ends it gives that of the
// longest.
func Find(leaf *Certificate, bag []*Certificate, o Options) (Path, error) {
	if o.Now.IsZero() {
		return nil, attest.Refuse(attest.ReasonExpired, "no time to verify at")
	}
	if len(o.Anchors) == 0 {
		return nil, attest.Refuse(attest.ReasonUntrusted, "no trust anchor configured")
	}
	if o.MaxPath <= 0 {
		o.MaxPath = DefaultMaxPath
	}
	if err := sound(leaf, o.Purposes, o.Now, false); err != nil {
		return nil, err
	}
	if err := mayEnd(leaf); err != nil {
		return nil, err
	}
	s := &search{
		Options: o, leaf: leaf, bag: bag,
		above: make(map[*Certificate][]*Certificate), signed: make(map[edge]bool), comparisons: maxComparisons,
	}
	if path := s.extend(Path{leaf}); path != nil {
		return path, nil
	}
	return nil, s.refusal
}

type search struct {
	Options
	leaf *Certificate
	bag  []*Certificate

	above                           map[*Certificate][]*Certificate // issuers in the bag, by name
	signed                          map[edge]bool                   // what was found out about signatures
	steps, signatures, paths, depth int
	comparisons                     int
	refusal                         error
}

// edge is a certificate and a key that may have signed it.
type edge struct {
	certificate *Certificate
	key         [sha256.Size]byte
}

// extend returns the first path to an anchor that begins with path, or nil.
func (s *search) extend(path Path) Path {
	child := path[len(path)-1]
	s.note(len(path), attest.Refuse(attest.ReasonUntrusted, "no path to a configured anchor"))
	for _, anchor := range issuers(child, s.Anchors) {
		if found := s.end(path, anchor); found != nil {
			return found
		}
	}
	if len(path) >= s.MaxPath {
		s.note(len(path), attest.Refuse(attest.ReasonUntrusted, "more than %d certificates below the anchor", s.MaxPath))
		return nil
	}
	for _, issuer := range s.issuersInBag(child) {
		if s.steps > maxSteps {
			return nil
		}
		if slices.ContainsFunc(path, issuer.Is) {
			continue // a loop
		}
		if err := s.step(child, issuer, false); err != nil {
			s.note(len(path), err)
			continue
		}
		if found := s.extend(append(slices.Clip(path), issuer)); found != nil {
			return found
		}
	}
	return nil
}

// end returns the path with that anchor if it is valid, or nil.
func (s *search) end(path Path, anchor *Certificate) Path {
	if slices.ContainsFunc(path, anchor.Is) {
		return nil // nobody vouches for themselves
	}
	if err := s.step(path[len(path)-1], anchor, true); err != nil {
		s.note(len(path), err)
		return nil
	}
	whole := append(slices.Clip(path), anchor)
	if err := s.judge(whole); err != nil {
		s.note(len(whole)+s.MaxPath, err) // says more than any dead end
		return nil
	}
	return whole
}

func (s *search) judge(p Path) error {
	if s.paths++; s.paths > maxPaths {
		return errBudget
	}
	if err := validate(p, &s.comparisons); err != nil {
		return err
	}
	if s.Accept == nil {
		return nil
	}
	return s.Accept(p)
}

var errBudget = attest.Refuse(attest.ReasonUntrusted, "too many certificates to try")

// step tells whether issuer, which has the right name, issued child and was allowed to. What is dear comes last.
func (s *search) step(child, issuer *Certificate, anchor bool) error {
	if s.steps++; s.steps > maxSteps {
		return errBudget
	}
	if err := s.may(child, issuer, anchor); err != nil {
		return err
	}
	if err := sound(issuer, s.Purposes, s.Now, anchor); err != nil {
		return err
	}
	e := edge{child, issuer.spki}
	good, known := s.signed[e]
	if !known {
		if s.signatures++; s.signatures > maxSignatures {
			return errBudget
		}
		good = issuer.Issued(child)
		s.signed[e] = good
	}
	if !good {
		return attest.Refuse(attest.ReasonUntrusted, "no path to a configured anchor") // another key of that name
	}
	return nil
}

func (s *search) may(child, issuer *Certificate, anchor bool) error {
	switch {
	case anchor:
		return mayAnchor(issuer)
	case s.AnyIssuer && child == s.leaf && !issuer.IsCA():
		return nil
	}
	return mayIssue(issuer)
}

// note keeps a refusal if it comes from further along than the one that is kept; of two from equally far, the later, which is the more specific.
func (s *search) note(depth int, err error) {
	if s.refusal == nil || depth > s.depth || depth == s.depth && specific(err) && !specific(s.refusal) {
		s.refusal, s.depth = err, depth
	}
}

// specific tells whether a refusal says more than that no path was found.
func specific(err error) bool {
	e, ok := errors.AsType[*attest.Error](err)
	return ok && e.Reason != attest.ReasonUntrusted
}

func (s *search) issuersInBag(child *Certificate) []*Certificate {
	found, known := s.above[child]
	if !known {
		found = issuers(child, s.bag)
		s.above[child] = found
	}
	return found
}

// issuers returns the candidates that have the name of child's issuer, those first whose key identifier also fits (RFC 5280 section 4.2.1.1: an
// aid in the search, no check).
func issuers(child *Certificate, candidates []*Certificate) []*Certificate {
	var fit, other []*Certificate
	for _, c := range candidates {
		if !c.Subject.Equal(child.Issuer) {
			continue
		}
		want, have := child.X509.AuthorityKeyId, c.X509.SubjectKeyId
		if len(want) == 0 || len(have) == 0 || bytes.Equal(want, have) {
			fit = append(fit, c)
		} else {
			other = append(other, c)
		}
	}
	return append(fit, other...)
}
