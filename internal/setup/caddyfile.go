package setup

import (
	"fmt"
	"net/url"
	"strings"
)

// Site is what a Caddyfile with one upstream is made of.
type Site struct {
	Origin, Path string   // where the gateway answers
	Kind, URL    string   // of the upstream, such as "keycloak"
	Options      []string // of the upstream, a line each
	Headers      []string // directives of the site that take headers off, or put them on
	BasePath     string   // below which the upstream is at the site, where it has none itself; "": it is at the root
	LoginApp     bool     // people sign in at an app that stands beside the identity provider
}

// CheckOrigin refuses what is no address of a site with TLS.
func CheckOrigin(origin string) error {
	if u, err := url.Parse(origin); err != nil || u.Scheme != "https" || u.Host == "" || origin != "https://"+u.Host {
		return fmt.Errorf("issuer %q is not an address like https://id.example.com", origin)
	}
	return nil
}

// stayWithTLS has browsers come with TLS only.
const stayWithTLS = `header Strict-Transport-Security "max-age=31536000"`

// Caddyfile is the configuration of a gateway that fits what was set up. Where owners are told of recoveries, and where a login app
// listens, is for people to say.
func (s Site) Caddyfile() string {
	path, app := "", ""
	if s.Path != "/recovery" {
		path = " " + s.Path
	}
	if s.LoginApp {
		app = "\n\t# Here goes a login app that is at this site, in a handle of its own."
	}
	return fmt.Sprintf(`{
	regrant {
		issuer %s%s
		upstream %s %s {
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
	%s
	regrant%s
	%s
}
`, s.Origin, path, s.Kind, s.URL, strings.Join(s.Options, "\n\t\t\t"), strings.TrimPrefix(s.Origin, "https://"),
		strings.Join(append([]string{stayWithTLS}, s.Headers...), "\n\t"), app, s.proxy())
}

// proxy leads to the upstream. The gateway before it judges every request, whatever its path.
func (s Site) proxy() string {
	if s.BasePath == "" {
		return "reverse_proxy " + s.URL
	}
	return fmt.Sprintf("handle_path %s/* {\n\t\treverse_proxy %s\n\t}", s.BasePath, s.URL)
}
