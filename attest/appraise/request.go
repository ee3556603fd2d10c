package appraise

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/internal/strictjson"
)

// message is a request as it is written.
type message struct {
	ID        string         `json:"id"`
	Format    string         `json:"format"`
	Time      string         `json:"time"`
	Challenge *string        `json:"challenge"`
	Evidence  jsontext.Value `json:"evidence"`
	Trust     configuration  `json:"trust"`
	Expect    jsontext.Value `json:"expect"`
}

// Request is what a [Format] judges.
type Request struct {
	Now       time.Time // the only clock
	Challenge []byte    // nil: none was given
	Trust     Trust

	evidence, expect jsontext.Value
}

func (m *message) request() (*Request, error) {
	now, err := parseTime(m.Time)
	if err != nil {
		return nil, err
	}
	trust, err := m.Trust.trust()
	if err != nil {
		return nil, err
	}
	r := &Request{Now: now, Trust: trust, evidence: m.Evidence, expect: m.Expect}
	if m.Challenge != nil {
		if r.Challenge, err = Bytes(*m.Challenge); err != nil {
			return nil, fmt.Errorf("challenge %w", err)
		}
	}
	if !given(m.Evidence) {
		return nil, errors.New("evidence is missing")
	}
	return r, nil
}

// Evidence decodes the member evidence. Every member that into does not know is an error.
func (r *Request) Evidence(into any) error {
	if err := strictjson.Decode(r.evidence, into); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	return nil
}

// Expect decodes the member expect, if there is one.
func (r *Request) Expect(into any) error {
	if !given(r.expect) {
		return nil
	}
	if listsNull(r.expect) { // it would read as a wish of its own, such as PCR 0
		return errors.New("expect: a list has a member that is null")
	}
	if err := strictjson.Decode(r.expect, into); err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	return nil
}

// listsNull tells whether null is a member of a list somewhere in v, which is JSON.
func listsNull(v jsontext.Value) bool {
	for d := jsontext.NewDecoder(bytes.NewReader(v)); ; {
		token, err := d.ReadToken()
		if err != nil { // the end
			return false
		}
		if around, _ := d.StackIndex(d.StackDepth()); token.Kind() == 'n' && around == '[' {
			return true
		}
	}
}

// Bytes reads base64url without padding, or standard base64 with padding.
func Bytes(text string) ([]byte, error) {
	if data, err := base64.RawURLEncoding.Strict().DecodeString(text); err == nil && !strings.ContainsAny(text, "\r\n") {
		return data, nil
	}
	if data, err := base64.StdEncoding.Strict().DecodeString(text); err == nil && !strings.ContainsAny(text, "\r\n") {
		return data, nil
	}
	return nil, errors.New("is not base64url without padding nor base64 with padding")
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// block reads one PEM block of that type with nothing but white space around it.
func block(text, kind string) ([]byte, error) {
	text = strings.TrimSpace(text)
	b, rest := pem.Decode([]byte(text))
	if b == nil || b.Type != kind || len(b.Headers) != 0 || len(rest) != 0 || strings.Count(text, "-----BEGIN ") != 1 {
		return nil, fmt.Errorf("is not one PEM block %s", kind)
	}
	return b.Bytes, nil
}
