package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/strictjson"
)

// The files of an enrolled device. The key is made first and everything else is there before enrolling ends.
const (
	keyFile         = "key.pem"         // PKCS #8, mode 0600; in its place there can be chipFile, and then there is no certificate
	certificateFile = "certificate.pem" // the device's own certificate, then its issuers
	infoFile        = "device.json"
)

// deviceInfo is what device.json says.
type deviceInfo struct {
	Issuer      string    `json:"issuer"`
	Account     string    `json:"account"`
	DeviceID    string    `json:"device_id"`
	Label       string    `json:"label"`
	EffectiveAt time.Time `json:"effective_at"` // until then the device can recover nothing
}

// device is a device that was enrolled.
type device struct {
	deviceInfo
	dir   string
	chip  *chip               // nil: the key is in a file
	key   *ecdsa.PrivateKey   // nil: the keys are in a TPM
	chain []*x509.Certificate // its own first; none with a TPM

	confirmBefore time.Time // just enrolled, and to be confirmed in a browser; zero: not so
}

// holder is the key that a recovery belongs to.
func (d *device) holder() crypto.Signer {
	if d.chip != nil {
		return d.chip
	}
	return d.key
}

// devicesDir is where devices are kept, one folder for each host of a gateway.
func devicesDir() (string, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return "", unusable("Name a folder with --dir.", "finding the folder for devices: %v", err)
	}
	return filepath.Join(config, "regrant", "devices"), nil
}

// deviceDir is the folder for a gateway's device: what --dir says, else one named after the host.
func deviceDir(dir, issuer string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	base, err := devicesDir()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return "", unusable("", "reading --issuer: %v", err)
	}
	return filepath.Join(base, strings.ReplaceAll(u.Host, ":", "_")), nil // Windows has no colon in names
}

// enrolledDirs lists the folders that hold a device. Without --dir and --issuer, those are all.
func enrolledDirs(dir, issuer string) ([]string, error) {
	if dir != "" || issuer != "" {
		one, err := deviceDir(dir, issuer)
		return []string{one}, err
	}
	base, err := devicesDir()
	if err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(base, "*", infoFile))
	if err != nil {
		return nil, unusable("", "looking for devices: %v", err)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	if len(found) == 0 {
		return nil, unusable("Enrol it with regrant device enroll.", "no device is enrolled here")
	}
	return found, nil
}

// findDevice loads the one device that is meant.
func findDevice(dir, issuer string) (*device, error) {
	dirs, err := enrolledDirs(dir, issuer)
	if err != nil {
		return nil, err
	}
	if len(dirs) > 1 {
		return nil, unusable("Say which with --issuer or --dir; regrant device show lists them.", "%d devices are enrolled here", len(dirs))
	}
	d, err := loadDevice(dirs[0])
	if err != nil {
		return nil, err
	}
	if issuer != "" && d.Issuer != issuer {
		return nil, unusable("Name the folder of the right one with --dir.", "the device in %s is enrolled with %s", d.dir, d.Issuer)
	}
	return d, nil
}

func loadDevice(dir string) (*device, error) {
	d := &device{dir: dir}
	data, err := os.ReadFile(filepath.Join(dir, infoFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unusable("Enrol it with regrant device enroll.", "no device is enrolled in %s", dir)
	}
	if err == nil {
		err = strictjson.Decode(data, &d.deviceInfo)
	}
	if err == nil && inTPM(dir) {
		if d.chip, err = loadChip(filepath.Join(dir, chipFile)); err == nil {
			return d, nil
		}
	}
	if err == nil {
		d.key, err = loadKey(filepath.Join(dir, keyFile))
	}
	if err == nil {
		d.chain, err = loadChain(filepath.Join(dir, certificateFile))
	}
	if err != nil {
		return nil, unusable("", "reading the device in %s: %v", dir, err)
	}
	if !d.key.PublicKey.Equal(d.chain[0].PublicKey) {
		return nil, unusable("Remove the folder and enrol again.", "key and certificate in %s do not belong together", dir)
	}
	return d, nil
}

// loadKey refuses a key that others can read: it may no longer be ours alone.
func loadKey(file string) (*ecdsa.PrivateKey, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(file)
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, errors.New("other users can read " + name + "; revoke the device or, if you are sure of it, chmod 600")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New(name + " is not PEM")
	}
	key, err := parseKey(block)
	if err != nil || key.Curve != elliptic.P256() {
		return nil, errors.New(name + " holds no P-256 key")
	}
	return key, nil
}

// parseKey reads PKCS #8, which we write ourselves, and the older form of other programs (RFC 5915).
func parseKey(block *pem.Block) (*ecdsa.PrivateKey, error) {
	if block.Type == "EC PRIVATE KEY" {
		return x509.ParseECPrivateKey(block.Bytes)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("another kind of key")
	}
	return key, nil
}

func loadChain(file string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseChain(data)
}

// parseChain reads certificates, at least one, and nothing else.
func parseChain(data []byte) (chain []*x509.Certificate, err error) {
	for rest := bytes.TrimSpace(data); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		begins := bytes.HasPrefix(rest, []byte("-----BEGIN CERTIFICATE-----")) // pem.Decode passes over text in front
		var block *pem.Block
		if block, rest = pem.Decode(rest); !begins || block == nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("not a PEM certificate")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("no certificate")
	}
	return chain, nil
}

func encodeCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
