package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/resend"
	"github.com/regrant/regrant/internal/strictjson"
)

// config is the configuration file, one JSON object.
type config struct {
	Addr    string       `json:"addr"`   // where to listen, plain HTTP: the gateway in front has the certificate
	Origin  string       `json:"origin"` // https origin that browsers see; also the issuer
	Broker  brokerConfig `json:"broker"`
	Clients []*client    `json:"clients"`
	Users   []string     `json:"users"` // names of accounts besides alice and bob; optional
}

// brokerConfig is the provider behind "Forgot password?".
type brokerConfig struct {
	Issuer     string `json:"issuer"` // everything else is discovered
	ClientID   string `json:"client_id"`
	SecretFile string `json:"client_secret_file"`
	CAFile     string `json:"ca_file"` // trusted for the issuer instead of the system's; optional

	secret string
	http   *http.Client
}

// client is an application.
type client struct {
	ID           string   `json:"id"`
	SecretFile   string   `json:"secret_file"` // without one the client is public
	RedirectURIs []string `json:"redirect_uris"`

	secret string
}

func loadConfig(file string) (*config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var c config
	if err := strictjson.Decode(data, &c); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(c.Origin, "https://") || strings.HasSuffix(c.Origin, "/") {
		return nil, errors.New("origin must be https, without a final slash")
	}
	if c.Broker.secret, err = readSecret(c.Broker.SecretFile); err != nil {
		return nil, err
	}
	if c.Broker.http, err = newHTTPClient(c.Broker.CAFile); err != nil {
		return nil, err
	}
	for _, cl := range c.Clients {
		if cl.SecretFile == "" {
			continue
		}
		if cl.secret, err = readSecret(cl.SecretFile); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

func readSecret(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return secret, nil
}

func newHTTPClient(caFile string) (*http.Client, error) {
	var roots *x509.CertPool // nil: the system's
	if caFile != "" {
		data, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s holds no certificate", caFile)
		}
	}
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     resend.Transport{Inner: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, ForceAttemptHTTP2: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
