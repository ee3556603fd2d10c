package webauthn

import (
	"bytes"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/certpath"
)

// Demand says how much an attestation must be worth. The zero value is the strictest.
type Demand int

// The demands.
const (
	Required Demand = iota // an anchor vouches for the authenticator
	Verified               // a certificate vouches for it, whoever issued that
	Any                    // what is said need only be true; nothing may be said
)

// Type is a type of attestation (section 6.5.3).
type Type string

// The types.
const (
	TypeNone   Type = "none"
	TypeSelf   Type = "self"   // signed with the credential's own key
	TypeBasic  Type = "basic"  // by a key that many authenticators of a model share
	TypeAttCA  Type = "attca"  // by a key of the one authenticator
	TypeAnonCA Type = "anonca" // by a key made for the one credential
)

// Attestation says what an attestation must be worth, and whom to trust.
type Attestation struct {
	Demand Demand

	// Roots anchor the chains of every format. A certificate that is itself a root needs no issuer.
	Roots []*certpath.Certificate

	// Metadata anchors the chains of the models in it, and says which of them are no longer good. Nil: none.
	Metadata *Metadata

	// AndroidStatus returns the list in force of Google's attestation keys that no longer count, which certificates of the format android-key must be off;
	// while it returns nil, whether they are cannot be told. Nil: it is not consulted.
	AndroidStatus func() *android.Status

	// AnyTPMVendor accepts TPMs of makers that the Trusted Computing Group does not list.
	AnyTPMVendor bool
}

// statement is what an attestation statement that holds by itself says.
type statement struct {
	kind     Type
	chain    []*certpath.Certificate // of the attestation certificate, which is first; empty: none
	unsigned bool                    // flags, counter and AAGUID are not signed, see authData.forgetUnsigned
	hardware bool                    // with an anchor, it says that the key cannot leave the hardware
	android  bool                    // Google's list says whether the certificates are revoked
}

// subject is what a statement is about.
type subject struct {
	*object
	key            publicKey
	clientDataHash []byte
	anyTPMVendor   bool
}

// signedData is what most formats sign.
func (s subject) signedData() []byte { return slices.Concat(s.data.raw, s.clientDataHash) }

const (
	formatNone = "none"
	formatU2F  = "fido-u2f"
)

// formats are the attestation statement formats of section 8, spelled as they are registered. SafetyNet is withdrawn by its maker.
var formats = map[string]func(subject) (statement, error){
	"packed":      packed,
	formatU2F:     u2f,
	"tpm":         tpm,
	"android-key": androidKey,
	"apple":       apple,
}

func (s subject) verify() (statement, error) {
	if s.format == formatNone { // section 8.7
		return statement{kind: TypeNone}, s.statement.only()
	}
	return formats[s.format](s)
}

// vouched is what is known of an authenticator.
type vouched struct {
	kind     Type
	attested bool
	known    bool // the metadata knows the model
	aaguid   string
	path     fingerprints // from the attestation to its anchor; nil unless attested
	hardware bool
}

// attest judges the statement of o, and who stands behind it.
func (a *Attestation) attest(o *object, key publicKey, clientDataHash []byte, now time.Time) (vouched, error) {
	st, err := subject{o, key, clientDataHash, a.AnyTPMVendor}.verify()
	if err != nil {
		return vouched{}, err
	}
	if len(st.chain) == 0 {
		if a.Demand != Any {
			return vouched{}, attest.Refuse(attest.ReasonUntrusted, "attestation of type %s names nobody who vouches", st.kind)
		}
		return vouched{kind: st.kind}, nil
	}
	return a.judge(st, o.data.AttData.AAGUID, now)
}

// judge looks for an anchor of a chain.
func (a *Attestation) judge(st statement, aaguid []byte, now time.Time) (vouched, error) {
	entry := a.Metadata.entry(aaguid, st)
	out := vouched{kind: st.kind, known: entry != nil}
	path, err := a.path(st.chain, entry, now)
	if revoked := entry.acceptable(fingerprintsOf(slices.Concat(st.chain, path)), now); revoked != nil {
		return out, revoked
	}
	switch {
	case err != nil && a.Demand == Required:
		return out, err
	case err != nil && !st.chain[0].ValidAt(now):
		return out, errExpired
	}
	if st.android && a.AndroidStatus != nil {
		if revoked := a.AndroidStatus().Check(slices.Concat(st.chain, path)); revoked != nil {
			return out, revoked
		}
	}
	if err != nil {
		return out, nil // nobody vouches for it, and nobody has to
	}
	out.attested, out.path = true, fingerprintsOf(path)
	out.hardware = st.hardware || entry.keepsKeys() && !st.unsigned // else nobody says that it cannot be backed up
	if !bytes.Equal(aaguid, make([]byte, 16)) {
		out.aaguid = uuid.UUID(aaguid).String()
	}
	return out, nil
}

var errExpired = attest.Refuse(attest.ReasonExpired, "attestation certificate is not valid at this time")

// path leads from the attestation certificate to an anchor. FIDO metadata and operators may also name that certificate itself.
func (a *Attestation) path(chain []*certpath.Certificate, entry *Entry, now time.Time) (certpath.Path, error) {
	anchors := slices.Concat(a.Roots, entry.anchors(a.Metadata, now))
	leaf := chain[0]
	if !slices.ContainsFunc(anchors, leaf.Is) {
		return certpath.Find(leaf, chain[1:], certpath.Options{Anchors: anchors, Now: now})
	}
	if !leaf.ValidAt(now) {
		return nil, errExpired
	}
	return certpath.Path{leaf}, nil
}
