package android

import (
	"encoding/asn1"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

var (
	oidDescription  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}
	oidProvisioning = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 30}
	oidTitle        = asn1.ObjectIdentifier{2, 5, 4, 12}
)

// maxChain is how many certificates a chain may have, the root included. Remote provisioning makes the longest, of five.
const maxChain = 6

// path validates the chain as RFC 5280 has it, with two differences. The attestation key may have the certificate of no CA, as phones were
// made with. And a chain from the factory is judged by the last moment at which all of it was valid, where the policy accepts that.
func (p Policy) path(chain []*certpath.Certificate) (path certpath.Path, factory bool, err error) {
	if n := len(chain); n < 2 || n > maxChain {
		return nil, false, attest.Refuse(attest.ReasonMalformed, "%d certificates, 2 to %d allowed", n, maxChain)
	}
	path, err = certpath.Find(chain[0], chain[1:], certpath.Options{Anchors: p.Roots, Now: p.moment(chain), MaxPath: maxChain, AnyIssuer: true})
	if err != nil {
		return nil, false, err
	}
	factory = isFactory(path.Below())
	switch {
	case len(path) < 3: // the root attests nothing by itself
		return nil, false, attest.Refuse(attest.ReasonUntrusted, "no attestation key stands between leaf and root")
	case !asSent(path, chain):
		return nil, false, attest.Refuse(attest.ReasonMalformed, "the certificates are not a chain, leaf first")
	case !factory && !path[1].IsCA(): // only factories did that
		return nil, false, attest.Refuse(attest.ReasonUntrusted, "issuer is not a CA")
	case !p.valid(path, chain, factory):
		return nil, false, attest.Refuse(attest.ReasonExpired, "certificate is not valid at this time")
	case slices.ContainsFunc(path, isPublished):
		return nil, false, attest.Refuse(attest.ReasonUntrusted, "anybody can sign with a key of the chain: it is part of Android's source")
	}
	return path, factory, nil
}

// moment is when the chain has to be valid.
func (p Policy) moment(chain []*certpath.Certificate) time.Time {
	now := p.Now
	if !p.ExpiredFactory || now.IsZero() || !isFactory(belowRoot(chain)) {
		return now
	}
	for _, c := range belowRoot(chain)[1:] {
		if c.X509.NotAfter.Before(now) {
			now = c.X509.NotAfter
		}
	}
	return now
}

// valid tells whether everything that counts or was sent is valid now, save for what may have expired.
func (p Policy) valid(path certpath.Path, chain []*certpath.Certificate, factory bool) bool {
	if p.ExpiredFactory && factory {
		return path.Leaf().ValidAt(p.Now) && path.Anchor().ValidAt(p.Now)
	}
	return !slices.ContainsFunc(slices.Concat(path, chain), func(c *certpath.Certificate) bool { return !c.ValidAt(p.Now) })
}

// belowRoot is the chain without the root that most senders put at its end.
func belowRoot(chain []*certpath.Certificate) []*certpath.Certificate {
	if last := chain[len(chain)-1]; last.Subject.Equal(last.Issuer) {
		return chain[:len(chain)-1]
	}
	return chain
}

// asSent tells whether the chain is the path, in its order. After it may stand the root, also in another certificate than the one that is configured:
// Google has certified the same key again and again.
func asSent(path certpath.Path, chain []*certpath.Certificate) bool {
	below, anchor := path.Below(), path.Anchor()
	if len(chain) < len(below) || !slices.EqualFunc(below, chain[:len(below)], (*certpath.Certificate).Is) {
		return false
	}
	switch rest := chain[len(below):]; len(rest) {
	case 0:
		return true
	case 1:
		return rest[0].Is(anchor) || rest[0].SPKI() == anchor.SPKI() && rest[0].Subject.Equal(anchor.Subject) && anchor.Issued(rest[0])
	}
	return false
}

// isFactory tells by the names that Google gave whether the certificates below the root came into the phone when it was made. The first below the root then
// has a serial number for a name. Anything that looks like remote provisioning is that.
func isFactory(below []*certpath.Certificate) bool {
	if len(below) < 2 {
		return false
	}
	for _, c := range below[1:] {
		name := c.X509.Subject
		if _, provisioned := extension(c, oidProvisioning); provisioned || name.SerialNumber == "" || name.CommonName != "" {
			return false
		}
	}
	return true
}

// contradicts tells whether the attestation key's own certificate, which Google signed, names another kind of hardware than the one that is claimed. Whoever gets at
// the attestation key of a TEE must not speak for a StrongBox. Old certificates name none.
func contradicts(path certpath.Path, level Level) bool {
	var named []string
	for _, attribute := range path[1].X509.Subject.Names {
		if text, ok := attribute.Value.(string); ok && (attribute.Type.Equal(oidTitle) || attribute.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 10})) {
			named = append(named, strings.ToLower(text))
		}
	}
	tee, strongBox := slices.Contains(named, "tee"), slices.Contains(named, "strongbox")
	return tee && level != TEE || strongBox && level != StrongBox
}

func extension(c *certpath.Certificate, id asn1.ObjectIdentifier) ([]byte, bool) {
	for _, e := range c.X509.Extensions {
		if e.Id.Equal(id) {
			return e.Value, true
		}
	}
	return nil, false
}
