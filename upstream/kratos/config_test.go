package kratos

import "testing"

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no address":        func(c *Config) { c.URL = "" },
		"no scheme":         func(c *Config) { c.AdminURL = "127.0.0.1:4434" },
		"another scheme":    func(c *Config) { c.AdminURL = "unix:///run/kratos" },
		"slash at the end":  func(c *Config) { c.PublicURL += "/" },
		"query":             func(c *Config) { c.URL += "/?a" },
		"user":              func(c *Config) { c.URL = "http://a:b@127.0.0.1:4433" },
		"fragment":          func(c *Config) { c.PublicURL += "/#x" },
		"dot segments":      func(c *Config) { c.PublicURL += "/a/../b" },
		"empty segment":     func(c *Config) { c.PublicURL += "//b" },
		"page elsewhere":    func(c *Config) { c.RecoveryUI = "https://id.example.com/recovery" },
		"page not absolute": func(c *Config) { c.RecoveryUI = "ui/recovery" },
		"page of the site":  func(c *Config) { c.RecoveryUI = "/" },
		"page in disguise":  func(c *Config) { c.RecoveryUI = "/ui//recovery" },
	} {
		cfg := plainConfig()
		if change(&cfg); cfg.RecoveryUI == "" {
			cfg.RecoveryUI = "/ui/recovery"
		}
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	cfg := plainConfig()
	cfg.PublicURL, cfg.RecoveryUI = public+"/.ory/kratos/public", "/ui/recovery"
	if _, err := New(cfg); err != nil {
		t.Error(err)
	}
}

// In mode assist Kratos' own way for who forgot the password is not the gateway's.
func TestATrialGoesTheWayOfTheMode(t *testing.T) {
	for strict, want := range map[bool]string{true: public + "/self-service/recovery/browser", false: ""} {
		cfg := plainConfig()
		cfg.Strict = strict
		a, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if path := a.TrialPath(); path.URL != want || path.Assist == strict || path.MendEntry == "" || path.MendSignIn == "" {
			t.Errorf("strict %v: %+v", strict, path)
		}
	}
}

func TestATrialKnowsWhetherProgramsAreGivenSessions(t *testing.T) {
	for programs, want := range map[bool]string{true: public + "/.ory/sessions/whoami", false: ""} {
		cfg := plainConfig()
		cfg.PublicURL, cfg.Programs = public+"/.ory", programs
		a, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if p := a.TrialPath().Program; p.URL != want || p.Option != "session_tokens" || (p.Mend != "") != programs || (len(a.Facts().Programs) > 0) != programs {
			t.Errorf("programs %v: %+v", programs, p)
		}
	}
}
