package hydra

import (
	"fmt"
	"strings"

	"github.com/regrant/regrant/internal/setup"
)

// Caddyfile is the configuration of a gateway that fits the server, see [setup.Site.Caddyfile].
func (s *Server) Caddyfile() string {
	o := s.o
	base, _ := s.basePath()
	return setup.Site{Origin: o.Origin, Path: o.Path, Kind: "hydra", URL: o.URL, Options: s.options(), BasePath: base, LoginApp: true}.Caddyfile()
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
