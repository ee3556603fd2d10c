// Package claimant speaks the gateway's protocol request by request, for demos and tests: as a person's device does, or
// as somebody who has only a part of what it takes.
package claimant

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

// Claimant is a program that wants to recover an account.
type Claimant struct {
	Issuer string
	Client *http.Client
	Holder *ecdsa.PrivateKey // signs the DPoP proofs
	Device *ecdsa.PrivateKey // signs statements
	Chain  []string          // PEM, the device's own certificate first
	Wants  []string          // actions to ask for; nil: to sign in
	As     *Application      // the configured client it is; nil: the built-in one of devices

	nonce atomic.Value // string: what the gateway last sent to prove possession with (RFC 9449 §8)
}

// FromDevice reads what `regrant device enroll` left in dir. The device's key is the holder too.
func FromDevice(issuer string, client *http.Client, dir string) (*Claimant, error) {
	text, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("no key in %s", dir)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key := parsed.(*ecdsa.PrivateKey)
	c := &Claimant{Issuer: issuer, Client: client, Holder: key, Device: key}
	rest, err := os.ReadFile(filepath.Join(dir, "certificate.pem"))
	if err != nil {
		return nil, err
	}
	for block, rest = pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		c.Chain = append(c.Chain, string(pem.EncodeToMemory(block)))
	}
	return c, nil
}

// NewKey makes a key that nobody knows.
func NewKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the random source is gone
	}
	return key
}

// Answer is what came back, whatever it was.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Into decodes the body.
func (a Answer) Into(out any) error { return json.Unmarshal(a.Body, out) }

// Code is the stable part of a problem's type, or OAuth's error.
func (a Answer) Code() string {
	var problem struct {
		Type  string `json:"type"`
		Error string `json:"error"`
	}
	_ = json.Unmarshal(a.Body, &problem)
	if problem.Error != "" {
		return problem.Error
	}
	return strings.TrimPrefix(problem.Type, "urn:regrant:problem:")
}

// Do sends a request with a fresh DPoP proof, bound to token if that is not empty. If the gateway asks for a nonce, it is
// sent once more.
func (c *Claimant) Do(ctx context.Context, path, contentType string, body []byte, token string) (Answer, error) {
	a, err := c.once(ctx, path, contentType, body, token)
	if err == nil && (a.Code() == "use_dpop_nonce" || a.Code() == string(wire.ProblemUseDPoPNonce)) {
		a, err = c.once(ctx, path, contentType, body, token)
	}
	return a, err
}

func (c *Claimant) once(ctx context.Context, path, contentType string, body []byte, token string) (Answer, error) {
	uri := c.Issuer + path
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Content-Type", contentType)
	ath := ""
	if token != "" {
		ath = wire.AccessTokenHash(token)
		req.Header.Set("Authorization", "DPoP "+token)
	}
	if c.Holder != nil {
		nonce, _ := c.nonce.Load().(string)
		proof, err := wire.NewProofWithNonce(c.Holder, http.MethodPost, uri, time.Now(), ath, nonce)
		if err != nil {
			return Answer{}, err
		}
		req.Header.Set("DPoP", proof)
	}
	if contentType == formType { // one of the OAuth endpoints
		c.As.authenticate(req)
	}
	a, err := send(c.Client, req)
	if nonce := a.Header.Get("DPoP-Nonce"); nonce != "" {
		c.nonce.Store(nonce)
	}
	return a, err
}

func send(client *http.Client, req *http.Request) (Answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: text}, err
}

// JSON posts in as JSON.
func (c *Claimant) JSON(ctx context.Context, path string, in any) (Answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return Answer{}, err
	}
	return c.Do(ctx, path, "application/json", body, "")
}

// Initiate starts a recovery of account.
func (c *Claimant) Initiate(ctx context.Context, account string) (wire.InitiateResponse, Answer, error) {
	actions := c.Wants
	if actions == nil {
		actions = []string{string(attest.ActionSignIn)}
	}
	var out wire.InitiateResponse
	a, err := c.JSON(ctx, "/initiate", wire.InitiateRequest{AccountIdentifier: account, Actions: actions, ClientID: c.As.id()})
	if err == nil && a.Status == http.StatusOK {
		err = a.Into(&out)
	}
	return out, a, err
}

// Proof signs statement with the device's key.
func (c *Claimant) Proof(statement string) json.RawMessage {
	digest := sha256.Sum256([]byte(statement))
	signature, err := ecdsa.SignASN1(rand.Reader, c.Device, digest[:])
	if err != nil {
		panic(err) // the random source is gone
	}
	text, _ := json.Marshal(map[string]any{
		"method": "device-certificate", "certificate_chain": c.Chain, "algorithm": "ES256",
		"signature": base64.RawURLEncoding.EncodeToString(signature),
	}) // strings only
	return text
}

// Attest brings a proof.
func (c *Claimant) Attest(ctx context.Context, recoveryID string, proof json.RawMessage) (wire.AttestResponse, Answer, error) {
	var out wire.AttestResponse
	a, err := c.JSON(ctx, "/attest", map[string]any{"recovery_id": recoveryID, "evidence": []json.RawMessage{proof}})
	if err == nil && a.Status == http.StatusOK {
		err = a.Into(&out)
	}
	return out, a, err
}

// Recover is a whole recovery as far as its token.
func (c *Claimant) Recover(ctx context.Context, account string) (wire.AttestResponse, Answer, error) {
	in, a, err := c.Initiate(ctx, account)
	if err != nil || a.Status != http.StatusOK {
		return wire.AttestResponse{}, a, err
	}
	return c.Attest(ctx, in.RecoveryID, c.Proof(in.Statement))
}

// Complete opens the completion with an access token.
func (c *Claimant) Complete(ctx context.Context, accessToken string) (wire.CompleteResponse, Answer, error) {
	var out wire.CompleteResponse
	a, err := c.Do(ctx, "/complete", "application/json", []byte("{}"), accessToken)
	if err == nil && a.Status == http.StatusOK {
		err = a.Into(&out)
	}
	return out, a, err
}

// Handoff asks for the code with which a browser goes on.
func (c *Claimant) Handoff(ctx context.Context, token string) (wire.HandoffResponse, Answer, error) {
	var out wire.HandoffResponse
	a, err := c.JSON(ctx, "/handoff", wire.HandoffRequest{RecoveryToken: token})
	if err == nil && a.Status == http.StatusOK {
		err = a.Into(&out)
	}
	return out, a, err
}
