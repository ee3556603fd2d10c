package authority

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/storage"
)

const (
	issuingLife = 2 * 365 * 24 * time.Hour
	// backdate lets a certificate count at once on a machine whose clock is a little behind.
	backdate = time.Minute
)

// issuingRecord is an issuing CA. Its id is the root it stands under and a generation counted up from 1, so that of
// several nodes that make the next one, a single one can insert it.
type issuingRecord struct {
	Root        []byte    `json:"root"` // SHA-256 of the root's key (SubjectPublicKeyInfo)
	Generation  uint32    `json:"generation"`
	Certificate []byte    `json:"certificate"` // DER
	Key         string    `json:"key"`         // PKCS #8, sealed
	NotAfter    time.Time `json:"not_after"`
}

func (r *issuingRecord) id() []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(r.Root), r.Generation)
}

func newIssuings(namespace string, sealer storage.Sealer) *storage.Table[issuingRecord] {
	return storage.NewTable(storage.TableConfig[issuingRecord]{
		Name:    namespace + "/issuing-ca",
		Version: 1,
		ID:      (*issuingRecord).id,
		// No certificate outlives its CA, so after this moment it is no anchor for anything.
		Expires: func(r *issuingRecord) time.Time { return r.NotAfter },
		// An issuing CA is an anchor: without the MAC a database writer could add one.
		Sealer: sealer,
	})
}

// issuingCA is an issuing CA ready to sign.
type issuingCA struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func (r Root) check() error {
	if r.Certificate == nil || r.Key == nil {
		return errors.New("no root certificate or key")
	}
	c := r.Certificate
	pub, ok := r.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !ok || !pub.Equal(c.PublicKey):
		return errors.New("the root's key does not belong to its certificate")
	case !c.BasicConstraintsValid || !c.IsCA || (c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0):
		return errors.New("the root certificate is not that of a CA that may sign certificates")
	case c.MaxPathLen == 0 && c.MaxPathLenZero:
		return errors.New("the root's path length of 0 allows no issuing CA under it")
	}
	return nil
}

func (r Root) hash() []byte {
	sum := sha256.Sum256(r.Certificate.RawSubjectPublicKeyInfo)
	return sum[:]
}

// issuing returns the issuing CA of our root that certifies now, and makes a new one when the newest has not the life
// left for a whole certificate.
func (a *Authority) issuing(ctx context.Context) (*issuingCA, error) {
	for range 4 {
		newest, now, err := a.newest(ctx)
		if err != nil {
			return nil, err
		}
		if !now.Before(a.Root.Certificate.NotAfter) {
			return nil, errors.New("the root certificate has expired")
		}
		// The last issuing CA under a root ends with it, so a longer life than the root's cannot be asked for.
		if need := earlier(now.Add(a.Lifetime), a.Root.Certificate.NotAfter); !newest.NotAfter.Before(need) {
			return a.ready(newest)
		}
		next, err := a.makeIssuing(newest.Generation+1, now)
		if err != nil {
			return nil, fmt.Errorf("making an issuing CA: %w", err)
		}
		err = a.DB.Update(ctx, func(tx storage.Tx) error { return a.issuings.Insert(tx, next) })
		if err != nil && !errors.Is(err, storage.ErrExists) {
			return nil, fmt.Errorf("storing an issuing CA: %w", err)
		}
		// Ours is stored, or another node's is: the next round reads it.
	}
	return nil, errors.New("another node keeps making issuing CAs that are no use here")
}

// newest reads the last issuing CA under our root. If there is none, its NotAfter is the zero time.
func (a *Authority) newest(ctx context.Context) (newest *issuingRecord, now time.Time, err error) {
	err = a.DB.View(ctx, func(r storage.Reader) error {
		newest, now = &issuingRecord{Root: a.Root.hash()}, r.Now()
		for record, err := range a.issuings.All(r, nil, 0) {
			if err != nil {
				return fmt.Errorf("reading the issuing CAs: %w", err)
			}
			if bytes.Equal(record.Root, newest.Root) && record.Generation > newest.Generation {
				newest = record
			}
		}
		return nil
	})
	return newest, now, err
}

// makeIssuing makes an issuing CA outside any transaction: the root's key may sit in a device that takes its time.
func (a *Authority) makeIssuing(generation uint32, now time.Time) (*issuingRecord, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Device issuing CA " + rand.Text()[:8]},
		NotBefore:             now.Add(-backdate),
		NotAfter:              earlier(now.Add(issuingLife), a.Root.Certificate.NotAfter),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it certifies devices, never another CA
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Root.Certificate, &key.PublicKey, a.Root.Key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	r := &issuingRecord{Root: a.Root.hash(), Generation: generation, Certificate: der, NotAfter: certificate.NotAfter}
	r.Key = a.box.Seal(plain, r.id())
	return r, nil
}

func (a *Authority) ready(r *issuingRecord) (*issuingCA, error) {
	certificate, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return nil, fmt.Errorf("reading an issuing CA: %w", err)
	}
	plain, err := a.box.Open(r.Key, r.id())
	if err != nil {
		return nil, fmt.Errorf("opening an issuing CA's key: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, errors.New("an issuing CA's key is not readable")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("an issuing CA's key cannot sign")
	}
	return &issuingCA{certificate, signer}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
