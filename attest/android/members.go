package android

import (
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// RootOfTrust is how the phone was started.
type RootOfTrust struct {
	DeviceLocked bool
	State        BootState
}

func (a *Authorizations) readRootOfTrust(s *cryptobyte.String) bool {
	var root cryptobyte.String
	var r RootOfTrust
	var state int
	if !s.ReadASN1(&root, tags.SEQUENCE) || !root.SkipASN1(tags.OCTET_STRING) || // verifiedBootKey
		!root.ReadASN1Boolean(&r.DeviceLocked) || !root.ReadASN1Enum(&state) ||
		!root.SkipOptionalASN1(tags.OCTET_STRING) || !root.Empty() || // verifiedBootHash
		state < int(Verified) || state > int(Failed) {
		return false
	}
	r.State = BootState(state)
	a.RootOfTrust = &r
	return true
}

// readApplicationID reads the apps that share the key, and skips the digests of the certificates that they are signed with.
func (a *Authorizations) readApplicationID(s *cryptobyte.String) bool {
	var wrapped, id, packages, digests cryptobyte.String
	if !s.ReadASN1(&wrapped, tags.OCTET_STRING) || !wrapped.ReadASN1(&id, tags.SEQUENCE) || !wrapped.Empty() ||
		!id.ReadASN1(&packages, tags.SET) || !id.ReadASN1(&digests, tags.SET) || !id.Empty() {
		return false
	}
	for !packages.Empty() {
		var info cryptobyte.String
		var name string
		if !packages.ReadASN1(&info, tags.SEQUENCE) || !readText(&info, &name) || !info.SkipASN1(tags.INTEGER) || !info.Empty() {
			return false
		}
		a.packages = append(a.packages, name)
	}
	for !digests.Empty() {
		if !digests.SkipASN1(tags.OCTET_STRING) {
			return false
		}
	}
	return true
}

func readText(s *cryptobyte.String, into *string) bool {
	var text cryptobyte.String
	if !s.ReadASN1(&text, tags.OCTET_STRING) || !utf8.Valid(text) {
		return false
	}
	*into = string(text)
	return true
}
