package android_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/attesttest"
)

// Every authorization that a phone may list, each with a value of its type.
var everything = attesttest.Authorizations{
	{Tag: 1, Value: attesttest.Set(2)},
	{Tag: 2, Value: attesttest.Integer(3)},
	{Tag: 3, Value: attesttest.Integer(256)},
	{Tag: 4, Value: attesttest.Set(1)},
	{Tag: 5, Value: attesttest.Set(0, 4)},
	{Tag: 6, Value: attesttest.Set()},
	{Tag: 7, Value: attesttest.Null()},
	{Tag: 8, Value: attesttest.Integer(128)},
	{Tag: 10, Value: attesttest.Integer(1)},
	{Tag: 11, Value: attesttest.Integer(1)},
	{Tag: 200, Value: attesttest.Integer(65537)},
	{Tag: 203, Value: attesttest.Set(4)},
	{Tag: 303, Value: attesttest.Null()},
	{Tag: 305, Value: attesttest.Null()},
	{Tag: 400, Value: attesttest.Integer(0)},
	{Tag: 401, Value: attesttest.Integer(1)},
	{Tag: 402, Value: attesttest.Integer(1)},
	{Tag: 405, Value: attesttest.Integer(3)},
	{Tag: 502, Value: attesttest.Integer(5)},
	{Tag: 503, Value: attesttest.Null()},
	{Tag: 504, Value: attesttest.Integer(2)},
	{Tag: 505, Value: attesttest.Integer(30)},
	{Tag: 506, Value: attesttest.Null()},
	{Tag: 507, Value: attesttest.Null()},
	{Tag: 508, Value: attesttest.Null()},
	{Tag: 509, Value: attesttest.Null()},
	{Tag: 601, Value: attesttest.Octets(nil)},
	{Tag: 701, Value: attesttest.Integer(1)},
	{Tag: 702, Value: attesttest.Integer(0)},
	{Tag: 703, Value: attesttest.Null()},
	{Tag: 704, Value: attesttest.RootOfTrust(0xff, 0, make([]byte, 32))},
	{Tag: 705, Value: attesttest.Integer(0)},
	{Tag: 706, Value: attesttest.Integer(202609)},
	{Tag: 709, Value: attesttest.ApplicationID("org.example.wallet")},
	{Tag: 710, Value: attesttest.Octets([]byte("b"))},
	{Tag: 711, Value: attesttest.Octets(nil)},
	{Tag: 712, Value: attesttest.Octets(nil)},
	{Tag: 713, Value: attesttest.Octets(nil)},
	{Tag: 714, Value: attesttest.Octets(nil)},
	{Tag: 715, Value: attesttest.Octets(nil)},
	{Tag: 716, Value: attesttest.Octets([]byte("m"))},
	{Tag: 717, Value: attesttest.Octets([]byte("n"))},
	{Tag: 718, Value: attesttest.Integer(20260905)},
	{Tag: 719, Value: attesttest.Integer(20260905)},
	{Tag: 720, Value: attesttest.Null()},
	{Tag: 723, Value: attesttest.Octets(nil)},
	{Tag: 724, Value: attesttest.Octets(make([]byte, 32))},
}

func TestEveryAuthorizationIsReadInItsType(t *testing.T) {
	p := goodPhone(t)
	p.says.Hardware = everything
	p.mustPass(t)
	for _, a := range everything {
		other := attesttest.Null()
		if bytes.Equal(a.Value, other) {
			other = attesttest.Integer(1)
		}
		for what, value := range map[string][]byte{"type": other, "nothing": {}, "more after it": slices.Concat(a.Value, attesttest.Null())} {
			p := goodPhone(t)
			p.says.Hardware = everything.With(a.Tag, value)
			if _, err := android.ParseDescription(p.says.Encode()); err == nil {
				t.Errorf("authorization %d with the wrong %s is read", a.Tag, what)
			}
		}
	}
}

func TestAuthorizationsAreRefusedUnlessBuiltAsDemanded(t *testing.T) {
	purposes := attesttest.Authorization{Tag: 1, Value: attesttest.Set(2)}
	for name, tt := range map[string]struct {
		change func(*attesttest.KeyDescription)
		reason attest.Reason
	}{
		"unknown": {func(d *attesttest.KeyDescription) {
			d.Hardware = d.Hardware.With(999, attesttest.Null())
		}, attest.ReasonUnsupported},
		"unknown to software": {func(d *attesttest.KeyDescription) { d.Software = d.Software.With(12, attesttest.Null()) }, attest.ReasonUnsupported},
		"twice": {func(d *attesttest.KeyDescription) {
			d.Hardware = append(attesttest.Authorizations{purposes}, d.Hardware...)
		}, attest.ReasonMalformed},
		"out of order": {func(d *attesttest.KeyDescription) {
			d.Hardware = append(slices.Clone(d.Hardware), attesttest.Authorization{Tag: 509, Value: attesttest.Null()})
		}, attest.ReasonMalformed},
		"text that is none": {func(d *attesttest.KeyDescription) {
			d.Hardware = d.Hardware.With(717, attesttest.Octets([]byte{0xff}))
		}, attest.ReasonMalformed},
		"number with a zero before it": {func(d *attesttest.KeyDescription) { d.Hardware = d.Hardware.With(706, []byte{2, 2, 0, 1}) }, attest.ReasonMalformed},
		"number beyond any machine's": {func(d *attesttest.KeyDescription) {
			d.Hardware = d.Hardware.With(706, append([]byte{2, 9}, 1, 0, 0, 0, 0, 0, 0, 0, 0))
		}, attest.ReasonMalformed},
		"long form of a length": {func(d *attesttest.KeyDescription) { d.Hardware = d.Hardware.With(702, []byte{2, 0x81, 1, 0}) }, attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			p := goodPhone(t)
			tt.change(p.says)
			p.mustFail(t, tt.reason)
		})
	}
}

// Whatever octet is missing, and whatever follows the end.
func TestExtensionIsReadWholeOrNotAtAll(t *testing.T) {
	good := attesttest.NewKeyDescription(400, challenge).Encode()
	if _, err := android.ParseDescription(good); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := android.ParseDescription(good[:n]); err == nil {
			t.Errorf("read from its first %d octets", n)
		}
	}
	for _, more := range [][]byte{{0}, attesttest.Null(), good} {
		if _, err := android.ParseDescription(slices.Concat(good, more)); err == nil {
			t.Errorf("read with % x behind it", more)
		}
	}
	inside := attesttest.Sequence(good[4:], attesttest.Null()) // the head has four octets
	if _, err := android.ParseDescription(inside); err == nil {
		t.Error("read with one member too many")
	}
}

func FuzzParseDescription(f *testing.F) {
	f.Add(attesttest.NewKeyDescription(1, challenge).Encode())
	f.Add(attesttest.NewKeyDescription(500, challenge).Encode())
	d := attesttest.NewKeyDescription(300, challenge)
	d.Hardware = everything
	f.Add(d.Encode())
	f.Fuzz(func(t *testing.T, value []byte) {
		d, err := android.ParseDescription(value)
		if err != nil {
			return
		}
		if d.KeyLevel.String() == "" || d.AttestationLevel.String() == "" || d.Hardware.RootOfTrust != nil && d.Hardware.RootOfTrust.State.String() == "" {
			t.Errorf("%+v", d)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(`{"entries":{"2c8cdddfd5e03bfc":{"status":"REVOKED","reason":"KEY_COMPROMISE"}}}`))
	f.Add([]byte(`{"entries":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := android.ParseStatus(text); (s == nil) != (err != nil) {
			t.Errorf("%v, %v", s, err)
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	p := goodPhone(f)
	for _, c := range parse(f, p.attests.AndroidKey(f, p.says, nil).Chain...) {
		f.Add(c.X509.Raw)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if c, err := android.ParseCertificate(der); err == nil && !bytes.Equal(c.X509.Raw, der) {
			t.Error("another certificate than the one that was sent")
		}
	})
}
