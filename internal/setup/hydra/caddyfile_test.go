package hydra

import (
	"strings"
	"testing"
)

func TestABasePathIsPrintedWhereHydraIsBelowOneAtTheSite(t *testing.T) {
	for auth, want := range map[string]string{
		"https://id.example.com/oauth2/auth":           "",
		"https://id.example.com/hydra/oauth2/auth":     "/hydra",
		"https://id.example.com.evil.test/oauth2/auth": "",
		"https://elsewhere.example/hydra/oauth2/auth":  "",
	} {
		s := &Server{o: good(), said: metadata{Auth: auth, Issuer: "https://issuer.example"}}
		text, proxy := s.Caddyfile(), "\n\treverse_proxy "
		if want != "" {
			proxy = "\n\thandle_path " + want + "/* {\n\t\treverse_proxy "
		}
		_, base, _ := strings.Cut(text, "\t\tbase_path ")
		if base, _, _ = strings.Cut(base, "\n"); base != want || !strings.Contains(text, proxy+s.o.URL+"\n") {
			t.Errorf("%s: %s", auth, text)
		}
	}
}
