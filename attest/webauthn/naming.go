package webauthn

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strconv"

	gowebauthn "github.com/go-webauthn/webauthn/protocol"

	"github.com/regrant/regrant/attest"
)

// names is how many credentials the options name: room for as many passkeys as people have, and some security keys take no more at a time.
const names = 8

// lengths are those of the credential ids that authenticators make, in bytes, as often as they are met.
var lengths = [...]int{16, 16, 16, 16, 16, 16, 20, 20, 20, 32, 32, 32, 32, 48, 48, 64}

const longest = 64

// Names implements [attest.Namer].
func (f *Format) Names() int {
	if f.config.AllowCredentials {
		return names
	}
	return 0
}

// PromptNaming asks for a passkey that is named. Section 14.6.2: whoever is asked about, so many are named, and each time the same.
func (f *Format) PromptNaming(st attest.Statement, bound [][]byte) ([]byte, error) {
	ids, err := f.list(st.Account, bound)
	if err != nil {
		return nil, err
	}
	return f.prompt(st, ids)
}

// list are the credentials of an account among decoys, in an order that does not tell them apart.
func (f *Format) list(account attest.Identifier, bound [][]byte) ([][]byte, error) {
	seed := f.config.Keyed([]byte("allow_credentials"), []byte(account.String()))
	order, err := hkdf.Expand(sha256.New, seed, "order", sha256.Size)
	if err != nil {
		return nil, err
	}
	ids := f.credentialIDs(bound)
	for i := range names { // each is made, whether there is room or not: it is the same work
		id, err := decoyID(seed, i)
		if err != nil {
			return nil, err
		}
		if len(ids) < names {
			ids = append(ids, id)
		}
	}
	type placed struct{ id, place []byte }
	list := make([]placed, names)
	for i, id := range ids {
		mac := hmac.New(sha256.New, order)
		mac.Write(id)
		list[i] = placed{id, mac.Sum(nil)}
	}
	slices.SortFunc(list, func(a, b placed) int { return bytes.Compare(a.place, b.place) })
	for i, l := range list {
		ids[i] = l.id
	}
	return ids, nil
}

// credentialIDs are those in handles of RP IDs that still count. Next to nothing is done for one: whoever measures would see a hash for
// each that there is.
func (f *Format) credentialIDs(handles [][]byte) [][]byte {
	ids := make([][]byte, 0, names)
	for _, handle := range handles {
		for _, prefix := range f.prefixes {
			if id, ours := bytes.CutPrefix(handle, prefix); ours && len(ids) < names {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// decoyID is the credential id of nobody.
func decoyID(seed []byte, i int) ([]byte, error) {
	stream, err := hkdf.Expand(sha256.New, seed, "decoy "+strconv.Itoa(i), 1+longest)
	if err != nil {
		return nil, err
	}
	return stream[1 : 1+lengths[int(stream[0])%len(lengths)]], nil
}

func descriptors(ids [][]byte) []gowebauthn.CredentialDescriptor {
	var list []gowebauthn.CredentialDescriptor
	for _, id := range ids {
		list = append(list, gowebauthn.CredentialDescriptor{Type: gowebauthn.PublicKeyCredentialType, CredentialID: id})
	}
	return list
}
