package browser

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// cookie is one stored cookie. Ports do not separate cookies, hosts do.
type cookie struct {
	host, name, value, path string
	sameSite                http.SameSite
	expires                 time.Time
}

// addCookies sends what belongs to the request. A cookie without SameSite counts as Lax, and Lax cookies stay behind on
// cross-site POSTs.
func (b *Browser) addCookies(req *http.Request, site string) {
	for _, c := range b.jar {
		if c.host != req.URL.Hostname() || !pathMatches(req.URL.Path, c.path) {
			continue
		}
		if !c.expires.IsZero() && time.Now().After(c.expires) {
			continue
		}
		lax := c.sameSite != http.SameSiteNoneMode
		if site == "cross-site" && (c.sameSite == http.SameSiteStrictMode || lax && req.Method != http.MethodGet) {
			continue
		}
		req.AddCookie(&http.Cookie{Name: c.name, Value: c.value}) //nolint:gosec // a Cookie header has no attributes
	}
}

func pathMatches(path, cookiePath string) bool {
	return cookiePath == "/" || path == cookiePath || strings.HasPrefix(path, strings.TrimSuffix(cookiePath, "/")+"/")
}

func (b *Browser) keepCookies(from *url.URL, set []*http.Cookie) {
	for _, c := range set {
		path := c.Path
		if path == "" {
			path = "/"
		}
		b.jar = slices.DeleteFunc(b.jar, func(old cookie) bool {
			return old.host == from.Hostname() && old.name == c.Name && old.path == path
		})
		if c.MaxAge < 0 || !c.Expires.IsZero() && c.Expires.Before(time.Now()) {
			continue
		}
		kept := cookie{host: from.Hostname(), name: c.Name, value: c.Value, path: path, sameSite: c.SameSite, expires: c.Expires}
		if c.MaxAge > 0 {
			kept.expires = time.Now().Add(time.Duration(c.MaxAge) * time.Second)
		}
		b.jar = append(b.jar, kept)
	}
}

// Steal copies the cookies of another browser whose names begin with prefix, in place of its own.
func (b *Browser) Steal(from *Browser, prefix string) {
	b.jar = slices.DeleteFunc(b.jar, func(c cookie) bool { return strings.HasPrefix(c.name, prefix) })
	for _, c := range from.jar {
		if strings.HasPrefix(c.name, prefix) {
			b.jar = append(b.jar, c)
		}
	}
}

// Cookie returns the value of a cookie of host, "" if there is none.
func (b *Browser) Cookie(host, name string) string {
	for _, c := range b.jar {
		if c.host == host && c.name == name {
			return c.value
		}
	}
	return ""
}
