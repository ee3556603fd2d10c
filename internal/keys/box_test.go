package keys

import (
	"bytes"
	"testing"

	"github.com/regrant/regrant/storage"
)

func TestBoxOpensWhatItSealed(t *testing.T) {
	b := testRing(t, testDB(t), "main").Box(RecoveryID)
	for _, plain := range []string{"", "x", "a longer message"} {
		got, err := b.Open(b.Seal([]byte(plain), []byte("for")), []byte("for"))
		if err != nil || string(got) != plain {
			t.Errorf("opened %q, %v, want %q", got, err, plain)
		}
	}
}

func TestBoxSealsTheSameDifferently(t *testing.T) {
	b := testRing(t, testDB(t), "main").Box(RecoveryID)
	first, second := b.Seal([]byte("x"), nil), b.Seal([]byte("x"), nil)
	if first == second {
		t.Error("two seals are equal: the nonce repeats")
	}
}

func TestBoxRefuses(t *testing.T) {
	db := testDB(t)
	r := testRing(t, db, "main")
	b := r.Box(RecoveryID)
	good := b.Seal([]byte("message"), []byte("for"))
	for name, try := range map[string]func() ([]byte, error){
		"another purpose":         func() ([]byte, error) { return r.Box(LoginRequest).Open(good, []byte("for")) },
		"another namespace":       func() ([]byte, error) { return testRing(t, db, "other").Box(RecoveryID).Open(good, []byte("for")) },
		"other associated data":   func() ([]byte, error) { return b.Open(good, []byte("form")) },
		"no associated data":      func() ([]byte, error) { return b.Open(good, nil) },
		"nothing":                 func() ([]byte, error) { return b.Open("", []byte("for")) },
		"padding":                 func() ([]byte, error) { return b.Open(good+"=", []byte("for")) },
		"a line break":            func() ([]byte, error) { return b.Open(good[:8]+"\n"+good[8:], []byte("for")) },
		"shorter than its nonce":  func() ([]byte, error) { return b.Open(good[:20], []byte("for")) },
		"standard base64 symbols": func() ([]byte, error) { return b.Open("+/"+good[2:], []byte("for")) },
	} {
		if plain, err := try(); err == nil || plain != nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestBoxRefusesEveryMangledByteAndPrefix(t *testing.T) {
	b := testRing(t, testDB(t), "main").Box(RecoveryID)
	good := b.Seal([]byte("message"), nil)
	for i := range good {
		bad := []byte(good)
		if bad[i] = 'A'; good[i] == 'A' {
			bad[i] = 'B'
		}
		if _, err := b.Open(string(bad), nil); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
		if _, err := b.Open(good[:i], nil); err == nil {
			t.Errorf("opened the first %d bytes", i)
		}
	}
}

func FuzzBoxOpen(f *testing.F) {
	b := testRing(f, testDB(f), "main").Box(RecoveryID)
	good := b.Seal([]byte("message"), nil)
	f.Add(good)
	f.Add("")
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, s string) {
		if plain, err := b.Open(s, nil); (err == nil) != (s == good) || (err != nil && plain != nil) {
			t.Errorf("Open(%q) = %q, %v", s, plain, err)
		}
	})
}

func TestMACIsOverTheListOfItsParts(t *testing.T) {
	r := testRing(t, testDB(t), "main")
	base := r.MAC(Secrets, []byte("ab"), []byte("c"))
	if !bytes.Equal(base, r.MAC(Secrets, []byte("ab"), []byte("c"))) {
		t.Error("the same parts give another MAC")
	}
	for name, other := range map[string][]byte{
		"another split":   r.MAC(Secrets, []byte("a"), []byte("bc")),
		"one part":        r.MAC(Secrets, []byte("abc")),
		"an empty part":   r.MAC(Secrets, []byte("ab"), []byte("c"), nil),
		"another purpose": r.MAC(Handle, []byte("ab"), []byte("c")),
	} {
		if bytes.Equal(base, other) {
			t.Errorf("%s gives the same MAC", name)
		}
	}
}

func TestSealerTiesValueToKey(t *testing.T) {
	r := testRing(t, testDB(t), "main")
	s := r.Sealer(Record)
	sealed := s.Seal([]byte("key"), []byte("value"))
	if got, err := s.Open([]byte("key"), sealed); err != nil || string(got) != "value" {
		t.Fatalf("opened %q, %v", got, err)
	}
	for name, try := range map[string]struct {
		s           storage.Sealer
		key, sealed []byte
	}{
		"under another key":   {s, []byte("kez"), sealed},
		"bytes moved to key":  {s, []byte("keyv"), append([]byte("alue"), sealed[5:]...)},
		"by another purpose":  {r.Sealer(DeviceCA), []byte("key"), sealed},
		"without its MAC":     {s, []byte("key"), []byte("value")},
		"with nothing":        {s, []byte("key"), nil},
		"with more behind it": {s, []byte("key"), append(bytes.Clone(sealed), 0)},
	} {
		if _, err := try.s.Open(try.key, try.sealed); err == nil {
			t.Errorf("opened %s", name)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := s.Open([]byte("key"), bad); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
	}
}
