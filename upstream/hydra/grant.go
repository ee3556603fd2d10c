package hydra

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

const (
	// assertionLife is for how long an assertion is good.
	assertionLife = 30 * time.Second
	// endTime is within what the caller's lease leaves after a step.
	endTime = 5 * time.Second
)

// credentials are those of a confidential client.
type credentials struct{ id, secret string }

// issuerOf is under what name the assertions of one recovery are issued: an
// address of the gateway's that no other recovery has, so that what a crash left
// is told from what others need.
func (a *Adapter) issuerOf(s upstream.Session) string { return a.cfg.EntryURL + "/" + s.Txn }

// grant gets an access token of the subject for a program (RFC 7523, section
// 2.1). Hydra trusts the recovery's own issuer for this one subject and for as
// long as the exchange takes, with a key that nobody has used before and nobody
// has afterwards.
func (a *Adapter) grant(ctx context.Context, s upstream.Session) (out upstream.Outcome, err error) {
	if err := a.mayGrant(s); err != nil {
		return upstream.Outcome{}, err
	}
	if err := a.Revoke(ctx, s.AccountID); err != nil { // what was opened since, as before a browser's session
		return upstream.Outcome{}, err
	}
	if err := a.admin.endTrusts(ctx, a.issuerOf(s)); err != nil { // what a crash left
		return upstream.Outcome{}, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		if left := a.admin.endTrusts(ctx, a.issuerOf(s)); left != nil {
			out, err = upstream.Outcome{}, fmt.Errorf("%w (before it: %v)", left, err)
		}
	}()
	token, err := a.exchange(ctx, s)
	return upstream.Outcome{Token: token}, err
}

// mayGrant is nil if a program may have a token.
func (a *Adapter) mayGrant(s upstream.Session) error {
	if a.cfg.GrantClientID == "" {
		return fmt.Errorf("granting a token: %w", upstream.ErrUnsupported)
	}
	for _, action := range s.Actions {
		if !slices.Contains(actions, action) {
			return fmt.Errorf("granting a token for %s: %w", action, upstream.ErrUnsupported)
		}
	}
	if s.Txn == "" || !a.cfg.AssumeUnprivileged {
		return fmt.Errorf("%w: the recovery has no name, or the subject may be privileged", upstream.ErrRefused)
	}
	return nil
}

// exchange makes key, trust and assertion, trades it, and reads back whose the
// token is.
func (a *Adapter) exchange(ctx context.Context, s upstream.Session) (*upstream.Token, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w: %v", upstream.ErrUnavailable, err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: string(jose.ES256), Use: "sig"}
	issuer, now := a.issuerOf(s), a.cfg.Clock()
	if err := a.admin.makeTrust(ctx, issuer, s.AccountID, a.cfg.GrantScope, key.Public(), now); err != nil {
		return nil, err
	}
	assertion, err := assert(key, issuer, s.AccountID, a.tokenURL(), now)
	if err != nil {
		return nil, fmt.Errorf("making an assertion: %w: %v", upstream.ErrUnavailable, err)
	}
	var got struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
	}
	err = a.admin.askForm(ctx, a.cfg.URL+"/oauth2/token", &credentials{a.cfg.GrantClientID, a.cfg.GrantClientSecret}, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}, "scope": {strings.Join(a.cfg.GrantScope, " ")},
	}, &got)
	if err != nil {
		return nil, err
	}
	if got.AccessToken == "" || got.ExpiresIn <= 0 || !strings.EqualFold(got.TokenType, "Bearer") {
		return nil, fmt.Errorf("granting a token: %w: not the answer expected", upstream.ErrUnavailable)
	}
	told, err := a.admin.introspect(ctx, got.AccessToken)
	if err != nil {
		return nil, err
	}
	if !told.Active || told.Subject != s.AccountID || told.Client != a.cfg.GrantClientID {
		return nil, fmt.Errorf("granting a token: %w: it is not this subject's", upstream.ErrUnavailable)
	}
	return &upstream.Token{
		Kind: upstream.TokenAccess, Value: got.AccessToken, Type: "Bearer", Scope: got.Scope, ExpiresIn: time.Duration(got.ExpiresIn) * time.Second,
	}, nil
}

// tokenURL is what Hydra wants to be addressed by: its token endpoint, below its
// issuer.
func (a *Adapter) tokenURL() string { return strings.TrimSuffix(a.cfg.Issuer, "/") + "/oauth2/token" }

// assert signs an assertion (RFC 7523, section 3). Its jti is unique among those
// of all issuers: Hydra keeps them together.
func assert(key jose.JSONWebKey, issuer, subject, audience string, now time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": subject, "aud": audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// askForm posts a form, as a client if there is one, and reads the JSON of the one
// answer that means success. Whatever else comes says nothing: what was asked for
// is what should be given, and under load Hydra answers 500 to what it took.
func (a *Admin) askForm(ctx context.Context, address string, as *credentials, form url.Values, into any) error {
	answer, err := postForm(ctx, a.http, address, as, form)
	if err != nil {
		return err
	}
	if err := verdict(answer, http.StatusOK); err != nil {
		return upstream.CouldNotTell(fmt.Errorf("POST %s: %w", pathOf(address), err))
	}
	if json.Unmarshal(answer.Body, into) != nil {
		return fmt.Errorf("reading %s: %w: not the JSON expected", pathOf(address), upstream.ErrUnavailable)
	}
	return nil
}

// postForm posts a form, as a client if there is one.
func postForm(ctx context.Context, client *http.Client, address string, as *credentials, form url.Values) (upstream.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return upstream.Response{}, fmt.Errorf("asking Hydra: %w: %v", upstream.ErrUnavailable, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if as != nil {
		r.SetBasicAuth(url.QueryEscape(as.id), url.QueryEscape(as.secret)) // RFC 6749, section 2.3.1
	}
	answer, err := upstream.Ask(client, r)
	if err != nil {
		return answer, fmt.Errorf("asking Hydra: %w", err)
	}
	return answer, nil
}
