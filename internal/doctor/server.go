package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"golang.org/x/mod/semver"
)

// Server is the identity provider as somebody meets it who goes around the site.
type Server struct{ *Site }

// Bypass returns the identity provider of a site at its own address.
func (s *Site) Bypass() *Server { return &Server{s} }

// Ask asks the identity provider itself for a path with its query, as the proxy would on behalf of a browser.
func (s *Server) Ask(ctx context.Context, path string, headers ...string) (Answer, error) {
	return get(ctx, s.client, s.Provider.URL+path, headers...)
}

// AskAdmin asks its admin API.
func (s *Server) AskAdmin(ctx context.Context, path string, headers ...string) (Answer, error) {
	return get(ctx, s.client, s.Provider.AdminURL+path, headers...)
}

// AdminVersion reads the version that the admin API tells at a path. "": the verdict says why it is not known.
func (s *Server) AdminVersion(ctx context.Context, path string) (string, Verdict) {
	a, err := s.AskAdmin(ctx, path)
	var said struct {
		Version string `json:"version"`
	}
	switch {
	case err != nil:
		return "", Unknown("%v", err)
	case a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &said) != nil:
		return "", Unknown("it does not say its version: status %d", a.Status)
	case !semver.IsValid(said.Version):
		return "", Warn("it calls itself %q, which is no version", said.Version)
	}
	return said.Version, Verdict{}
}

// Send sends a request to the identity provider itself.
func (s *Server) Send(r *http.Request) (Answer, error) { return send(s.client, r) }

// RecoveryPage judges whether the login app's page for recovery, if one is named at the site, leads to the gateway.
func (s *Server) RecoveryPage(ctx context.Context) Verdict {
	page := s.Provider.RecoveryUI
	if page == "" {
		return Pass("none is named at this site")
	}
	a, err := s.Get(ctx, page)
	switch {
	case err != nil:
		return Unknown("%v", err)
	case a.Location == nil || a.Status/100 != 3 || a.Location.Path != s.Path || a.Location.Host != "" && "https://"+a.Location.Host != s.Origin:
		return Fail("%s answers %d, and leads somewhere else", page, a.Status)
	}
	return Pass("%s does", page)
}

// Follow goes on where answers lead, as long as that is the identity provider itself, under whichever of its addresses, with
// the cookies that it sets. It returns the last answer.
func (s *Server) Follow(ctx context.Context, path string) (Answer, error) {
	jar := map[string]string{}
	for range 5 {
		var cookies []string
		for name, value := range jar {
			cookies = append(cookies, name+"="+value)
		}
		a, err := s.Ask(ctx, path, "Cookie", strings.Join(cookies, "; "), "Accept", "text/html")
		if err != nil || a.Location == nil || a.Status/100 != 3 {
			return a, err
		}
		for _, c := range a.Cookies {
			jar[c.Name] = c.Value
		}
		next := a.Location.String()
		below, ours := strings.CutPrefix(next, s.Origin)
		if !ours {
			below, ours = strings.CutPrefix(next, s.Provider.URL)
		}
		if !ours && strings.HasPrefix(next, "/") {
			below, ours = next, true
		}
		if !ours || strings.HasPrefix(below, s.Path+"/") || below == s.Path {
			return a, nil
		}
		path = below
	}
	return Answer{}, errTooFar
}

var errTooFar = errors.New("the identity provider leads in circles")
