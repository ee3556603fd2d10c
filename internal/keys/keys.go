// Package keys makes and keeps the gateway's keys, one purpose each.
//
// The operator's secret is the only key outside the store. A wrapping key is derived from it for each namespace, and
// every other key is a record of its own, made once at random and wrapped under that. So a stolen store holds no key,
// a stolen secret alone opens nothing, and no two purposes or namespaces share a key. Within one purpose each
// use (sealing, MAC, record MAC) gets a key of its own again.
//
// [Open] returns the [Ring] of one namespace. What it hands out is good for as long as the process lives.
package keys

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"

	"github.com/regrant/regrant/storage"
)

// Purpose is what a key is for. The list is closed.
type Purpose string

// The purposes. [Grant] and [Broker] are signing keys; every other is a symmetric key.
const (
	RecoveryID   Purpose = "recovery-id"   // seals what an unproven recovery carries
	LoginRequest Purpose = "login-request" // seals an authorization request that waits in a browser
	Handle       Purpose = "handle"        // hashes the handles under which secrets are looked up
	CSRF         Purpose = "csrf"          // authenticates forms
	Record       Purpose = "record"        // authenticates stored records
	Secrets      Purpose = "secrets"       // hashes activation codes
	Grant        Purpose = "grant"         // signs recovery tokens
	Broker       Purpose = "broker"        // signs ID tokens
	GrantSecret  Purpose = "grant-secret"  // authenticates access tokens
	BrokerSecret Purpose = "broker-secret" // authenticates the broker's codes
	DeviceCA     Purpose = "device-ca"     // seals the issuing CAs' keys
	BrokerClient Purpose = "broker-client" // derives the broker's client secret
)

// kind tells how the material of a key is made and read.
type kind string

const (
	symmetric kind = "symmetric" // 32 random bytes
	signing   kind = "p-256"     // the scalar of an ECDSA key, SEC 1
)

var kinds = map[Purpose]kind{
	RecoveryID: symmetric, LoginRequest: symmetric, Handle: symmetric, CSRF: symmetric, Record: symmetric, Secrets: symmetric,
	Grant: signing, Broker: signing,
	GrantSecret: symmetric, BrokerSecret: symmetric, DeviceCA: symmetric, BrokerClient: symmetric,
}

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
	symmetric map[Purpose][]byte
	signing   map[Purpose]SigningKey
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
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("opening keys: %w: it has %d bytes, at least %d are needed", ErrShortSecret, len(secret), MinSecret)
	}
	w := newWrapper(secret, namespace)
	var ring *Ring
	err := db.Update(ctx, func(tx storage.Tx) error {
		if err := w.check(tx); err != nil {
			return err
		}
		ring = &Ring{symmetric: map[Purpose][]byte{}, signing: map[Purpose]SigningKey{}}
		for p, k := range kinds {
			material, err := w.key(tx, p, k)
			if err != nil {
				return err
			}
			if err := ring.add(p, k, material); err != nil {
				return fmt.Errorf("reading key %q: %w", p, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("opening keys of %q: %w", namespace, err)
	}
	return ring, nil
}

func (r *Ring) add(p Purpose, k kind, material []byte) error {
	if k == symmetric {
		if len(material) != keySize {
			return errors.New("wrong length")
		}
		r.symmetric[p] = material
		return nil
	}
	private, err := parseSigning(material)
	if err != nil {
		return err
	}
	r.signing[p] = SigningKey{ID: thumbprint(&private.PublicKey), Private: private}
	return nil
}

// Box returns the sealer of messages for p.
func (r *Ring) Box(p Purpose) *Box {
	return &Box{aead: newAEAD(derive(r.of(p), "regrant box"))}
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

// Signing returns the signing key of p.
func (r *Ring) Signing(p Purpose) SigningKey {
	k, ok := r.signing[p]
	if !ok {
		panic(fmt.Sprintf("keys: %q is no signing key", p))
	}
	return k
}

func (r *Ring) of(p Purpose) []byte {
	k, ok := r.symmetric[p]
	if !ok {
		panic(fmt.Sprintf("keys: %q is no symmetric key", p))
	}
	return k
}
