package person

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/wire"
)

const mendLater = "Try again in a few minutes: limits count this machine like any other. The gateway's log says more."

// refused is an answer that was not the one hoped for.
type refused struct {
	status int
	code   string // of the problem
	detail string
}

func (r *refused) Error() string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s %s", r.status, r.code, r.detail))
}

// call posts JSON as a page of the gateway's own would, in the session of self-service if that has begun.
func (b *browser) call(ctx context.Context, address, csrf string, in, out any) error {
	r, err := newCall(ctx, address, in)
	if err != nil {
		return err
	}
	r.Header.Set("Sec-Fetch-Site", sameOrigin)
	r.Header.Set("Origin", originOf(r.URL))
	if csrf != "" {
		r.Header.Set("X-CSRF-Token", csrf)
	}
	return b.answered(r, out)
}

// program is whoever holds a key, as `regrant device` does.
type program struct {
	*browser // without cookies
	key      crypto.Signer
	nonce    string // what the gateway last sent to prove possession with (RFC 9449 section 8)
}

// call posts JSON with a proof of possession.
func (g *program) call(ctx context.Context, address string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	got, err := g.post(ctx, address, jsonType, body, "")
	if err != nil {
		return err
	}
	return got.read(out)
}

// post posts with a proof of possession, of an access token too if that is not empty. If the gateway asks for a nonce, it is sent once more.
func (g *program) post(ctx context.Context, address, mediaType string, body []byte, access string) (answer, error) {
	got, err := g.once(ctx, address, mediaType, body, access)
	if err == nil && got.wantsNonce() {
		got, err = g.once(ctx, address, mediaType, body, access)
	}
	return got, err
}

func (g *program) once(ctx context.Context, address, mediaType string, body []byte, access string) (answer, error) {
	r, err := newPost(ctx, address, mediaType, body)
	if err != nil {
		return answer{}, err
	}
	hash := ""
	if access != "" {
		hash = wire.AccessTokenHash(access)
		r.Header.Set("Authorization", "DPoP "+access)
	}
	proof, err := wire.NewProofWithNonce(g.key, http.MethodPost, address, time.Now(), hash, g.nonce)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("DPoP", proof)
	got, err := g.send(r)
	if nonce := got.header.Get("DPoP-Nonce"); nonce != "" {
		g.nonce = nonce
	}
	return got, err
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func newCall(ctx context.Context, address string, in any) (*http.Request, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return newPost(ctx, address, jsonType, body)
}

func newPost(ctx context.Context, address, mediaType string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Accept", jsonType)
	r.Header.Set("User-Agent", userAgent)
	return r, nil
}

func (b *browser) answered(r *http.Request, out any) error {
	got, err := b.send(r)
	if err != nil {
		return err
	}
	return got.read(out)
}

// read takes an answer apart. out nil: none is expected.
func (a answer) read(out any) error {
	if a.status == http.StatusNoContent && out == nil {
		return nil
	}
	if a.status != http.StatusOK || out == nil {
		no := a.refusal()
		if a.status == http.StatusTooManyRequests || a.status >= 500 {
			return &untold{"the gateway answers " + no.Error(), mendLater, nil}
		}
		return no
	}
	if err := json.Unmarshal([]byte(a.body), out); err != nil {
		return fmt.Errorf("the answer cannot be read: %v", err)
	}
	return nil
}

// refusal is what the gateway says of one: a problem (RFC 9457), or an error of OAuth (RFC 6749 section 5.2). What is neither has no code.
func (a answer) refusal() *refused {
	var said struct {
		Type        string `json:"type"`
		Detail      string `json:"detail"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal([]byte(a.body), &said)
	return &refused{a.status, cmp.Or(strings.TrimPrefix(said.Type, "urn:regrant:problem:"), said.Error), cmp.Or(said.Detail, said.Description)}
}

// wantsNonce tells whether the proof is to be made anew with the nonce that came (RFC 9449 sections 8 and 9).
func (a answer) wantsNonce() bool {
	code := a.refusal().code
	return code == string(wire.ProblemUseDPoPNonce) || code == "use_dpop_nonce"
}

// notReached is why no answer came. Nothing of it says how the gateway is.
func notReached(at *url.URL, err error) error {
	mend := "This machine must reach " + originOf(at) + " as people do: look at its name service and its firewall."
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	if unknown || invalid {
		mend = "Name the certificate of the CA with --ca-file, in PEM, if it is one of your own."
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err // its address may hold a code
	}
	return &untold{fmt.Sprintf("%s was not reached: %v", shown(at), err), mend, at}
}
