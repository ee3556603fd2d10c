package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Site is the deployment as people reach it.
type Site struct {
	Deployment
	// Roots are trusted for the site; nil: those of the system.
	Roots *x509.CertPool
	// Addresses are this machine's own, beyond loopback.
	Addresses []netip.Addr
	// Plain is where the site answers plain http, if it does: host and port. "": at port 80.
	Plain string

	client *http.Client
}

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 1 << 20

// oneCall bounds one request.
const oneCall = 10 * time.Second

// NewSite returns the site of a deployment, as this machine reaches it.
func NewSite(d Deployment, roots *x509.CertPool) *Site {
	return &Site{Deployment: d, Roots: roots, Addresses: ownAddresses(), client: newClient(roots)}
}

// newClient makes a client that follows no redirect, asks no proxy and keeps no cookie.
func newClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true},
		Timeout:       oneCall,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ownAddresses are those of this machine's interfaces that others can reach.
func ownAddresses() (list []netip.Addr) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && !prefix.Addr().IsLoopback() && !prefix.Addr().IsLinkLocalUnicast() {
			list = append(list, prefix.Addr().Unmap())
		}
	}
	return list
}

// An Answer is that of a server, read to its end.
type Answer struct {
	Status   int
	Header   http.Header
	Body     string
	Cookies  []*http.Cookie
	Location *url.URL // nil: it leads nowhere
}

// Get asks the site for a path with its query.
func (s *Site) Get(ctx context.Context, path string, headers ...string) (Answer, error) {
	return get(ctx, s.client, s.Origin+path, headers...)
}

// Elsewhere is a host that nobody has.
const Elsewhere = "elsewhere.invalid"

// GetForwarded is [Site.Get] by a client who says that he is a proxy, and was asked for [Elsewhere].
func (s *Site) GetForwarded(ctx context.Context, path string, headers ...string) (Answer, error) {
	return s.Get(ctx, path, append(headers, "X-Forwarded-Host", Elsewhere, "Forwarded", "host="+Elsewhere)...)
}

// get asks for an address. Headers are names and values in turn. An error does not tell the query.
func get(ctx context.Context, client *http.Client, address string, headers ...string) (Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return Answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return send(client, r)
}

func send(client *http.Client, r *http.Request) (Answer, error) {
	resp, err := client.Do(r) //nolint:gosec // the operator's own deployment
	if err != nil {
		return Answer{}, fmt.Errorf("asking %s: %w", r.URL.Host, cause(err))
	}
	return readAnswer(resp)
}

// cause is the error without the address, whose query may name somebody.
func cause(err error) error {
	var failure *url.Error
	if errors.As(err, &failure) {
		return failure.Err
	}
	return err
}

// late tells whether an error is only that no answer came in time, which says nothing of what the answer would have been.
func late(err error) bool {
	var timed net.Error
	return errors.As(err, &timed) && timed.Timeout()
}

func readAnswer(resp *http.Response) (Answer, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Answer{}, fmt.Errorf("reading an answer: %w", err)
	}
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body), Cookies: resp.Cookies()}
	if location := resp.Header.Get("Location"); location != "" {
		a.Location, _ = url.Parse(location)
	}
	return a, nil
}

// Raw sends a request target exactly as it is written, which no client library does, over HTTP/1.1.
func (s *Site) Raw(ctx context.Context, target string) (Answer, error) {
	u, err := url.Parse(s.Origin)
	if err != nil {
		return Answer{}, err
	}
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: s.Roots, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}}).
		DialContext(ctx, "tcp", hostPort(u))
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	return raw(ctx, conn, u.Host, target)
}

func raw(ctx context.Context, conn net.Conn, host, target string) (Answer, error) {
	deadline, ok := ctx.Deadline()
	if limit := time.Now().Add(oneCall); !ok || limit.Before(deadline) {
		deadline = limit
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return Answer{}, err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nConnection: close\r\n\r\n", target, host); err != nil {
		return Answer{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return Answer{}, err
	}
	return readAnswer(resp)
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

// reachable are this machine's addresses beyond loopback at which something takes connections on the port of an address
// that is meant for this machine alone.
func (s *Site) reachable(ctx context.Context, address string) (lines []string) {
	_, port, err := net.SplitHostPort(target(address))
	if err != nil {
		return nil
	}
	for _, addr := range s.Addresses {
		dialer := net.Dialer{Timeout: 2 * time.Second}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(addr.String(), port))
		if err == nil {
			_ = conn.Close()
			lines = append(lines, fmt.Sprintf("port %s takes connections at %s", port, addr))
		}
	}
	return lines
}

// Alone judges whether an address takes connections on this machine's loopback only. What is on another machine is beyond what
// can be told from here.
func (s *Site) Alone(ctx context.Context, address string) Verdict {
	host, _, _ := net.SplitHostPort(target(address))
	switch {
	case target(address) == target(s.Origin):
		return Pass("the gateway reaches it through the site itself")
	case host != thisMachine && !s.own(host):
		return Warn("%s is on another machine: only a firewall there keeps others from it", address)
	case len(s.Addresses) == 0:
		return Pass("this machine has no address but loopback")
	}
	return Fault(s.reachable(ctx, address), "it takes connections on loopback only")
}

func (s *Site) own(host string) bool {
	for _, a := range s.Addresses {
		if strings.EqualFold(a.String(), host) {
			return true
		}
	}
	return false
}

// Weak are the cookies that travel or can be read where they should not.
func Weak(cookies []*http.Cookie) (lines []string) {
	for _, c := range cookies {
		switch {
		case c.MaxAge < 0 || c.Value == "":
			continue // it is being deleted
		case !c.Secure:
			lines = append(lines, c.Name+" is not Secure")
		case c.SameSite == http.SameSiteNoneMode && !expected[c.Name]:
			lines = append(lines, c.Name+" has SameSite=None")
		}
	}
	return lines
}

// expected are the cookies that have SameSite=None for a reason: Keycloak's own pages are framed by applications of other sites.
var expected = map[string]bool{"AUTH_SESSION_ID": true, "KC_RESTART": true, "KEYCLOAK_IDENTITY": true, "KEYCLOAK_SESSION": true, "KC_AUTH_SESSION_HASH": true}
