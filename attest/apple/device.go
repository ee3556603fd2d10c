package apple

import (
	"crypto/x509/pkix"
	"math/big"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"

	"github.com/regrant/regrant/attest"
)

// Device is what Apple says about a device. What is empty or nil was not said: the two identifiers are left out under user enrolment, the last three on everything but
// Macs. What was not said is to be taken as the less secure state.
type Device struct {
	Serial       string
	UDID         string
	Model        string // identifier under which updates are looked up, such as "Mac14,2"
	OSVersion    string
	SepOSVersion string // of the Secure Enclave
	LLBVersion   string // of the first boot loader
	SecureBoot   string // "Full Security", "Reduced Security" or "Permissive Security"
	SIP          *bool  // System Integrity Protection is on
	Kexts        *bool  // kernel extensions of third parties are allowed

	freshness []byte
}

// arc begins the names of Apple's extensions.
const arc = "1.2.840.113635.100.8."

// parse reads the extensions of a leaf. Texts and the freshness code are the bare value of their extension, without a type; the two states are
// DER integers. A value that is empty says nothing. That no extension occurs twice, crypto/x509 has seen to.
func parse(extensions []pkix.Extension) (*Device, error) {
	var d Device
	texts := map[string]*string{
		arc + "9.1": &d.Serial, arc + "9.2": &d.UDID, arc + "9.4": &d.Model,
		arc + "10.1": &d.OSVersion, arc + "10.2": &d.SepOSVersion, arc + "10.3": &d.LLBVersion, arc + "13.2": &d.SecureBoot,
	}
	for _, e := range extensions {
		var sound bool
		switch id := e.Id.String(); {
		case texts[id] != nil:
			*texts[id], sound = readText(e.Value)
		case id == arc+"11.1":
			d.freshness, sound = e.Value, true
		case id == arc+"13.1":
			d.SIP, sound = readZero(e.Value)
		case id == arc+"13.3":
			var none *bool
			none, sound = readZero(e.Value)
			d.Kexts = not(none)
		default:
			sound = true // not ours to judge; one that is critical was refused with the path
		}
		if !sound {
			return nil, attest.Refuse(attest.ReasonMalformed, "an extension about the device is malformed")
		}
	}
	return &d, nil
}

func readText(value []byte) (string, bool) {
	for _, r := range string(value) {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return "", false
		}
	}
	return string(value), true
}

// readZero tells whether the value is the integer 0; nil if there is no value.
func readZero(value []byte) (zero *bool, sound bool) {
	if len(value) == 0 {
		return nil, true
	}
	n := new(big.Int)
	s := cryptobyte.String(value)
	if !s.ReadASN1Integer(n) || !s.Empty() {
		return nil, false
	}
	is := n.Sign() == 0
	return &is, true
}

func not(b *bool) *bool {
	if b == nil {
		return nil
	}
	inverse := !*b
	return &inverse
}
