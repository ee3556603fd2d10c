package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/resend"
	"github.com/regrant/regrant/internal/strictjson"
	"github.com/regrant/regrant/internal/wire"
)

// gateway is the other end. Its issuer URL is what the user said, never what an answer says.
type gateway struct {
	issuer string
	client *http.Client
	now    func() time.Time
	nonce  string // what the gateway last sent to prove possession with (RFC 9449 section 8)
}

// maxNonce bounds what a gateway can make us send back.
const maxNonce = 256

func (e *env) connect(issuer string, c connection) (*gateway, error) {
	if err := checkIssuer(issuer); err != nil {
		return nil, err
	}
	roots, err := loadPool(c.caFile)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Timeout: c.timeout,
		// A gateway that is reloaded cuts connections; see the package.
		Transport: resend.Transport{Inner: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2: true,
		}},
		// A proof and a secret are for one endpoint. A gateway never redirects; what does is something else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &gateway{issuer: issuer, client: client, now: e.now}, nil
}

// checkIssuer demands the form in which an issuer is compared, byte for byte, with what is signed.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(issuer, "?#") || strings.HasSuffix(issuer, "/") {
		return unusable("Give it as whoever runs the gateway wrote it, for example https://id.example.com/recovery.",
			"--issuer must be an https URL without user, query, fragment and final slash")
	}
	return nil
}

// loadPool reads the trusted certificates; without a file it is nil, which stands for the system's.
func loadPool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, unusable("", "reading --ca-file: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, unusable("It must be PEM: -----BEGIN CERTIFICATE-----.", "%s holds no certificate", file)
	}
	return pool, nil
}

// checkMetadata reads the gateway's RFC 8414 metadata and demands that it is the issuer that was asked for
// (section 3.3): a gateway that takes itself for another would have us sign for that other. It returns the actions that
// the gateway offers.
func (g *gateway) checkMetadata(ctx context.Context) (actions []string, err error) {
	u, err := url.Parse(g.issuer)
	if err != nil {
		return nil, unusable("", "reading --issuer: %v", err)
	}
	u.Path = "/.well-known/oauth-authorization-server" + u.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, unusable("", "reading --issuer: %v", err)
	}
	var metadata map[string]any // RFC 8414 allows members that we do not know
	if err := g.do(req, &metadata); err != nil {
		return nil, err
	}
	if metadata["issuer"] != g.issuer {
		return nil, mismatch("%s says that it is another issuer", g.issuer)
	}
	offered, _ := metadata["recovery_actions_supported"].([]any)
	for _, action := range offered {
		if name, ok := action.(string); ok {
			actions = append(actions, name)
		}
	}
	return actions, nil
}

// post sends body to a route of the gateway and reads the answer. With a key it goes with a proof of possession
// (RFC 9449), which is made once more if the gateway wants its nonce in it.
func (g *gateway) post(ctx context.Context, route string, key crypto.Signer, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return unusable("", "writing the request: %v", err)
	}
	before := g.nonce
	err = g.send(ctx, route, key, data, into)
	if errors.Is(err, errNonce) && g.nonce != before {
		err = g.send(ctx, route, key, data, into)
	}
	return err
}

func (g *gateway) send(ctx context.Context, route string, key crypto.Signer, data []byte, into any) error {
	uri := g.issuer + route
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, bytes.NewReader(data))
	if err != nil {
		return unusable("", "making the request: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != nil {
		proof, err := wire.NewProofWithNonce(key, http.MethodPost, uri, g.now(), "", g.nonce)
		if said, ok := errors.AsType[*failure](err); ok { // of a TPM
			return said
		}
		if err != nil {
			return unusable("", "%v", err)
		}
		req.Header.Set("DPoP", proof)
	}
	return g.do(req, into)
}

// do sends a request and reads an answer of bounded size, strictly.
func (g *gateway) do(req *http.Request, into any) error {
	req.Header.Set("Accept", "application/json, "+wire.ProblemMediaType)
	res, err := g.client.Do(req)
	if err != nil {
		return notReached(g.issuer, err)
	}
	defer res.Body.Close()
	if nonce := res.Header.Get("DPoP-Nonce"); nonce != "" && len(nonce) <= maxNonce {
		g.nonce = nonce
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	body := io.LimitReader(res.Body, wire.MaxBody+1)
	if res.StatusCode != http.StatusOK {
		var p wire.Problem
		if media == wire.ProblemMediaType {
			_ = strictjson.DecodeReader(body, wire.MaxBody, &p) // an unreadable problem is one without a code
		}
		return fromProblem(p, res.StatusCode)
	}
	if media != "application/json" {
		return notReached(g.issuer, fmt.Errorf("the answer is not JSON but %q", printable(media)))
	}
	if err := strictjson.DecodeReader(body, wire.MaxBody, into); err != nil {
		return notReached(g.issuer, fmt.Errorf("reading its answer: %s", printable(err.Error())))
	}
	return nil
}
