package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/fosite/grant"
)

// RecoveryClient is a program, besides the built-in `regrant-device`, that may
// recover accounts for people and redeem its recovery tokens at the token
// endpoint. It proves itself in exactly one way, and its user with a DPoP key of
// their own in addition.
type RecoveryClient struct {
	// The client identifier. It must not look like the identifier of an account.
	ID string `json:"id,omitempty"`

	// That the client cannot keep a credential, as programs on people's own
	// machines cannot. Such a client can neither introspect tokens nor be told
	// from another that takes its name.
	Public bool `json:"public,omitempty"`

	// The public keys with which the client signs its assertions
	// (`private_key_jwt`), as the text of a JWK Set: keys on P-256 for ES256 or RSA
	// keys of at least 2048 bits for PS256. Usually a placeholder such as
	// `{file./etc/regrant/app.jwks.json}`, which is read when the configuration
	// starts.
	JWKS string `json:"jwks,omitempty"`

	// The secret with which the client authenticates (`client_secret_basic`): at
	// least 32 random characters. Usually a placeholder, which is read when the
	// configuration starts.
	Secret string `json:"secret,omitempty"`

	// The field of the client's TLS certificate that names it (`tls_client_auth`).
	// The site must demand or verify client certificates (`client_auth` with a
	// `trust_pool`).
	TLS *CertificateName `json:"tls_client_auth,omitempty"`
}

// CertificateName is the one field by which a TLS client certificate is known
// (RFC 8705, section 2.1.2). Exactly one is given.
type CertificateName struct {
	// The subject, as `openssl x509 -noout -subject -nameopt RFC2253` prints it.
	SubjectDN string `json:"subject_dn,omitempty"`

	// A DNS name among the subject's alternative names.
	DNS string `json:"san_dns,omitempty"`

	// A URI among the subject's alternative names.
	URI string `json:"san_uri,omitempty"`

	// An IP address among the subject's alternative names.
	IP string `json:"san_ip,omitempty"`

	// An e-mail address among the subject's alternative names.
	Email string `json:"san_email,omitempty"`
}

// unmarshalClient sets up one more client. Syntax:
//
//	client <id> {
//		public
//		jwks <jwk set>
//		secret <secret>
//		tls_client_auth subject_dn|san_dns|san_uri|san_ip|san_email <value>
//	}
func (a *App) unmarshalClient(d *caddyfile.Dispenser) error {
	c := new(RecoveryClient)
	if !d.AllArgs(&c.ID) {
		return d.ArgErr()
	}
	a.Clients = append(a.Clients, c)
	return readBlock(d, d.Nesting(), c.unmarshalOption, c.checkValues, c.check)
}

func (c *RecoveryClient) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "public":
		return readFlag(d, &c.Public)
	case "jwks":
		return readOnce(d, &c.JWKS)
	case "secret":
		return readOnce(d, &c.Secret)
	case "tls_client_auth":
		if c.TLS != nil {
			return twice(d)
		}
		c.TLS = new(CertificateName)
		return c.TLS.unmarshal(d)
	default:
		return unknown(d, "public", "jwks", "secret", "tls_client_auth")
	}
}

func (n *CertificateName) unmarshal(d *caddyfile.Dispenser) error {
	var field, value string
	if !d.AllArgs(&field, &value) {
		return d.Err("tls_client_auth names one field of the certificate and its value, such as 'tls_client_auth san_dns app.example.com'")
	}
	switch field {
	case "subject_dn":
		n.SubjectDN = value
	case "san_dns":
		n.DNS = value
	case "san_uri":
		n.URI = value
	case "san_ip":
		n.IP = value
	case "san_email":
		n.Email = value
	default:
		return d.Errf("tls_client_auth '%s' is not a field: use one of subject_dn, san_dns, san_uri, san_ip, san_email", field)
	}
	return nil
}

// checkClients checks all clients, as JSON may have them.
func (a *App) checkClients() error {
	seen := map[string]bool{}
	for _, c := range a.Clients {
		if c == nil {
			return errors.New("a client is null: remove it")
		}
		if err := c.check(); err != nil {
			return err
		}
		if seen[c.ID] {
			return fmt.Errorf("client %q is there twice: keep one block", c.ID)
		}
		seen[c.ID] = true
	}
	return nil
}

// check checks the whole of a client.
func (c *RecoveryClient) check() error {
	ways := 0
	for _, given := range []bool{c.Public, c.JWKS != "", c.Secret != "", c.TLS != nil} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return fmt.Errorf("client %q needs exactly one way to prove itself: write one of 'jwks', 'secret', 'tls_client_auth', or 'public' if it can keep no secret", c.ID)
	}
	return c.checkValues()
}

// checkValues checks the values that are given.
func (c *RecoveryClient) checkValues() error {
	if err := checkWord("client", c.ID); err != nil {
		return err
	}
	if err := grant.CheckClientID(c.ID); err != nil {
		return err
	}
	if c.inline() {
		if _, err := grant.ParseAssertionKeys([]byte(c.JWKS)); err != nil {
			return fmt.Errorf("jwks of client %q: %v", c.ID, err)
		}
	}
	if c.TLS != nil {
		if err := c.TLS.field().Check(); err != nil {
			return fmt.Errorf("client %q: %v", c.ID, err)
		}
	}
	return checkSecret("the secret of client "+c.ID, c.Secret)
}

// inline reports whether the keys are written in the configuration itself. To a replacer their braces would look like
// placeholders.
func (c *RecoveryClient) inline() bool { return json.Valid([]byte(c.JWKS)) }

func (n *CertificateName) field() grant.CertificateField {
	return grant.CertificateField{SubjectDN: n.SubjectDN, DNS: n.DNS, URI: n.URI, IP: n.IP, Email: n.Email}
}

// readClients reads what the clients prove themselves with, when a configuration
// starts.
func (a *App) readClients() (out []grant.Client, err error) {
	for _, c := range a.Clients {
		client := grant.Client{ID: c.ID, Public: c.Public}
		if !c.Public {
			if client.Credential, err = c.credential(); err != nil {
				return nil, fmt.Errorf("client %q: %v", c.ID, err)
			}
		}
		out = append(out, client)
	}
	return out, nil
}

func (c *RecoveryClient) credential() (grant.Credential, error) {
	switch {
	case c.JWKS != "":
		text := c.JWKS
		if !c.inline() {
			var err error
			if text, err = readSecret("jwks", text); err != nil {
				return nil, err
			}
		}
		return grant.ParseAssertionKeys([]byte(text))
	case c.Secret != "":
		text, err := readSecret("its secret", c.Secret)
		if err != nil {
			return nil, err
		}
		return grant.NewSecret(text)
	default:
		return c.TLS.field(), nil
	}
}
