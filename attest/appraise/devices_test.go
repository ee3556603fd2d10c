package appraise_test

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// androidPhone asks about a phone whose hardware says what says does.
func androidPhone(t testing.TB, says *attesttest.KeyDescription) object {
	t.Helper()
	phone := attesttest.NewFactory(t, nil)
	return object{
		"id": "one", "format": "android-key", "time": now.Format(time.RFC3339), "challenge": encode([]byte(challenge)),
		"evidence": object{"certificates": phone.AndroidKey(t, says, nil).Chain},
		"trust": object{
			"roots":          []string{attesttest.PEM(phone.Root.Certificate)},
			"android_status": object{"entries": object{}},
		},
		"expect": object{},
	}
}

func goodAndroid(t testing.TB) object {
	return androidPhone(t, attesttest.NewKeyDescription(300, []byte(challenge)))
}

func TestAndroidKeyIsJudged(t *testing.T) {
	a := mustAccept(t, goodAndroid(t))
	text, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `"security_level":"tee","attestation_version":300,"provisioning":"factory","verified_boot":"verified","device_locked":true,` +
		`"os_version":160000,"os_patch_level":202609,"packages":["org.example.wallet"],"brand":"example","manufacturer":"Example","model":"Phone 1"}`
	if !bytes.Contains(text, []byte(want)) {
		t.Errorf("%s", text)
	}
	other := goodAndroid(t)
	other["challenge"] = encode([]byte("another"))
	mustRefuse(t, other, attest.ReasonChallenge)
	other["challenge"] = ""
	mustRefuse(t, other, attest.ReasonChallenge)
	delete(other, "challenge")
	mustFail(t, other)

	mustRefuse(t, in(goodAndroid(t), "trust", object{"android_status": nil}), attest.ReasonRevocationUnknown)
	mustFail(t, in(goodAndroid(t), "trust", object{"android_status": object{}}))
	mustRefuse(t, in(goodAndroid(t), "trust", object{"roots": nil}), attest.ReasonUntrusted)
	mustRefuse(t, in(goodAndroid(t), "trust", object{"android_status": object{"entries": object{"1": object{"status": "SUSPENDED"}}}}), attest.ReasonRevoked)
	mustRefuse(t, in(goodAndroid(t), "evidence", object{"certificates": []string{}}), attest.ReasonMalformed)
	mustRefuse(t, in(goodAndroid(t), "evidence", object{"certificates": []string{"x"}}), attest.ReasonMalformed)
	mustFail(t, in(goodAndroid(t), "evidence", object{"certificates": nil}))
}

func TestAndroidKeyIsHeldToWhatIsExpected(t *testing.T) {
	with := func(changes object) object { return in(goodAndroid(t), "expect", changes) }
	mustRefuse(t, with(object{"security_level": "strongbox"}), attest.ReasonPolicy)
	mustRefuse(t, with(object{"os_patch_level": 202610}), attest.ReasonPolicy)
	mustRefuse(t, with(object{"packages": []string{"org.example.other"}}), attest.ReasonPurpose)
	mustAccept(t, with(object{
		"security_level": "tee", "verified_boot": true, "device_locked": true, "os_patch_level": 202609, "packages": []string{"org.example.wallet"},
	}))
	for _, wrong := range []object{
		{"security_level": "software"}, {"os_patch_level": 2026}, {"os_patch_level": 202613}, {"packages": []string{}}, {"verified_boot": "no"}, {"more": 1},
	} {
		mustFail(t, with(wrong))
	}

	says := attesttest.NewKeyDescription(300, []byte(challenge))
	says.Hardware = says.Hardware.With(704, attesttest.RootOfTrust(0, 1, nil))
	for _, tt := range []struct {
		expect object
		passes bool
	}{
		{object{}, false},
		{object{"verified_boot": false}, false},
		{object{"device_locked": false}, false},
		{object{"verified_boot": false, "device_locked": false}, true},
	} {
		q := in(androidPhone(t, says), "expect", tt.expect)
		if tt.passes {
			mustAccept(t, q)
		} else {
			mustRefuse(t, q, attest.ReasonIntegrity)
		}
	}
}

func TestExpiredAndroidChainIsRefusedUnlessFactoriesAreExcused(t *testing.T) {
	phone := attesttest.NewFactory(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) })
	q := goodAndroid(t)
	in(q, "evidence", object{"certificates": phone.AndroidKey(t, attesttest.NewKeyDescription(300, []byte(challenge)), nil).Chain})
	in(q, "trust", object{"roots": []string{attesttest.PEM(phone.Root.Certificate)}})
	mustRefuse(t, q, attest.ReasonExpired)
	mustAccept(t, in(q, "expect", object{"expired_factory": true}))
}

func goodApple(t testing.TB) object {
	t.Helper()
	root := attesttest.NewCA(t)
	return object{
		"id": "one", "format": "apple-device", "time": now.Format(time.RFC3339), "challenge": encode([]byte(challenge)),
		"evidence": object{"certificates": root.Intermediate(t, nil).AppleDevice(t, attesttest.NewApple([]byte(challenge)), nil).Chain},
		"trust":    object{"roots": []string{attesttest.PEM(root.Certificate)}},
		"expect":   object{"serial": "C02TEST0001", "udid": "00008112-000A1C2E3F00401E"},
	}
}

func TestAppleDeviceIsJudged(t *testing.T) {
	text, err := mustAccept(t, goodApple(t)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `"serial":"C02TEST0001","udid":"00008112-000A1C2E3F00401E","model":"Mac14,2","os_version":"15.1","sepos_version":"15.1",` +
		`"llb_version":"11881.41.5","sip":true,"secure_boot":"Full Security","kernel_extensions":false}`
	if !bytes.Contains(text, []byte(want)) {
		t.Errorf("%s", text)
	}
	mustAccept(t, in(goodApple(t), "expect", object{"serial": nil, "udid": nil}))
	mustRefuse(t, in(goodApple(t), "expect", object{"serial": "C02TEST0002"}), attest.ReasonIdentity)
	mustRefuse(t, in(goodApple(t), "expect", object{"udid": "other"}), attest.ReasonIdentity)
	mustRefuse(t, in(goodApple(t), "trust", object{"roots": nil}), attest.ReasonUntrusted)
	mustRefuse(t, in(goodApple(t), "evidence", object{"certificates": []string{}}), attest.ReasonMalformed)
	mustFail(t, in(goodApple(t), "evidence", object{"certificates": nil}))
	mustFail(t, in(goodApple(t), "expect", object{"imei": "1"}))
	other := goodApple(t)
	other["challenge"] = encode([]byte("another"))
	mustRefuse(t, other, attest.ReasonChallenge)
	other["challenge"] = ""
	mustRefuse(t, other, attest.ReasonChallenge)
	delete(other, "challenge")
	mustFail(t, other)
}
