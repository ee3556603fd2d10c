package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SiteChecks judge the site as people reach it.
var SiteChecks = []Check[*Site]{
	{
		ID: "tls-certificate", Asks: "Is the certificate of the site valid, and for long enough?",
		Remedy: "Let Caddy renew it (its log says why it could not), or give the doctor the authority with --ca-file.",
		Look:   certificate,
	},
	{
		ID: "tls-version", Asks: "Does the site refuse TLS 1.0 and 1.1?",
		Remedy: "Take old versions out of 'tls { protocols ... }', also at what terminates TLS before Caddy.",
		Look:   oldTLS,
	},
	{
		ID: "hsts", Asks: "Do browsers learn to come with TLS only?",
		Remedy: `Write 'header Strict-Transport-Security "max-age=31536000"' into the site.`,
		Look: func(ctx context.Context, s *Site) Verdict {
			a, err := s.Get(ctx, s.Path)
			if err != nil {
				return Unknown("%v", err)
			}
			value := a.Header.Get("Strict-Transport-Security")
			if !strings.Contains(value, "max-age=") || strings.Contains(value, "max-age=0") {
				return Warn("the recovery page has no Strict-Transport-Security")
			}
			return Pass("%s", value)
		},
	},
	{
		ID: "http-redirect", Asks: "Does plain http lead to https, and nowhere else?",
		Remedy: "Leave Caddy's redirects on, or close the port.",
		Look:   plainRedirects,
	},
	{
		ID: "recovery-page", Asks: "Does the gateway answer under its address?",
		Remedy: "See the log of Caddy: recovery answers 503 while its store or keys cannot be opened.",
		Look: func(ctx context.Context, s *Site) Verdict {
			a, err := s.Get(ctx, s.Path)
			switch {
			case err != nil:
				return Unknown("%v", err)
			case a.Status != http.StatusOK:
				return Fail("%s%s answers %d", s.Origin, s.Path, a.Status)
			}
			return Pass("%s answers", s.Issuer())
		},
	},
	{
		ID: "issuer", Asks: "Does the site publish the issuer that proofs and tokens are bound to?",
		Remedy: "Make the origin in 'issuer' the one under which people reach this site.",
		Look:   publishedIssuer,
	},
	{
		ID: "recovery-cookies", Asks: "Are the gateway's cookies bound to this host, to TLS and to its own pages?",
		Remedy: "Nothing between Caddy and people may rewrite Set-Cookie.",
		Look:   ownCookies,
	},
	{
		ID: "token-endpoint", Asks: "Does the token endpoint refuse, through the site, what nobody has granted?",
		Remedy: "Keep everything but the directive regrant from answering below its path.",
		Look:   tokenEndpoint,
	},
	{
		ID: "key-overlap", Asks: "Is every key published that signs tokens now or soon, and each that signed lately?",
		Remedy: "See to it that nothing between Caddy and clients answers for jwks.json, or keeps it for longer than it says.",
		Look:   keyOverlap,
	},
	{
		ID: "idp-listens", Asks: "Can nobody reach the identity provider past the proxy?",
		Remedy: "Let it listen on 127.0.0.1, or behind a firewall that lets only the gateway through; that one cannot be seen from this machine: accept it then (--accept).",
		Look: func(ctx context.Context, s *Site) Verdict {
			v := s.Alone(ctx, s.Provider.URL)
			if v.Status == StatusFail {
				return Warn("%s: only a firewall keeps others from it", v.Seen)
			}
			return v
		},
	},
	{
		ID: "idp-admin-listens", Asks: "Can nobody but the gateway reach an admin API of the identity provider that has an address of its own?",
		Remedy: "Let it listen on 127.0.0.1: it has no password, and whoever reaches it has every account.",
		Look: func(ctx context.Context, s *Site) Verdict {
			worst, seen := StatusPass, []string(nil)
			for _, admin := range s.Provider.Admins() {
				v := s.Alone(ctx, admin)
				if v.Status.weight() > worst.weight() {
					worst, seen = v.Status, nil
				}
				if v.Status == worst {
					seen = append(seen, v.Seen)
				}
			}
			if len(seen) == 0 {
				return Pass("there is none with an address of its own")
			}
			return Verdict{worst, strings.Join(slices.Compact(seen), "; ")}
		},
	},
}

func certificate(ctx context.Context, s *Site) Verdict {
	u, err := url.Parse(s.Origin)
	if err != nil {
		return Unknown("%v", err)
	}
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: s.Roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", hostPort(u))
	var refused *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused):
		return Fail("%v", err)
	case err != nil:
		return Unknown("%v", err)
	}
	defer conn.Close()
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	left, whole := time.Until(leaf.NotAfter), leaf.NotAfter.Sub(leaf.NotBefore)
	if left < whole/6 { // Caddy renews when a third is left
		return Warn("it ends in %s and was not renewed", left.Round(time.Minute))
	}
	return Pass("it ends at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
}

func oldTLS(ctx context.Context, s *Site) Verdict {
	u, err := url.Parse(s.Origin)
	if err != nil {
		return Unknown("%v", err)
	}
	conn, err := (&net.Dialer{Timeout: oneCall}).DialContext(ctx, "tcp", hostPort(u))
	if err != nil {
		return Unknown("%v", err)
	}
	defer conn.Close()
	//nolint:gosec // asks whether the site still speaks what nobody should
	old := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: u.Hostname(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	switch err := old.HandshakeContext(ctx); {
	case err == nil:
		return Fail("the site agrees to %s", tls.VersionName(old.ConnectionState().Version))
	case late(err):
		return Unknown("%v", err)
	}
	return Pass("it refuses them")
}

func plainRedirects(ctx context.Context, s *Site) Verdict {
	u, err := url.Parse(s.Origin)
	if err != nil {
		return Unknown("%v", err)
	}
	plain := s.Plain
	if plain == "" {
		plain = net.JoinHostPort(u.Hostname(), "80")
	}
	a, err := get(ctx, s.client, "http://"+plain+s.Path)
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return Unknown("%v", err)
	case err != nil:
		return Pass("nothing answers plain http at %s", plain)
	case a.Status/100 == 3 && a.Location != nil && a.Location.Scheme == "https" && a.Location.Hostname() == u.Hostname():
		return Pass("it leads to https")
	case a.Status/100 == 3:
		return Fail("%s does not lead to %s", plain, s.Origin)
	case a.Status/100 == 4:
		return Pass("plain http is refused with %d", a.Status)
	}
	return Fail("%s answers %d over plain http", plain, a.Status)
}

func publishedIssuer(ctx context.Context, s *Site) Verdict {
	a, err := s.Get(ctx, "/.well-known/oauth-authorization-server"+s.Path)
	if err != nil {
		return Unknown("%v", err)
	}
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &metadata) != nil {
		return Fail("the document of RFC 8414 is not at %s: status %d", s.Origin, a.Status)
	}
	if metadata.Issuer != s.Issuer() {
		return Fail("the site says %s, the gateway %s", metadata.Issuer, s.Issuer())
	}
	return Pass("%s", metadata.Issuer)
}

func keyOverlap(ctx context.Context, s *Site) Verdict {
	a, err := s.Get(ctx, s.Path+"/jwks.json")
	if err != nil {
		return Unknown("%v", err)
	}
	var document struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &document) != nil {
		return Fail("the document of keys is not at %s: status %d", s.Origin, a.Status)
	}
	published := map[string]bool{}
	for _, k := range document.Keys {
		published[k.ID] = true
	}
	var lines []string
	for _, id := range s.Keys {
		if !published[id] {
			lines = append(lines, "key "+id+" is not in the document that the site serves")
		}
	}
	if len(s.Keys) == 0 {
		return Unknown("the gateway names no key")
	}
	return Fault(lines, fmt.Sprintf("%d keys, all published", len(s.Keys)))
}

func ownCookies(ctx context.Context, s *Site) Verdict {
	a, err := s.Get(ctx, s.Path)
	if err != nil {
		return Unknown("%v", err)
	}
	lines := Weak(a.Cookies)
	for _, c := range a.Cookies {
		if !strings.HasPrefix(c.Name, "__Host-") {
			continue
		}
		if !c.HttpOnly || c.Path != "/" || c.Domain != "" {
			lines = append(lines, c.Name+" is not HttpOnly for this host alone")
		}
	}
	return Fault(lines, fmt.Sprintf("%d cookies, all Secure", len(a.Cookies)))
}

// tokenEndpoint brings an assertion that nobody signed.
func tokenEndpoint(ctx context.Context, s *Site) Verdict {
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "client_id": {"regrant-device"}, "assertion": {"e30.e30.AA"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Issuer()+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return Unknown("%v", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := send(s.client, r)
	if err != nil {
		return Unknown("%v", err)
	}
	var refusal struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal([]byte(a.Body), &refusal) // then it is no refusal of ours
	switch {
	case a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable:
		return Unknown("it answers %d", a.Status)
	case a.Status == http.StatusBadRequest && refusal.Error != "":
		return Pass("it answers %s", refusal.Error)
	}
	return Fail("it answers %d, which is not a refusal of the gateway's", a.Status)
}
