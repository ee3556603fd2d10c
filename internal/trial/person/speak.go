package person

import (
	"bytes"
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

// call posts JSON with a proof of possession. If the gateway asks for a nonce, it is sent once more.
func (g *program) call(ctx context.Context, address string, in, out any) error {
	err := g.once(ctx, address, in, out)
	if no, ok := errors.AsType[*refused](err); ok && no.code == string(wire.ProblemUseDPoPNonce) {
		err = g.once(ctx, address, in, out)
	}
	return err
}

func (g *program) once(ctx context.Context, address string, in, out any) error {
	r, err := newCall(ctx, address, in)
	if err != nil {
		return err
	}
	proof, err := wire.NewProofWithNonce(g.key, http.MethodPost, address, time.Now(), "", g.nonce)
	if err != nil {
		return err
	}
	r.Header.Set("DPoP", proof)
	got, err := g.send(r)
	if err != nil {
		return err
	}
	if nonce := got.header.Get("DPoP-Nonce"); nonce != "" {
		g.nonce = nonce
	}
	return got.read(out)
}

func newCall(ctx context.Context, address string, in any) (*http.Request, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
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
		var problem struct {
			Type   string `json:"type"`
			Detail string `json:"detail"`
		}
		_ = json.Unmarshal([]byte(a.body), &problem) // what is no problem has no code
		no := &refused{a.status, strings.TrimPrefix(problem.Type, "urn:regrant:problem:"), problem.Detail}
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
