// Package keys makes and keeps the gateway's keys, one purpose each.
//
// The operator's secret is the only key outside the store. A wrapping key is derived from it for each namespace, and
// every other key is made at random, kept in the record of its purpose and wrapped under that. So a stolen store holds
// no key, a stolen secret alone opens nothing, and no two purposes or namespaces share a key. Within one purpose each
// use (sealing, MAC, record MAC) gets a key of its own again. [Rewrap] puts the keys under another secret.
//
// Keys that protect only what is short-lived rotate: [RecoveryID], [LoginRequest], [OwnLogin], [Grant] and
// [Broker]. Each has several keys at a time (see rotation.go). The others never do, because what they protect has no
// end or has no room for the name of a key: stored records and handles, activation codes, the issuing authorities, forms,
// opaque tokens and the broker's client secret, which was entered at the identity provider by hand.
//
// [Open] returns the [Ring] of one namespace, and [Ring.Run] keeps it up to date.
package keys

import (
	"context"
	"crypto/cipher"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/regrant/regrant/storage"
)

// Purpose is what a key is for. The list is closed.
type Purpose string

// The purposes. [Grant] and [Broker] are signing keys; every other is a symmetric key.
const (
	RecoveryID   Purpose = "recovery-id"   // seals what an unproven recovery carries
	LoginRequest Purpose = "login-request" // seals an authorization request that waits in a browser
	OwnLogin     Purpose = "own-login"     // seals a login of the gateway's own that is under way
	Handle       Purpose = "handle"        // hashes the handles under which secrets are looked up
	CSRF         Purpose = "csrf"          // authenticates forms
	Record       Purpose = "record"        // authenticates stored records
	Secrets      Purpose = "secrets"       // hashes activation codes
	Enrolment    Purpose = "enrolment"     // seals what waits for the end of an enrolment
	Methods      Purpose = "methods"       // hashes what methods keep of their secrets
	Results      Purpose = "results"       // authenticates what was proved, while more is wanted
	Grant        Purpose = "grant"         // signs recovery tokens
	Broker       Purpose = "broker"        // signs ID tokens
	GrantSecret  Purpose = "grant-secret"  // authenticates access tokens
	BrokerSecret Purpose = "broker-secret" // authenticates the broker's codes
	DeviceCA     Purpose = "device-ca"     // seals the issuing CAs' keys
	ProofNonce   Purpose = "proof-nonce"   // authenticates DPoP nonces
	BrokerClient Purpose = "broker-client" // derives the broker's client secret
)

// kind tells how the material of a key is made and read.
type kind string

const (
	symmetric kind = "symmetric" // 32 random bytes, for ever
	sealing   kind = "sealing"   // 32 random bytes for a Box, rotated
	signing   kind = "p-256"     // the scalar of an ECDSA key, SEC 1, rotated
)

var kinds = map[Purpose]kind{
	RecoveryID: sealing, LoginRequest: sealing, OwnLogin: sealing, Enrolment: sealing,
	Handle: symmetric, CSRF: symmetric, Record: symmetric, Secrets: symmetric, Results: symmetric, Methods: symmetric,
	Grant: signing, Broker: signing,
	GrantSecret: symmetric, BrokerSecret: symmetric, DeviceCA: symmetric, ProofNonce: symmetric, BrokerClient: symmetric,
}

// rotating is in a fixed order, so that operators always read the same list.
var rotating = []Purpose{Grant, Broker, RecoveryID, LoginRequest, OwnLogin, Enrolment}

var (
	// ErrWrongSecret means that the store's keys do not open under this secret: it is another one than they were made
	// with, or a record was altered. No key is made then, because new ones would make everything stored unreadable.
	ErrWrongSecret = errors.New("the secret does not open the stored keys")
	// ErrShortSecret means that the operator's secret has fewer than [MinSecret] bytes.
	ErrShortSecret = errors.New("the secret is too short")
)

// MinSecret is the shortest operator's secret, in bytes: as strong as the keys it wraps.
const MinSecret = 32

// Ring holds the keys of one namespace. It is safe for concurrent use. To ask it for a purpose outside the list, or
// for the wrong kind of key, is a mistake in the program and panics.
type Ring struct {
	db      storage.DB
	wrapper *wrapper
	fixed   map[Purpose][]byte
	turning atomic.Pointer[turning]
}

// turning is what rotates, as it was at one time. The first key of each purpose is the one in use. It never changes.
type turning struct {
	signing map[Purpose][]SigningKey
	sealing map[Purpose][]cipher.AEAD
}

// SigningKey is a P-256 key. Its ID is its RFC 7638 thumbprint.
type SigningKey struct {
	ID      string
	Private *ecdsa.PrivateKey
}

// Open reads the keys of namespace and makes those that are missing, all in one transaction: of several nodes that
// start at once, one makes a key and the others read it. The errors are [ErrShortSecret], [ErrWrongSecret] and those of
// the store.
func Open(ctx context.Context, db storage.DB, namespace string, secret []byte) (*Ring, error) {
	w, err := newWrapper(secret, namespace)
	if err != nil {
		return nil, fmt.Errorf("opening keys: %w", err)
	}
	r := &Ring{db: db, wrapper: w}
	err = db.Update(ctx, func(tx storage.Tx) error {
		if err := w.check(tx); err != nil {
			return err
		}
		r.fixed = map[Purpose][]byte{}
		for p, k := range kinds {
			rec, err := w.recordOf(tx, p, k)
			if err != nil {
				return err
			}
			if k == symmetric {
				r.fixed[p] = rec.Keys[0].Material
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("opening keys of %q: %w", namespace, err)
	}
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Box returns the sealer of messages for p. It seals with the key that is in use when it is called, and opens what any
// key sealed that is still kept.
func (r *Ring) Box(p Purpose) *Box {
	if kinds[p] == sealing {
		return &Box{func() []cipher.AEAD { return r.turning.Load().sealing[p] }}
	}
	only := []cipher.AEAD{boxAEAD(r.of(p))}
	return &Box{func() []cipher.AEAD { return only }}
}

// MAC is HMAC-SHA-256 over parts, each with its length before it, so that no two lists of parts give the same input.
func (r *Ring) MAC(p Purpose, parts ...[]byte) []byte {
	return mac(derive(r.of(p), "regrant mac"), parts...)
}

// Sealer ties stored values to their keys; see [storage.Sealer].
func (r *Ring) Sealer(p Purpose) storage.Sealer {
	return &sealer{key: derive(r.of(p), "regrant record")}
}

// Secret returns 32 bytes for a library that wants a secret of its own.
func (r *Ring) Secret(p Purpose) []byte {
	return derive(r.of(p), "regrant secret")
}

// Signing returns the signing keys of p: the first signs, all verify and are published. Ask for each use anew, because
// they rotate. The caller must not change the list.
func (r *Ring) Signing(p Purpose) []SigningKey {
	if kinds[p] != signing {
		panic(fmt.Sprintf("keys: %q is no signing key", p))
	}
	return r.turning.Load().signing[p]
}

func (r *Ring) of(p Purpose) []byte {
	k, ok := r.fixed[p]
	if !ok {
		panic(fmt.Sprintf("keys: %q is no symmetric key that stays", p))
	}
	return k
}
