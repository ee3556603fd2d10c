package keys

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzDecodeSecret: a secret is what is written, and no error quotes it.
func FuzzDecodeSecret(f *testing.F) {
	good := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xab}, MinSecret))
	for _, seed := range []string{good, good[:10] + "\r\n" + good[10:], good[4:], good + good, "hunter2 hunter2 hunter2 hunter2 hunter2", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		secret, err := DecodeSecret(text)
		if err != nil {
			if secret != nil || len(text) > 16 && strings.Contains(err.Error(), text[:16]) {
				t.Errorf("%v", err)
			}
			return
		}
		written := strings.NewReplacer("\r", "", "\n", "").Replace(text)
		if len(secret) < MinSecret || base64.StdEncoding.EncodeToString(secret) != written {
			t.Errorf("%q was read as %x", text, secret)
		}
	})
}
