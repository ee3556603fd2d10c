package caddymodule

import (
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/webauthn"
	"github.com/regrant/regrant/internal/revocation"
)

func init() {
	caddy.RegisterModule(Passkey{})
}

// Passkey is the method of proving oneself with a passkey whose authenticator
// verifies its user. It is enough alone where the proof is made on the gateway's
// own pages.
type Passkey struct {
	MethodTerms

	// The RP IDs whose passkeys recover; new ones are made for the first. Each is a
	// domain at least one label below a public suffix. One that the origin of
	// `issuer` is not within has to name that origin among its related origins.
	// Default: the host of `issuer`.
	RPIDs []string `json:"rp_id,omitempty"`

	// Origins of pages, besides the one of `issuer`, at which passkeys may be made
	// and used. Those outside the first RP ID are its related origins: the document
	// that says so is served at `/.well-known/webauthn` of `issuer`. Proofs that
	// are made at them do not resist relays. Default: none.
	Origins []string `json:"origins,omitempty"`

	// What people are shown as the name of the relying party. Default: the first RP
	// ID.
	Name string `json:"name,omitempty"`

	// What the attestation of a new passkey must be worth. `none`: nothing, and it
	// is not asked for. `verified`: somebody's certificate stands behind it.
	// `required`: it leads to `trust_pool` or `metadata`. Default: `none`.
	Attestation string `json:"attestation,omitempty"`

	// The roots to which attestations lead, of every format. Any source of Caddy
	// that names its certificates, such as `file`. Default: none.
	TrustPoolRaw json.RawMessage `json:"trust_pool,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	// A file with the BLOB of the FIDO Metadata Service, which something else keeps
	// up to date. It is looked at when the configuration is loaded, at each
	// enrolment and at each proof with a passkey whose model is attested, and read
	// again when it has changed; one with a lower number than this process has read
	// before is passed over. While there is no good one, no model is vouched for.
	// What it says against a model holds also when it is out of date. Default: none.
	Metadata string `json:"metadata,omitempty"`

	// The root under which the BLOB is signed. A source as above. Required with
	// `metadata`.
	MetadataRootRaw json.RawMessage `json:"metadata_root,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	// Which models of authenticators are accepted. Default: those that the metadata
	// knows, or all where there is none.
	Models *PasskeyModels `json:"models,omitempty"`

	// `listed`: attested TPMs are of makers that the Trusted Computing Group lists.
	// `any`: of whoever trust_pool vouches for. Default: `listed`.
	TPMVendors string `json:"tpm_vendors,omitempty"`

	// The URL of the list of Android's attestation certificates that are revoked or
	// suspended. It is fetched every hour and used for a day; without it, a new
	// passkey with an attestation of Android is not accepted. Default: that of
	// `android_key` of the method `device_certificate`, or Google's,
	// `https://android.googleapis.com/attestation/status`.
	AndroidStatus string `json:"android_status,omitempty"`

	// The signature algorithms that are asked for, the preferred first, by their
	// names in COSE. Default: `EdDSA`, `ES256` and `RS256`.
	Algorithms []string `json:"algorithms,omitempty"`

	// Recovery names credentials, so that security keys count too which keep no
	// passkey that a browser finds by itself. Whoever asks about an account is told
	// some ids, most of them decoys; whoever asks again and again sees them change
	// when a passkey of it is bound or removed. Default: nothing is named.
	AllowCredentials bool `json:"allow_credentials,omitempty"`

	roots    []*certpath.Certificate
	metadata *metadataFile             // nil: none
	status   *revocation.AndroidStatus // nil: nobody is asked for attestations
	logger   *slog.Logger
}

// PasskeyModels says which models of authenticators are accepted, by their AAGUID:
// 8-4-4-4-12 lower-case hexadecimal digits. It needs `attestation required`, since
// without it an authenticator says of itself what it likes.
type PasskeyModels struct {
	// Only these may be bound. Default: all that are not denied.
	Allow []string `json:"allow,omitempty"`

	// Not these: they are not bound, and those that are do not recover. Default:
	// none.
	Deny []string `json:"deny,omitempty"`

	// Also those that the metadata does not know. Default: they are refused.
	Unknown bool `json:"unknown,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Passkey) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.passkey",
		New: func() caddy.Module { return new(Passkey) },
	}
}

// Provision loads the certificates and the metadata, and checks the values.
func (m *Passkey) Provision(ctx caddy.Context) (err error) {
	if err := m.expand(); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	m.logger = ctx.Slogger()
	roots, err := loadAnchors(ctx, m, m.TrustPoolRaw)
	if err != nil {
		return err
	}
	m.roots = certpath.NewAll(roots)
	pinned, err := loadCertificates(ctx, m, "metadata_root", "MetadataRootRaw", m.MetadataRootRaw)
	if err != nil {
		return err
	}
	return m.openMetadata(pinned)
}

func (m *Passkey) openMetadata(pinned []*x509.Certificate) (err error) {
	if m.Metadata == "" {
		return nil
	}
	if m.metadata, err = openMetadata(m.Metadata, pinned); err != nil {
		return err
	}
	m.metadata.current(time.Now(), m.logger)
	return nil
}

// Cleanup gives the share of the metadata back. It follows a failed Provision too.
func (m *Passkey) Cleanup() error {
	if m.metadata == nil {
		return nil
	}
	return m.metadata.release()
}

func (m *Passkey) expand() error {
	err := firstError(
		expand(&m.RiskAnalysis, &m.Name, &m.Attestation, &m.Metadata, &m.TPMVendors, &m.AndroidStatus),
		expandAll(m.RPIDs), expandAll(m.Origins), expandAll(m.Algorithms),
	)
	if err != nil || m.Models == nil {
		return err
	}
	return firstError(expandAll(m.Models.Allow), expandAll(m.Models.Deny))
}

// Format implements [attest.Guest].
func (m *Passkey) Format(h attest.Host) (attest.Format, error) {
	at, err := m.at(h.Issuer)
	if err != nil {
		return nil, err
	}
	c := webauthn.Config{
		RPIDs: at.rpIDs, Name: m.Name, Origins: at.origins,
		Attestation:      webauthn.Attestation{Demand: demands[m.Attestation], Roots: m.roots, AnyTPMVendor: m.TPMVendors == tpmVendorsAny},
		AllowCredentials: m.AllowCredentials, Keyed: h.Keyed,
	}
	for _, name := range m.Algorithms {
		c.Algorithms = append(c.Algorithms, algorithms[name])
	}
	if m.status != nil {
		c.Attestation.AndroidStatus = m.status.Current
	}
	if m.metadata != nil {
		c.Metadata = func() *webauthn.Metadata { return m.metadata.current(time.Now(), m.logger) }
	}
	if m.Models != nil {
		c.Models = webauthn.Models{Allowed: m.Models.Allow, Denied: m.Models.Deny, Unknown: m.Models.Unknown}
	}
	return webauthn.New(c)
}

// UnmarshalCaddyfile sets up the method. Syntax:
//
//	method passkey {
//		risk_analysis  <reference>
//		probation      <duration>
//		rp_id          <domains...>
//		origins        <origins...>
//		name           <text>
//		attestation    none|verified|required
//		trust_pool     <module> ...
//		metadata       <file>
//		metadata_root  <module> ...
//		models {
//			allow <AAGUIDs...>
//			deny  <AAGUIDs...>
//			unknown
//		}
//		tpm_vendors    listed|any
//		android_status <url>
//		algorithms     <names...>
//		allow_credentials
//	}
func (m *Passkey) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return readMethod(d, m.unmarshalOption, m.checkValues, m.check)
}

func (m *Passkey) unmarshalOption(d *caddyfile.Dispenser) error {
	if known, err := m.UnmarshalTerm(d); known || err != nil {
		return err
	}
	switch d.Val() {
	case "rp_id":
		return readList(d, &m.RPIDs)
	case "origins":
		return readList(d, &m.Origins)
	case "name":
		return readOnce(d, &m.Name)
	case "attestation":
		return readOnce(d, &m.Attestation)
	case "trust_pool":
		return unmarshalTrustPool(d, &m.TrustPoolRaw)
	case "metadata":
		return readOnce(d, &m.Metadata)
	case "metadata_root":
		return unmarshalTrustPool(d, &m.MetadataRootRaw)
	case "models":
		if m.Models != nil {
			return twice(d)
		}
		m.Models = new(PasskeyModels)
		return m.Models.unmarshal(d)
	case "tpm_vendors":
		return readOnce(d, &m.TPMVendors)
	case "android_status":
		return readOnce(d, &m.AndroidStatus)
	case "algorithms":
		return readList(d, &m.Algorithms)
	case "allow_credentials":
		return readFlag(d, &m.AllowCredentials)
	default:
		return unknown(d, "risk_analysis", "probation", "rp_id", "origins", "name", "attestation", "trust_pool", "metadata", "metadata_root", "models", "tpm_vendors", "android_status", "algorithms", "allow_credentials")
	}
}

func (l *PasskeyModels) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	return readBlock(d, d.Nesting(), l.unmarshalOption, l.check, l.check)
}

func (l *PasskeyModels) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "allow":
		return readList(d, &l.Allow)
	case "deny":
		return readList(d, &l.Deny)
	case "unknown":
		return readFlag(d, &l.Unknown)
	default:
		return unknown(d, "allow", "deny", "unknown")
	}
}

var (
	_ attest.Guest          = (*Passkey)(nil)
	_ caddy.Provisioner     = (*Passkey)(nil)
	_ caddy.CleanerUpper    = (*Passkey)(nil)
	_ caddyfile.Unmarshaler = (*Passkey)(nil)
)
