package revocation_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
)

var now = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

// scene is a root, an issuing CA and a device, and what is held about them: a good CRL for each.
type scene struct {
	root, issuing *attesttest.CA
	device        *attesttest.Device
	bag           []*x509.Certificate
	crls          [][]byte
	responses     [][]byte
	policy        revocation.Policy
}

func newScene(t testing.TB) *scene {
	t.Helper()
	return sceneWith(t, nil, nil)
}

func sceneWith(t testing.TB, issuing, device func(*x509.Certificate)) *scene {
	t.Helper()
	s := &scene{root: attesttest.NewCA(t), policy: revocation.Policy{Now: now}}
	s.issuing = s.root.Intermediate(t, issuing)
	s.device = s.issuing.Device(t, device)
	s.crls = [][]byte{s.root.CRL(t, now, nil), s.issuing.CRL(t, now, nil)}
	return s
}

// aboutDevice replaces the CRL about the device.
func (s *scene) aboutDevice(t testing.TB, mutate func(*attesttest.CRL)) *scene {
	t.Helper()
	s.crls[1] = s.issuing.CRL(t, now, mutate)
	return s
}

// answer puts an OCSP response in the place of the CRL about the device.
func (s *scene) answer(t testing.TB, mutate func(*attesttest.OCSP)) *scene {
	t.Helper()
	s.crls = s.crls[:1]
	s.responses = [][]byte{s.issuing.OCSP(t, now, s.device.Certificate, mutate)}
	return s
}

func (s *scene) held(t testing.TB) revocation.Statements {
	t.Helper()
	var held revocation.Statements
	for _, der := range s.crls {
		if l, err := revocation.ParseCRL(der); err == nil {
			held.CRLs = append(held.CRLs, l)
		}
	}
	for _, der := range s.responses {
		if r, err := revocation.ParseResponse(der); err == nil {
			held.Responses = append(held.Responses, r)
		}
	}
	return held
}

func (s *scene) path(t testing.TB) (certpath.Path, []*certpath.Certificate) {
	t.Helper()
	c := certpath.NewAll([]*x509.Certificate{s.device.Certificate, s.root.Certificate})
	bag := certpath.NewAll(append([]*x509.Certificate{s.issuing.Certificate}, s.bag...))
	path, err := certpath.Find(c[0], bag, certpath.Options{Anchors: c[1:], Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return path, bag
}

func (s *scene) mustBeGood(t *testing.T) {
	t.Helper()
	path, bag := s.path(t)
	if err := s.policy.Check(path, bag, s.held(t)); err != nil {
		t.Error(err)
	}
}

func (s *scene) mustRefuse(t *testing.T, reason attest.Reason) {
	t.Helper()
	path, bag := s.path(t)
	err := s.policy.Check(path, bag, s.held(t))
	if refused, ok := errors.AsType[*attest.Error](err); !ok || refused.Reason != reason {
		t.Errorf("error is %v, not a refusal for reason %s", err, reason)
	}
}

func TestEveryCertificateBelowTheAnchorMustBeCovered(t *testing.T) {
	newScene(t).mustBeGood(t)
	s := newScene(t)
	s.crls = s.crls[1:]
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
	s.crls = nil
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
}

func TestRevokedIntermediateIsRefused(t *testing.T) {
	s := newScene(t)
	s.crls[0] = s.root.CRL(t, now, func(l *attesttest.CRL) {
		l.Revoked = []attesttest.Revoked{{Serial: s.issuing.Certificate.SerialNumber}}
	})
	s.mustRefuse(t, attest.ReasonRevoked)
}

// One source that says revoked outweighs the others, and what is unknown besides.
func TestRevokedOutweighsGoodAndUnknown(t *testing.T) {
	good := newScene(t)
	revoked := func(l *attesttest.CRL) {
		l.Revoked = []attesttest.Revoked{{Serial: good.device.Certificate.SerialNumber}}
	}
	good.crls = append(good.crls, good.issuing.CRL(t, now, revoked))
	good.mustRefuse(t, attest.ReasonRevoked)
	good.crls = good.crls[2:] // nothing about the issuing CA any more
	good.mustRefuse(t, attest.ReasonRevoked)

	byResponse := newScene(t)
	byResponse.responses = [][]byte{byResponse.issuing.OCSP(t, now, byResponse.device.Certificate, func(r *attesttest.OCSP) { r.Singles[0].Status = 1 })}
	byResponse.mustRefuse(t, attest.ReasonRevoked)
}
