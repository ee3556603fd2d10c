package webauthn

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// MaxLabels is how many registrable domain labels clients are sure to take from a document of related origins (section 5.11).
const MaxLabels = 5

const localhost = "localhost" // a secure context everywhere

// CheckRPID refuses what is not a domain at least one label below a public suffix (SP 800-63B-4 section 3.2.5.2).
func CheckRPID(id string) error {
	if id == localhost {
		return nil
	}
	ascii, err := idna.Lookup.ToASCII(id)
	_, notAddress := netip.ParseAddr(id)
	if err != nil || ascii != id || notAddress == nil || slices.Contains(strings.Split(id, "."), "") {
		return fmt.Errorf("RP ID %q is not a domain in lower case, without scheme, port and dot at the end", id)
	}
	if suffix, _ := publicsuffix.PublicSuffix(id); suffix == id {
		return fmt.Errorf("RP ID %q is a public suffix; write a domain below it that is yours", id)
	}
	return nil
}

// CheckOrigin refuses what no client would send as the origin of a secure page.
func CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || u.Scheme+"://"+u.Host != origin || origin != strings.ToLower(origin) ||
		strings.HasSuffix(origin, ":") || strings.HasSuffix(origin, ":443") || u.Scheme != "https" && !(u.Scheme == "http" && u.Hostname() == localhost) {
		return fmt.Errorf("origin %q is not https:// and a host in lower case, with a port only where it is not 443", origin)
	}
	return nil
}

// RelatedOrigins returns the document that an RP ID serves at /.well-known/webauthn as application/json (section 5.11), by which pages at
// these origins may use its passkeys. labels is how many registrable domain labels they have; above [MaxLabels], clients may pass over some.
func RelatedOrigins(origins []string) (document []byte, labels int, err error) {
	seen := make(map[string]bool)
	for _, origin := range origins {
		if err := CheckOrigin(origin); err != nil {
			return nil, 0, err
		}
		seen[label(origin)] = true
	}
	document, err = json.Marshal(struct {
		Origins []string `json:"origins"`
	}{append([]string{}, origins...)})
	return document, len(seen), err
}

// label is the first label of the registrable domain of an origin that was checked.
func label(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return origin
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
	if err != nil { // localhost
		return u.Hostname()
	}
	first, _, _ := strings.Cut(domain, ".")
	return first
}
