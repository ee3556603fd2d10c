package kratos

import "github.com/regrant/regrant/internal/setup"

// Caddyfile is the configuration of a gateway that fits the file, see [setup.Site.Caddyfile].
func (s *Server) Caddyfile() (string, error) {
	c, err := s.config()
	if err != nil {
		return "", err
	}
	o, mode := s.o, "assist"
	if o.Strict {
		mode = "strict"
	}
	options := []string{"admin " + o.Admin}
	if o.Hydra != "" {
		options = append(options, "hydra "+o.Hydra)
	}
	base := c.basePath(o)
	if base != "" {
		options = append(options, "base_path "+base)
	}
	if page := c.page(o); page != "" {
		options = append(options, "recovery_ui "+page)
	}
	if o.SessionTokens {
		options = append(options, "session_tokens")
	}
	options = append(options, "mode "+mode)
	return setup.Site{Origin: o.Origin, Path: o.Path, Kind: "kratos", URL: o.URL, Options: options, BasePath: base, LoginApp: true}.Caddyfile(), nil
}
