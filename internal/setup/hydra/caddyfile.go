package hydra

import (
	"fmt"
	"strings"
)

// Caddyfile is the configuration of a gateway that fits the server. Where owners are told of recoveries, and where the login app
// listens, is for people to say.
func (s *Server) Caddyfile() string {
	o, path := s.o, ""
	if o.Path != "/recovery" {
		path = " " + o.Path
	}
	return fmt.Sprintf(`{
	regrant {
		issuer %s%s
		upstream hydra %s {
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
`, o.Origin, path, o.URL, strings.Join(s.options(), "\n\t\t\t"), strings.TrimPrefix(o.Origin, "https://"), o.URL)
}

// options are those of the upstream.
func (s *Server) options() []string {
	o := s.o
	options := []string{"admin " + o.Admin, fmt.Sprintf("client %s {file.%s}", ClientID, o.ClientSecretFile)}
	if len(o.GrantScope) > 0 {
		options = append(options, fmt.Sprintf("upstream_grant %s {file.%s} %s", GrantID, o.GrantSecretFile, strings.Join(o.GrantScope, " ")))
	}
	base, _ := s.basePath()
	if base != "" {
		options = append(options, "base_path "+base)
	}
	if s.said.Issuer != o.Origin+base {
		options = append(options, "hydra_issuer "+s.said.Issuer)
	}
	if o.RecoveryUI != "" {
		options = append(options, "recovery_ui "+o.RecoveryUI)
	}
	if o.RiskAnalysis != "" {
		options = append(options, "assume_unprivileged risk_analysis "+o.RiskAnalysis)
	}
	return options
}
