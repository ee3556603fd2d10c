package setup

import (
	"strings"
	"testing"
)

// What is below a path at the site has none itself, and the gateway comes before the path is taken off.
func TestAnUpstreamBelowAPathIsServedThere(t *testing.T) {
	s := Site{Origin: "https://id.example.com", Path: "/recovery", Kind: "kratos", URL: "http://127.0.0.1:4433", Options: []string{"base_path /.ory"}}
	const site = "id.example.com {\n\theader Strict-Transport-Security \"max-age=31536000\"\n\tregrant\n\t"
	if text := s.Caddyfile(); !strings.Contains(text, site+"reverse_proxy http://127.0.0.1:4433\n}\n") {
		t.Error(text)
	}
	s.BasePath = "/.ory"
	if text := s.Caddyfile(); !strings.Contains(text, site+"handle_path /.ory/* {\n\t\treverse_proxy http://127.0.0.1:4433\n\t}\n}\n") {
		t.Error(text)
	}
}
