package attesttest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/regrant/regrant/attest"
)

// Reads has f read in.Body as everything that a stranger or a person sends: evidence, what begins an enrolment and what ends it; and
// in.Bound.Reference as what is stored. It is for fuzz targets: all of it may be anything. Every error has to be a refusal, nothing may hold
// where nothing is bound, and evidence has to be verified under the handle at which it was located.
func Reads(t testing.TB, f attest.Enroller, in attest.Input, e attest.Enrolling) {
	t.Helper()
	reference := in.Bound.Reference
	handle, unlocated := f.Locate(in.Body, "")
	MustRefuse(t, unlocated)
	in.Bound = attest.Binding{}
	if _, err := f.Verify(in); err == nil {
		t.Error("verified where nothing is bound")
	} else {
		MustRefuse(t, err)
	}
	in.Bound = attest.Binding{Authenticator: "a", Reference: reference}
	if got, err := f.Verify(in); err == nil && (unlocated != nil || !bytes.Equal(got.Handle, handle)) {
		t.Errorf("located at %x, %v; verified %x", handle, unlocated, got.Handle)
	}
	_, err := f.Begin(e, in.Body)
	MustRefuse(t, err)
	made, err := f.Finish(e, nil, in.Body)
	MustRefuse(t, err)
	if err == nil { // what is stored can be read, even if it is not the key that signed
		in.Bound.Reference = made.Handles[0].Reference
		_, err = f.Verify(in)
		MustRefuse(t, err)
	}
}

// MustRefuse fails the test for an error that is not an [attest.Error], which alone says that evidence is bad.
func MustRefuse(t testing.TB, err error) {
	t.Helper()
	if _, ok := errors.AsType[*attest.Error](err); err != nil && !ok {
		t.Errorf("error %v is no refusal", err)
	}
}
