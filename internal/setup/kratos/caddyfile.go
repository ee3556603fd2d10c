package kratos

import (
	"fmt"
	"strings"
)

// Caddyfile is the configuration of a gateway that fits the file. Where owners are told of recoveries, and where the login app
// listens, is for people to say.
func (s *Server) Caddyfile() (string, error) {
	c, err := s.config()
	if err != nil {
		return "", err
	}
	o, path, mode := s.o, "", "assist"
	if o.Path != "/recovery" {
		path = " " + o.Path
	}
	if o.Strict {
		mode = "strict"
	}
	options := []string{"admin " + o.Admin}
	if o.Hydra != "" {
		options = append(options, "hydra "+o.Hydra)
	}
	if base := c.basePath(o); base != "" {
		options = append(options, "base_path "+base)
	}
	if page := c.page(o); page != "" {
		options = append(options, "recovery_ui "+page)
	}
	if o.SessionTokens {
		options = append(options, "session_tokens")
	}
	options = append(options, "mode "+mode)
	return fmt.Sprintf(`{
	regrant {
		issuer %s%s
		upstream kratos %s {
			%s
		}
		method passkey
		method recovery_code
		notify webhook https://hooks.example.com/recovery {
			secret {env.REGRANT_HOOK_SECRET}
		}
	}
}

%s {
	regrant
	# Here goes a login app that is at this site, in a handle of its own.
	reverse_proxy %s
}
`, o.Origin, path, o.URL, strings.Join(options, "\n\t\t\t"), strings.TrimPrefix(o.Origin, "https://"), o.URL), nil
}
