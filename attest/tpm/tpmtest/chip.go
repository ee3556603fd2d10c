package tpmtest

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/url"
	"testing"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest/attesttest"
)

// Chip is an endorsement key with a certificate of its maker.
type Chip struct {
	EK    crypto.Signer
	Chain [][]byte // DER, the chip's own first, without the root
}

// The names in the certificates of our chips.
const (
	Manufacturer = "id:00001014"
	Model        = "swtpm"
	Version      = "id:20240125"
)

// NewChip makes a chip with that endorsement key. The certificate differs from a good one as mutate says, which may be nil.
func NewChip(t testing.TB, maker *attesttest.CA, ek crypto.Signer, mutate func(*x509.Certificate)) *Chip {
	t.Helper()
	device := maker.DeviceWithKey(t, ek, func(c *x509.Certificate) {
		c.Subject = pkix.Name{}
		c.URIs = []*url.URL(nil)
		c.ExtKeyUsage = nil
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{2, 23, 133, 8, 1}}
		c.KeyUsage = x509.KeyUsageKeyEncipherment
		if _, elliptic := ek.(*ecdsa.PrivateKey); elliptic {
			c.KeyUsage = x509.KeyUsageKeyAgreement
		}
		c.ExtraExtensions = []pkix.Extension{Names(t, map[int]string{1: Manufacturer, 2: Model, 3: Version})}
		if mutate != nil {
			mutate(c)
		}
	})
	return &Chip{EK: ek, Chain: [][]byte{device.Certificate.Raw}}
}

// Names is the critical subjectAltName of an endorsement key: 2.23.133.2 and the key of the map name each value.
func Names(t testing.TB, values map[int]string) pkix.Extension {
	t.Helper()
	var name pkix.RDNSequence
	for n, value := range values {
		name = append(name, []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 23, 133, 2, n}, Value: value}})
	}
	inside, err := asn1.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	value, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: inside}})
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: value}
}

// Activate is TPM2_ActivateCredential: it opens a credential for the key with that name, which the chip holds.
func (c *Chip) Activate(name, blob, secret []byte) ([]byte, error) {
	if len(blob) < 2 || len(secret) < 2 {
		return nil, errors.New("not a credential")
	}
	return c.open("IDENTITY", name, blob[2:], secret[2:])
}

// Solve certifies a key with that of an EK challenge.
func (c *Chip) Solve(k *Key, object, duplicate, seed []byte) (Attestation, error) {
	public, err := gotpm.Unmarshal[gotpm.TPMTPublic](object)
	if err != nil {
		return Attestation{}, err
	}
	name, err := gotpm.ObjectName(public)
	if err != nil {
		return Attestation{}, err
	}
	plain, err := c.open("DUPLICATE", name.Buffer, duplicate, seed)
	if err != nil {
		return Attestation{}, err
	}
	sensitive, err := gotpm.Unmarshal[gotpm.TPMTSensitive](plain)
	if err != nil {
		return Attestation{}, err
	}
	key, err := sensitive.Sensitive.Bits()
	if err != nil {
		return Attestation{}, err
	}
	text := k.Certify(k, nil, nil).Attest
	digest := sha256.Sum256(text)
	mac := hmac.New(sha256.New, key.Buffer)
	mac.Write(digest[:])
	return Attestation{text, signature(gotpm.TPMAlgHMAC, &gotpm.TPMTHA{HashAlg: gotpm.TPMAlgSHA256, Digest: mac.Sum(nil)})}, nil
}

// open opens what was wrapped for the endorsement key, for use with the object of that name.
func (c *Chip) open(label string, name, blob, secret []byte) ([]byte, error) {
	seed, hash, bits, err := c.decapsulate(label, secret)
	if err != nil {
		return nil, err
	}
	object, err := gotpm.Unmarshal[gotpm.TPM2BDigest](blob)
	if err != nil {
		return nil, err
	}
	encrypted := blob[2+len(object.Buffer):]
	mac := hmac.New(hash.New, gotpm.KDFa(hash, seed, "INTEGRITY", nil, nil, hash.Size()*8))
	mac.Write(encrypted)
	mac.Write(name)
	if !hmac.Equal(mac.Sum(nil), object.Buffer) {
		return nil, errors.New("integrity check failed")
	}
	inside, err := gotpm.Unmarshal[gotpm.TPM2BDigest](decrypt(gotpm.KDFa(hash, seed, "STORAGE", name, nil, bits), encrypted))
	if err != nil {
		return nil, err
	}
	return inside.Buffer, nil
}

// decapsulate opens a seed, and tells hash and key size of the endorsement key's template.
func (c *Chip) decapsulate(label string, secret []byte) (seed []byte, hash crypto.Hash, bits int, err error) {
	switch key := c.EK.(type) {
	case *rsa.PrivateKey:
		seed, err = rsa.DecryptOAEP(sha256.New(), nil, key, secret, []byte(label+"\x00"))
		return seed, crypto.SHA256, 128, err
	case *ecdsa.PrivateKey:
		hash, bits = crypto.SHA256, 128
		if key.Params().BitSize == 384 {
			hash, bits = crypto.SHA384, 256
		}
		seed, err = agree(key, hash, label, secret)
		return seed, hash, bits, err
	}
	return nil, 0, 0, errors.New("no such endorsement key")
}

func agree(key *ecdsa.PrivateKey, hash crypto.Hash, label string, secret []byte) ([]byte, error) {
	point, err := gotpm.Unmarshal[gotpm.TPMSECCPoint](secret)
	if err != nil {
		return nil, err
	}
	own, err := key.ECDH()
	if err != nil {
		return nil, err
	}
	theirs, err := own.Curve().NewPublicKey(append(append([]byte{4}, point.X.Buffer...), point.Y.Buffer...))
	if err != nil {
		return nil, err
	}
	z, err := own.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	return gotpm.KDFe(hash, z, label, coordinate(theirs), coordinate(own.PublicKey()), hash.Size()*8), nil
}

func coordinate(p *ecdh.PublicKey) []byte {
	point := p.Bytes()
	return point[1 : 1+len(point)/2]
}

// decrypt is AES in the mode CFB from an initial vector of zeros.
func decrypt(key, data []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out, before := bytes.Clone(data), make([]byte, aes.BlockSize)
	for i := 0; i < len(data); i += aes.BlockSize {
		block.Encrypt(before, before)
		end := min(i+aes.BlockSize, len(data))
		for j := i; j < end; j++ {
			out[j] = data[j] ^ before[j-i]
		}
		copy(before, data[i:end])
	}
	return out
}
