package caddymodule

import (
	"crypto/x509"
	_ "embed" // the makers' roots
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/apple"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/internal/revocation"
)

// The roots that the makers publish: Google's for hardware attestation, the RSA one in its certificate of 2022 and the one on P-384 of 2025
// (https://android.googleapis.com/attestation/root), and Apple's for enterprises (https://www.apple.com/certificateauthority/private/).
var (
	//go:embed roots/android.pem
	androidRoots []byte
	//go:embed roots/apple.pem
	appleRoots []byte
)

// AndroidKey accepts Android key attestation as evidence about the key of a
// device that is enrolled. The key must have been made for signing in a TEE or a
// StrongBox, in a phone whose boot loader is locked and whose system its maker
// has signed.
type AndroidKey struct {
	// The roots to which an attestation must lead: any source of Caddy that names
	// its certificates, such as `file`. Default: Google's two roots of hardware
	// attestation.
	TrustPoolRaw json.RawMessage `json:"trust_pool,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	// The URL of the list of attestation certificates that are revoked or
	// suspended. It is fetched every hour and used for a day; without it no
	// attestation is accepted. Default: Google's,
	// `https://android.googleapis.com/attestation/status`.
	Status string `json:"status,omitempty"`

	// Whether the key has to be in a StrongBox, a chip of its own. Default: a TEE
	// will do.
	StrongBox bool `json:"strongbox,omitempty"`

	// The oldest security patch of the system that is accepted, as YYYYMM. Default:
	// any.
	OSPatchLevel int `json:"os_patch_level,omitempty"`

	// The names of the apps that the key may belong to. Default: any.
	Packages []string `json:"packages,omitempty"`

	roots  []*certpath.Certificate
	status *revocation.AndroidStatus // the list of Status
}

// AppleDevice accepts Apple's managed device attestation as evidence about the
// key of a device that is enrolled.
type AppleDevice struct {
	// The roots to which an attestation must lead: any source of Caddy that names
	// its certificates, such as `file`. Default: Apple's Enterprise Attestation
	// Root CA.
	TrustPoolRaw json.RawMessage `json:"trust_pool,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	roots []*certpath.Certificate
}

// unmarshal sets up the evidence. Syntax:
//
//	android_key {
//		trust_pool     <module> ...
//		status         <url>
//		strongbox
//		os_patch_level <YYYYMM>
//		packages       <names...>
//	}
func (k *AndroidKey) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	return readBlock(d, d.Nesting(), k.unmarshalOption, k.check, k.check)
}

func (k *AndroidKey) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "trust_pool":
		return unmarshalTrustPool(d, &k.TrustPoolRaw)
	case "status":
		return readOnce(d, &k.Status)
	case "strongbox":
		return readFlag(d, &k.StrongBox)
	case "os_patch_level":
		if k.OSPatchLevel != 0 {
			return twice(d)
		}
		var text string
		if !d.AllArgs(&text) {
			return d.ArgErr()
		}
		month, err := strconv.Atoi(text)
		if err != nil || !android.IsPatchLevel(month) {
			return d.Errf("'%s' is not a month: write one such as 202601", text)
		}
		k.OSPatchLevel = month
		return nil
	case "packages":
		return readList(d, &k.Packages)
	default:
		return unknown(d, "trust_pool", "status", "strongbox", "os_patch_level", "packages")
	}
}

func (k *AndroidKey) check() error {
	if k == nil {
		return nil
	}
	switch {
	case k.OSPatchLevel != 0 && !android.IsPatchLevel(k.OSPatchLevel):
		return fmt.Errorf("os_patch_level %d is not a month: write one such as 202601", k.OSPatchLevel)
	case slices.Contains(k.Packages, ""):
		return errors.New("packages has an empty name in it: write the names of apps, such as org.example.wallet")
	}
	return checkFetched("status", k.Status)
}

func (k *AndroidKey) provision(ctx caddy.Context) (err error) {
	if k == nil {
		return nil
	}
	if err := firstError(expand(&k.Status), expandAll(k.Packages), k.check()); err != nil {
		return err
	}
	if k.Status == "" {
		k.Status = revocation.AndroidStatusURL
	}
	k.roots, err = makersRoots(ctx, k, k.TrustPoolRaw, androidRoots)
	return err
}

// unmarshal sets up the evidence. Syntax:
//
//	apple_device {
//		trust_pool <module> ...
//	}
func (a *AppleDevice) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "trust_pool" {
			return unknown(d, "trust_pool")
		}
		if err := unmarshalTrustPool(d, &a.TrustPoolRaw); err != nil {
			return err
		}
	}
	return nil
}

func (a *AppleDevice) provision(ctx caddy.Context) (err error) {
	if a == nil {
		return nil
	}
	a.roots, err = makersRoots(ctx, a, a.TrustPoolRaw, appleRoots)
	return err
}

// makersRoots are those of the trust pool, if there is one, and else those that the maker publishes.
func makersRoots(ctx caddy.Context, host any, raw json.RawMessage, published []byte) ([]*certpath.Certificate, error) {
	roots, err := loadAnchors(ctx, host, raw)
	if err != nil || roots != nil {
		return certpath.NewAll(roots), err
	}
	for block, rest := pem.Decode(published); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		roots = append(roots, c)
	}
	return certpath.NewAll(roots), nil
}

// attestors judge what the makers of devices say about the keys in them.
func (a *App) attestors() map[string]attest.Attestor {
	judges := make(map[string]attest.Attestor)
	if k := a.device.AndroidKey; k != nil {
		judges[android.Format] = func(certificates [][]byte, challenge []byte, now time.Time) (attest.Attested, error) {
			return android.Policy{
				Roots: k.roots, Now: now, Status: k.status.Current(),
				ExpiredFactory: true, // nobody can give a phone another chain
				StrongBox:      k.StrongBox, PatchLevel: k.OSPatchLevel, Packages: k.Packages,
			}.Attest(certificates, challenge)
		}
	}
	if d := a.device.AppleDevice; d != nil {
		judges[apple.Format] = func(certificates [][]byte, challenge []byte, now time.Time) (attest.Attested, error) {
			return apple.Policy{Roots: d.roots, Now: now}.Attest(certificates, challenge)
		}
	}
	return judges
}
