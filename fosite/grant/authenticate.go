package grant

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

// shown is what a request brings to authenticate its client, besides client_id and the TLS connection.
type shown uint8

const (
	showsNothing shown = iota
	showsSecret
	showsAssertion
)

// presented is everything in a request that may prove a client.
type presented struct {
	id          string
	shown       shown
	secret      string
	assertion   clientAssertion
	certificate *x509.Certificate // of the TLS connection, its chain verified; nil without one
}

// authenticated is a client that proved itself, or a public one that is what it says.
type authenticated struct {
	*registered
	assertion   *UsedAssertion // to be used up; nil where none was shown
	certificate string         // base64url SHA-256 of the certificate that the client authenticated with, or ""
}

// authenticate finds the client that the request names and demands the client's own way to prove itself, and that alone
// (RFC 6749 §2.3). What a public client shows would be checked by nobody: refused.
func (s *Server) authenticate(r *http.Request, form url.Values) (authenticated, error) {
	p, err := present(r, form)
	if err != nil {
		return authenticated{}, err
	}
	client, ok := s.clients[p.id]
	if !ok {
		return authenticated{}, oauth.InvalidClient().Because(errors.New("the client is unknown"))
	}
	out := authenticated{registered: client}
	if client.Public {
		if p.shown != showsNothing {
			return authenticated{}, oauth.InvalidClient().Because(errors.New("a public client shows a credential"))
		}
		return out, nil
	}
	if p.shown != client.Credential.shows() {
		return authenticated{}, oauth.InvalidClient().Because(errors.New("the client is registered with another method"))
	}
	if err := client.Credential.accepts(s, p.id, p); err != nil {
		return authenticated{}, oauth.InvalidClient().Because(err)
	}
	if p.shown == showsAssertion {
		out.assertion = p.assertion.used()
	}
	if _, ok := client.Credential.(CertificateField); ok {
		out.certificate = CertificateSHA256(r)
	}
	return out, nil
}

// present reads what the request shows. Of two ways to authenticate one could be checked and the other believed, so a
// request that uses more than one is refused.
func present(r *http.Request, form url.Values) (presented, error) {
	p := presented{id: form.Get("client_id"), certificate: certificateOf(r)}
	inHeader := len(r.Header.Values("Authorization")) > 0
	inBody := form.Has("client_assertion") || form.Has("client_assertion_type")
	switch {
	case form.Has("client_secret"): // client_secret_post is not offered
		return p, oauth.InvalidClient().Because(errors.New("a secret in the body"))
	case inHeader && inBody:
		return p, oauth.InvalidRequest("the client authenticates in two ways")
	case inHeader:
		return p, p.readBasic(r)
	case inBody:
		return p, p.readAssertion(form)
	case p.id == "":
		return p, oauth.InvalidRequest("client_id is missing")
	}
	return p, nil
}

func (p *presented) readBasic(r *http.Request) error {
	id, password, ok := oauth.BasicAuth(r)
	if !ok || p.id != "" && p.id != id {
		return oauth.InvalidClient().Because(errors.New("the Authorization header is not of this client"))
	}
	p.id, p.shown, p.secret = id, showsSecret, password
	return nil
}

func (p *presented) readAssertion(form url.Values) error {
	if form.Get("client_assertion_type") != clientAssertionType {
		return oauth.InvalidClient().Because(errors.New("client_assertion_type is another"))
	}
	read, err := parseClientAssertion(form.Get("client_assertion"))
	if err != nil {
		return oauth.InvalidClient().Because(err)
	}
	if p.id != "" && p.id != read.claims.Subject {
		return oauth.InvalidClient().Because(errors.New("client_id is not the subject of the assertion"))
	}
	p.id, p.shown, p.assertion = read.claims.Subject, showsAssertion, read
	return nil
}

// useUp makes the client's assertion useless for another request. The exchange does so in the transaction of the
// redemption; everybody else comes here first.
func (s *Server) useUp(ctx context.Context, c authenticated) error {
	if c.assertion == nil {
		return nil
	}
	err := s.recoveries.UseAssertion(ctx, *c.assertion)
	switch {
	case errors.Is(err, ErrAssertionUsed):
		return oauth.InvalidClient().Because(err)
	case err != nil:
		return fmt.Errorf("%w: using a client assertion: %v", ErrUnavailable, err)
	}
	return nil
}
