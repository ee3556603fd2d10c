package revocation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	maxCRL       = 10 << 20 // bytes
	maxOCSP      = 64 << 10
	maxRedirects = 3
	crlTime      = 30 * time.Second // a whole fetch, redirects and body included
	ocspTime     = 5 * time.Second
)

var (
	errURL       = errors.New("the URL cannot be asked")
	errTooLarge  = errors.New("the answer is too large")
	errRedirects = errors.New("redirected too often")
	errRedirect  = errors.New("redirected to something other than an http or https URL")
)

// fetcher asks the servers of a CA. The addresses that the operator configured may be anywhere, also on the operator's
// own network. Where a redirect leads, a server has chosen: from there only public addresses are reached, and
// never through a proxy, which would resolve the name out of our sight.
type fetcher struct {
	configured http.RoundTripper
	redirected http.RoundTripper
}

func newFetcher() *fetcher {
	configured := transport(&net.Dialer{})
	configured.Proxy = http.ProxyFromEnvironment
	return &fetcher{configured: configured, redirected: transport(&net.Dialer{Control: onlyPublic})}
}

func transport(d *net.Dialer) *http.Transport {
	return &http.Transport{
		DialContext:            d.DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // what is counted is what is kept
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
	}
}

// get reads a CRL from the URL that was configured.
func (f *fetcher) get(ctx context.Context, from string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, crlTime)
	defer cancel()
	asked := f.configured
	for range maxRedirects + 1 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
		if err != nil {
			return nil, errURL
		}
		body, next, err := exchange(asked, req, maxCRL)
		if err != nil || next == "" {
			return body, err
		}
		from, asked = next, f.redirected
	}
	return nil, errRedirects
}

// post sends an OCSP request (RFC 6960 appendix A.1). A responder that redirects is not the one that was configured.
func (f *fetcher) post(ctx context.Context, to string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, ocspTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(request))
	if err != nil {
		return nil, errURL
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	req.Header.Set("Accept", "application/ocsp-response")
	body, next, err := exchange(f.configured, req, maxOCSP)
	if next != "" {
		return nil, errRedirect
	}
	return body, err
}

// exchange returns the body of an answer of status 200, or where it redirects to.
func exchange(t http.RoundTripper, req *http.Request, most int64) (body []byte, next string, err error) {
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		body, err = io.ReadAll(io.LimitReader(resp.Body, most+1))
		if int64(len(body)) > most {
			return nil, "", errTooLarge
		}
		return body, "", err
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next, err = target(resp)
		return nil, next, err
	default:
		return nil, "", fmt.Errorf("answered with status %d", resp.StatusCode)
	}
}

// target is where a redirect leads.
func target(resp *http.Response) (string, error) {
	u, err := resp.Location()
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", errRedirect
	}
	return u.String(), nil
}
