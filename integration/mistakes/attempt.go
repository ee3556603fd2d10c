// Package mistakes is a list of what may be wrong with a request that exchanges an assertion for an access token (RFC 7523
// §2.1). Each mistake changes one thing of a request that is good otherwise, at whatever server the request is for.
package mistakes

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// GrantType is that of the request (RFC 7523 §2.1).
const GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"

const formType = "application/x-www-form-urlencoded"

// A Server is an authorization server, as somebody may know it who has everything that a good request takes.
type Server struct {
	Issuer   string // its own identifier
	TokenURL string
	Scope    string // what the good request asks for

	Client Client // for whom the assertions are
	Other  Client // it could exchange assertions of its own
	Barred Client // it has no use of this grant

	Key      Key // signs the assertions (ES256)
	OtherKey Key // a P-256 key that the server trusts for something else

	OtherSubject string // an account for which the key may sign too
}

// A Client of the server proves itself with its secret (client_secret_basic); one without a secret is public.
type Client struct{ ID, Secret string }

// A Key has the name by which the server knows it.
type Key struct {
	ID      string
	Private *ecdsa.PrivateKey
}

// An Attempt is one request, and may be changed until it is made.
type Attempt struct {
	server *Server
	header map[string]any
	claims map[string]any
	client Client
	self   *Attempt // whose assertion the client authenticates with (RFC 7523 §2.2), instead of a secret; nil: a secret

	// What happens to the request in turn; nil changes nothing.
	texts   func(header, claims string) (string, string) // before signing
	sign    func(input []byte) []byte                    // instead of ES256 with the server's key
	token   func(string) string                          // once it is signed
	form    func(url.Values)                             // the parameters, with the assertion
	body    func(url.Values) (contentType, body string)  // instead of the form
	request func(*http.Request)                          // at last
}

// Good is the request with an assertion of that header and those claims.
func (s *Server) Good(header, claims map[string]any) *Attempt {
	return &Attempt{server: s, header: header, claims: claims, client: s.Client}
}

// With is the request with the mistake in it; a stays as it is.
func (a *Attempt) With(m Mistake) *Attempt {
	changed := *a
	changed.header, changed.claims = maps.Clone(a.header), maps.Clone(a.claims)
	m.change(&changed)
	return &changed
}

// By is the request of the client id, which authenticates with the assertion of self.
func (a *Attempt) By(id string, self *Attempt) *Attempt {
	changed := *a
	changed.client, changed.self = Client{ID: id}, self
	return &changed
}

// WithClient is the request with the mistake in the assertion that authenticates its client; a stays as it is.
func (a *Attempt) WithClient(m Mistake) *Attempt {
	changed := *a
	changed.self = a.self.With(m)
	return &changed
}

// Request makes the request. Its body can be sent again (see [http.Request.GetBody]).
func (a *Attempt) Request(ctx context.Context) (*http.Request, error) {
	form := url.Values{"grant_type": {GrantType}, "assertion": {a.assertion()}, "scope": {a.server.Scope}}
	if a.client.ID != "" && a.client.Secret == "" {
		form.Set("client_id", a.client.ID)
	}
	if a.self != nil {
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", a.self.assertion())
	}
	if a.form != nil {
		a.form(form)
	}
	contentType, body := formType, form.Encode()
	if a.body != nil {
		contentType, body = a.body(form)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.server.TokenURL, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	if a.client.Secret != "" {
		a.client.authenticate(req)
	}
	if a.request != nil {
		a.request(req)
	}
	return req, nil
}

// authenticate as of RFC 6749 §2.3.1.
func (c Client) authenticate(req *http.Request) {
	req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
}

func (a *Attempt) assertion() string {
	header, claims := text(a.header), text(a.claims)
	if a.texts != nil {
		header, claims = a.texts(header, claims)
	}
	sign := a.sign
	if sign == nil {
		sign = a.server.Key.sign
	}
	token := compact(header, claims, sign)
	if a.token != nil {
		token = a.token(token)
	}
	return token
}

// text is JSON without a space.
func text(members map[string]any) string {
	out, err := json.Marshal(members)
	if err != nil {
		panic(err) // strings, numbers and maps of these
	}
	return string(out)
}

func compact(header, claims string, sign func(input []byte) []byte) string {
	input := b64(header) + "." + b64(claims)
	return input + "." + b64(string(sign([]byte(input))))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sign makes a signature of ES256 (RFC 7518 §3.4).
func (k Key) sign(input []byte) []byte {
	digest := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, k.Private, digest[:])
	if err != nil {
		panic(err) // the random source is gone
	}
	return slices.Concat(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32)))
}
