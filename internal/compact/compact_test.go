package compact

import (
	"strings"
	"testing"
)

func TestOneSpellingOnly(t *testing.T) {
	const good = "eyJhIjoxfQ.e30.AAAA"
	jws, err := Split(good)
	if err != nil || string(jws.Header) != `{"a":1}` || string(jws.Payload) != "{}" {
		t.Fatalf("got %+v, %v", jws, err)
	}
	for name, bad := range map[string]string{
		"empty": "", "two parts": "e30.e30", "five parts": good + ".AA.AA", "empty part": "e30..AA", "padding": "e30=.e30.AAAA",
		"white space": " " + good, "line break": "eyJh\nIjoxfQ.e30.AAAA", "other alphabet": "e30.e30.A+/A", "trailing bits": "e30.e31.AAAA",
		"too long": good + strings.Repeat("A", MaxSize),
	} {
		if _, err := Split(bad); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("eyJhIjoxfQ.e30.AAAA")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		jws, err := Split(token)
		if err == nil && (len(jws.Header) == 0 || len(jws.Payload) == 0 || strings.ContainsAny(token, "=+/ \r\n")) {
			t.Errorf("took %q", token)
		}
	})
}
