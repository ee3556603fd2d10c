package appraise

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/regrant/regrant/attest/certpath"
)

var errMissing = errors.New("a member that the format needs is missing")

// maxPath bounds what may be asked for as max_path.
const maxPath = 32

// expectChain reads what is expected of a chain. What is left out is as strict as can be.
func (r *Request) expectChain() (*chainWish, error) {
	var m struct {
		Purposes   []string `json:"extended_key_usage"`
		Revocation *string  `json:"revocation"`
		SPKI       *string  `json:"spki_sha256"`
		DeviceID   *string  `json:"device_id"`
		MaxPath    *int     `json:"max_path"`
	}
	if err := r.Expect(&m); err != nil {
		return nil, err
	}
	w := &chainWish{revocation: true, policy: r.policy(), held: r.Trust.held, deviceID: m.DeviceID}
	w.options.Now, w.options.Anchors = r.Now, r.Trust.roots
	var err error
	if w.options.Purposes, err = purposes(m.Purposes); err != nil {
		return nil, err
	}
	if m.MaxPath != nil {
		if w.options.MaxPath = *m.MaxPath; *m.MaxPath < 1 || *m.MaxPath > maxPath {
			return nil, fmt.Errorf("max_path is not from 1 to %d", maxPath)
		}
	}
	if m.SPKI != nil {
		if w.spki, err = Bytes(*m.SPKI); err != nil {
			return nil, fmt.Errorf("spki_sha256 %w", err)
		}
	}
	if m.Revocation != nil {
		switch *m.Revocation {
		case "required":
		case "off":
			w.revocation = false
		default:
			return nil, errors.New(`revocation is neither "required" nor "off"`)
		}
	}
	return w, nil
}

// purposes reads a list of object identifiers. None means client authentication; "any" alone means no demand.
func purposes(list []string) ([]asn1.ObjectIdentifier, error) {
	if len(list) == 0 {
		return []asn1.ObjectIdentifier{certpath.ClientAuth}, nil
	}
	if len(list) == 1 && list[0] == "any" {
		return nil, nil
	}
	var oids []asn1.ObjectIdentifier
	for _, text := range list {
		oid, err := parseOID(text)
		if err != nil {
			return nil, err
		}
		oids = append(oids, oid)
	}
	return oids, nil
}

func parseOID(text string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(arc, 10, 31)
		if err != nil {
			return nil, errors.New("extended_key_usage is not a list of object identifiers")
		}
		oid = append(oid, int(n))
	}
	if len(oid) < 2 {
		return nil, errors.New("extended_key_usage is not a list of object identifiers")
	}
	return oid, nil
}
