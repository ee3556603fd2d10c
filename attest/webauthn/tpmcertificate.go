package webauthn

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

var (
	oidAttestationKey = asn1.ObjectIdentifier{2, 23, 133, 8, 3} // tcg-kp-AIKCertificate
	oidAltName        = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidManufacturer   = asn1.ObjectIdentifier{2, 23, 133, 2, 1}
	oidModelName      = asn1.ObjectIdentifier{2, 23, 133, 2, 2}
	oidVersion        = asn1.ObjectIdentifier{2, 23, 133, 2, 3}
)

// tpmVendors are the makers of TPMs in the TCG's Vendor ID Registry (family 1.2 and 2.0, version 1.08, table 2), and what FIDO's
// conformance tools use. Simulators are none.
var tpmVendors = []string{
	"414D4400", "414E5400", "41524D00", "41544D4C", "4252434D", "4353434F", "464C5953", "474F4F47", "48495349", "48504500", "48504900",
	"49424D00", "49465800", "494E5443", "4C454E00", "4D534654", "4E534700", "4E534D20", "4E544300", "4E545A00", "51434F4D", "524F4343",
	"53454345", "5345414C", "534D5343", "534D534E", "534E5300", "53544D20", "54584E00", "57454300", "FFFFF1D0",
}

// attestationKeyCertificate makes the checks of section 8.3.1.
func attestationKeyCertificate(c *certpath.Certificate, anyVendor bool) error {
	switch {
	case c.X509.Version != 3:
		return attest.Refuse(attest.ReasonMalformed, "attestation certificate is not of version 3")
	case !c.Subject.Empty():
		return attest.Refuse(attest.ReasonPurpose, "certificate of an attestation key has a subject")
	case !c.Names(oidAttestationKey):
		return attest.Refuse(attest.ReasonPurpose, "extended key usage does not name attestation keys")
	}
	if err := noCA(c); err != nil {
		return err
	}
	vendor, ok := tpmVendor(c)
	if !ok {
		return attest.Refuse(attest.ReasonMalformed, "attestation certificate does not name one TPM")
	}
	if !anyVendor && !slices.Contains(tpmVendors, strings.ToUpper(vendor)) {
		return attest.Refuse(attest.ReasonUntrusted, "TPM is of an unknown maker")
	}
	return nil
}

// tpmVendor returns the maker's identifier from the one directory name by which the certificate names the TPM: maker, model and
// version, in one or several relative names (TPM 2.0 EK profile section 3.2.9).
func tpmVendor(c *certpath.Certificate) (string, bool) {
	i := slices.IndexFunc(c.X509.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidAltName) })
	if i < 0 {
		return "", false
	}
	value := cryptobyte.String(c.X509.Extensions[i].Value)
	var names, name cryptobyte.String
	if !value.ReadASN1(&names, tags.SEQUENCE) || !value.Empty() {
		return "", false
	}
	directory := tags.Tag(4).ContextSpecific().Constructed()
	for !names.Empty() {
		var other cryptobyte.String
		var tag tags.Tag
		if !names.ReadAnyASN1(&other, &tag) || tag == directory && name != nil {
			return "", false
		}
		if tag == directory {
			name = other
		}
	}
	var parts pkix.RDNSequence
	if rest, err := asn1.Unmarshal(name, &parts); err != nil || len(rest) > 0 {
		return "", false
	}
	return tpmNamed(parts)
}

// tpmNamed wants each attribute once and with something in it.
func tpmNamed(parts pkix.RDNSequence) (vendor string, ok bool) {
	found := map[string]string{}
	for _, attribute := range slices.Concat(parts...) {
		value, isText := attribute.Value.(string)
		oid := attribute.Type.String()
		if _, twice := found[oid]; twice || !isText {
			return "", false
		}
		found[oid] = value
	}
	vendor, ok = strings.CutPrefix(found[oidManufacturer.String()], "id:")
	version, isID := strings.CutPrefix(found[oidVersion.String()], "id:")
	return vendor, ok && isID && vendor != "" && version != "" && found[oidModelName.String()] != ""
}
