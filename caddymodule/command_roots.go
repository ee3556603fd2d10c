package caddymodule

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
)

// readRoots reads the certificates of the file that --ca-file names; nil, those of the system, if it names none.
func readRoots(file string) (*x509.CertPool, error) {
	return rootsBeside(x509.NewCertPool(), file)
}

// readMoreRoots is readRoots with those of the system beside what the file has: site and identity provider may have different authorities.
func readMoreRoots(file string) (*x509.CertPool, error) { return rootsBeside(systemRoots(), file) }

// systemRoots are empty where the system has none: a file may do.
func systemRoots() *x509.CertPool {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return x509.NewCertPool()
	}
	return roots
}

func rootsBeside(roots *x509.CertPool, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator's own
	if err != nil {
		return nil, fmt.Errorf("reading --ca-file: %v", err)
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca-file %s holds no certificate: it must be PEM", file)
	}
	return roots, nil
}

// trusting is a client for calls to an identity provider, as the gateway itself makes them, that trusts the authorities in a file.
func trusting(caFile string) (*http.Client, error) {
	roots, err := readRoots(caFile)
	if err != nil {
		return nil, err
	}
	return httpClient(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}), nil
}
