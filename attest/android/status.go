package android

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/internal/strictjson"
)

// Status is Google's list of attestation certificates that no longer count, served at https://android.googleapis.com/attestation/status. It says nothing of
// its own age: that is for whoever fetched it to judge.
type Status struct {
	serials map[string]struct{} // lower-case hexadecimal
}

// maxSerial is the longest serial number, in digits, that a certificate can have.
const maxSerial = 40

// ParseStatus reads the list. One with anything in it that is not known here is an error as a whole: what it says of a certificate could not be told.
func ParseStatus(text []byte) (*Status, error) {
	var list struct {
		Entries map[string]struct {
			Status  string `json:"status"`
			Expires string `json:"expires"` // of the certificate; it stays revoked
			Reason  string `json:"reason"`
			Comment string `json:"comment"`
		} `json:"entries"`
	}
	if err := strictjson.Decode(text, &list); err != nil {
		return nil, err
	}
	if list.Entries == nil {
		return nil, errors.New("status list has no entries")
	}
	s := &Status{make(map[string]struct{}, len(list.Entries))}
	for key, entry := range list.Entries {
		serial, err := canonical(key)
		if err != nil {
			return nil, err
		}
		if entry.Status != "REVOKED" && entry.Status != "SUSPENDED" {
			return nil, errors.New("status list has an entry that is neither REVOKED nor SUSPENDED")
		}
		s.serials[serial] = struct{}{}
	}
	return s, nil
}

// canonical brings a serial number into the form of big.Int, since the list is written by hand.
func canonical(key string) (string, error) {
	n, ok := new(big.Int).SetString(key, 16)
	if !ok || len(key) > maxSerial || n.Sign() < 0 {
		return "", fmt.Errorf("status list has a serial number that is not one")
	}
	return n.Text(16), nil
}

// Check refuses certificates unless the list is there and says nothing against any of them. The error is an *[attest.Error].
func (s *Status) Check(certificates []*certpath.Certificate) error {
	if s == nil {
		return attest.Refuse(attest.ReasonRevocationUnknown, "no status list of attestation certificates")
	}
	for _, c := range certificates {
		if _, listed := s.serials[c.Serial().Text(16)]; listed {
			return attest.Refuse(attest.ReasonRevoked, "certificate %s is revoked or suspended", c.Serial().Text(16))
		}
	}
	return nil
}
