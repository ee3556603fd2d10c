package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/regrant/regrant/attest/webauthn"
)

const (
	attestationNone     = "none"
	attestationVerified = "verified"
	attestationRequired = "required"

	tpmVendorsListed = "listed"
	tpmVendorsAny    = "any"
)

var demands = map[string]webauthn.Demand{
	"": webauthn.Any, attestationNone: webauthn.Any, attestationVerified: webauthn.Verified, attestationRequired: webauthn.Required,
}

// algorithms are those of IANA's registry of COSE that can be verified.
var algorithms = map[string]webauthn.Algorithm{
	"EdDSA": -8, "Ed25519": -19,
	"ES256": -7, "ES384": -35, "ES512": -36, "ESP256": -9, "ESP384": -51, "ESP512": -52,
	"RS256": -257, "RS384": -258, "RS512": -259, "PS256": -37, "PS384": -38, "PS512": -39,
}

var aaguidPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// checkValues checks the values that are given.
func (m *Passkey) checkValues() error {
	return firstError(
		m.MethodTerms.checkValues(),
		checkList("rp_id", m.RPIDs, webauthn.CheckRPID),
		checkList("origins", m.Origins, webauthn.CheckOrigin),
		checkList("algorithms", m.Algorithms, checkAlgorithm),
		checkOneOf("attestation", m.Attestation, attestationNone, attestationVerified, attestationRequired),
		checkOneOf("tpm_vendors", m.TPMVendors, tpmVendorsListed, tpmVendorsAny),
		checkFetched("android_status", m.AndroidStatus),
	)
}

// checkList checks each value that is known, and that none is there twice.
func checkList(option string, values []string, check func(string) error) error {
	for i, value := range values {
		if hasPlaceholder(value) {
			continue
		}
		if err := check(value); err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
		if slices.Contains(values[:i], value) {
			return fmt.Errorf("%s: %q is there twice: keep one", option, value)
		}
	}
	return nil
}

func checkAlgorithm(name string) error {
	if _, known := algorithms[name]; !known {
		return fmt.Errorf("%q is not known: write names such as EdDSA, ES256 and RS256", name)
	}
	return nil
}

func checkAAGUID(id string) error {
	if !aaguidPattern.MatchString(id) {
		return fmt.Errorf("%q is no AAGUID: write one such as ee882879-721c-4913-9775-3dfcce97072a, in lower case", id)
	}
	return nil
}

func (l *PasskeyModels) check() error {
	if l == nil {
		return nil
	}
	for _, id := range l.Allow {
		if slices.Contains(l.Deny, id) {
			return fmt.Errorf("models: %q is both allowed and denied: keep one", id)
		}
	}
	return firstError(checkList("allow", l.Allow, checkAAGUID), checkList("deny", l.Deny, checkAAGUID))
}

// attested tells whether attestations are asked for.
func (m *Passkey) attested() bool { return demands[m.Attestation] != webauthn.Any }

// check checks the whole.
func (m *Passkey) check() error {
	if err := firstError(m.checkValues(), m.MethodTerms.check(), m.Models.check()); err != nil {
		return err
	}
	pool, metadata, root := len(m.TrustPoolRaw) > 0, m.Metadata != "", len(m.MetadataRootRaw) > 0
	switch demand := demands[m.Attestation]; {
	case metadata && !root:
		return errors.New("metadata counts only if it is signed under the root of its service: name that with 'metadata_root file PATH'")
	case root && !metadata:
		return errors.New("metadata_root is there, and no metadata: name the file with 'metadata PATH', or leave it out")
	case hasPlaceholder(m.Attestation):
		return nil
	case demand == webauthn.Any && (pool || metadata || m.Models != nil || m.TPMVendors != "" || m.AndroidStatus != ""):
		return errors.New("trust_pool, metadata, models, tpm_vendors and android_status are about attestations, which nobody is asked for: write 'attestation required', or leave them out")
	case demand == webauthn.Required && !pool && !metadata:
		return errors.New("attestation is required, and nothing says by whom: write 'trust_pool file PATH', or 'metadata PATH' and 'metadata_root file PATH'")
	case demand != webauthn.Required && m.Models != nil:
		return errors.New("models can be told apart only by their attestation: write 'attestation required', or leave them out")
	case m.Models != nil && m.Models.Unknown && !metadata:
		return errors.New("models unknown is about those that the metadata does not know, and there is none: write 'metadata PATH', or leave it out")
	}
	return nil
}

// place is where passkeys are made and used, once the issuer is known.
type place struct {
	rpIDs   []string
	origins []string
	related []string // origins outside the first RP ID
}

// at fills in what the issuer says.
func (m *Passkey) at(issuer string) (place, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return place{}, err
	}
	own := u.Scheme + "://" + u.Host
	p := place{rpIDs: m.RPIDs, origins: []string{own}}
	if len(p.rpIDs) == 0 {
		p.rpIDs = []string{u.Hostname()}
		if err := webauthn.CheckRPID(u.Hostname()); err != nil {
			return place{}, fmt.Errorf("passkeys cannot be made for the host of issuer: %w; write 'rp_id DOMAIN' in method passkey", err)
		}
	}
	for _, origin := range m.Origins {
		if origin == own {
			return place{}, fmt.Errorf("origins: %q is the issuer's own, which is always one: leave it out", origin)
		}
		p.origins = append(p.origins, origin)
	}
	for _, origin := range p.origins {
		if !within(origin, p.rpIDs[0]) {
			p.related = append(p.related, origin)
		}
	}
	return p, nil
}

// within tells whether pages at an origin may use an RP ID without asking it.
func within(origin, rpID string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Hostname() == rpID || strings.HasSuffix(u.Hostname(), "."+rpID))
}

// relatedOrigins is the document of the passkeys' related origins at one of our own; nil: there are none. Upstreams at one
// origin have the same.
func (a *App) relatedOrigins(own string) (document []byte, err error) {
	if a.passkey == nil {
		return nil, nil
	}
	at, err := a.passkey.at(own)
	if err != nil || len(at.related) == 0 {
		return nil, err
	}
	document, labels, err := webauthn.RelatedOrigins(at.related)
	if labels > webauthn.MaxLabels {
		a.logger.Warn("the origins of passkeys have more names than every browser looks at", "names", labels, "enough", webauthn.MaxLabels)
	}
	return document, err
}

// checkPasskey checks a passkey method beside each issuer, as far as both are known.
func (a *App) checkPasskey(raw json.RawMessage) error {
	var m Passkey
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("reading method passkey: %v", err)
	}
	if slices.ContainsFunc(slices.Concat(m.RPIDs, m.Origins), hasPlaceholder) {
		return nil
	}
	for _, s := range a.seats() {
		if s.origin == "" || hasPlaceholder(s.origin) {
			continue
		}
		if _, err := m.at(s.origin); err != nil {
			return err
		}
	}
	return nil
}
