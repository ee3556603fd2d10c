package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/regrant/regrant/attest/attesttest/canary"
)

// canaries collects every value that travels through it and that nobody may find in a log, and looks whether an answer that is a refusal
// repeats what was asked.
type canaries struct {
	inner   http.RoundTripper
	mu      sync.Mutex
	seen    map[string]string // value → where it was first seen
	refused int               // answers of refusal
	repeats []string          // those that repeat a secret
}

func (c *canaries) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := sentWith(r)
	if err != nil {
		return nil, err
	}
	c.join(sent)
	resp, err := c.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, set := range resp.Header.Values("Set-Cookie") {
		c.words("Set-Cookie", set)
	}
	if to, err := url.Parse(resp.Header.Get("Location")); err == nil {
		c.values("Location", to.Query())
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	if resp.StatusCode >= http.StatusBadRequest {
		c.refusal(r.Method+" "+r.URL.Path, sent, text)
	} else {
		c.body("answered by "+r.URL.Path, resp.Header, bytes.NewReader(text))
	}
	return resp, err
}

// sentWith is what a request carries.
func sentWith(r *http.Request) (*canaries, error) {
	sent := &canaries{seen: map[string]string{}}
	for _, name := range []string{"Authorization", "Dpop", "Cookie"} {
		sent.words("header "+name, r.Header.Get(name))
	}
	sent.values("query", r.URL.Query())
	if r.Body != nil && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		sent.body("sent to "+r.URL.Path, r.Header, body)
	}
	return sent, nil
}

// join takes what another has.
func (c *canaries) join(other *canaries) {
	for value, where := range other.seen {
		c.keep(where, value)
	}
}

// refusal looks in an answer for the secrets of its request.
func (c *canaries) refusal(what string, sent *canaries, text []byte) {
	found := sent.secrets().Found(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused++
	for _, name := range found {
		c.repeats = append(c.repeats, what+" repeats "+name)
	}
}

// secret are the names under which secrets travel.
var secret = regexp.MustCompile(`(?:Cookie|Authorization|Dpop| (?:recovery_id|recovery_token|access_token|id_token|token|assertion|client_assertion|client_secret|code|activation_code|replacement_codes|code_verifier|csrf|passphrase|again|password\S*|state|proof|signature))$`)

// secrets are what was seen and nobody but its owner may have, by where that was.
func (c *canaries) secrets() canary.Secrets {
	found := canary.Secrets{}
	for value, where := range c.seen {
		name := where + " " + value[:4] + "…"
		switch {
		case isRecoveryCode.MatchString(value):
			found.Code(name, value)
		case isActivationCode.MatchString(value):
			found[name], found[name+" in one word"] = []byte(value), []byte(strings.ReplaceAll(value, "-", ""))
		case secret.MatchString(where):
			found[name] = []byte(value)
		}
	}
	return found
}

var (
	isRecoveryCode   = regexp.MustCompile(`^(?:[0-9A-Z]{6}-){6}[0-9A-Z]{6}$`)
	isActivationCode = regexp.MustCompile(`^(?:[0-9A-Z]{4}-){7}[0-9A-Z]{4}$`)
)

// shown is a secret on a page: in a form, or a code for a person to read.
var shown = regexp.MustCompile(`name="(?:code|csrf|recovery_id)" value="([^"]+)"|\b((?:[0-9A-Z]{6}-){6}[0-9A-Z]{6}|(?:[0-9A-Z]{4}-){7}[0-9A-Z]{4})\b`)

// public are long words that are the same for everybody, by whole value.
var public = regexp.MustCompile(`^(https?://|urn:|[a-z_:-]+$|application/|device-certificate|-----BEGIN CERT)|^(Max-Age|Path|SameSite|HttpOnly|Secure)`)

// keep notes a value that is long enough to be found by itself.
func (c *canaries) keep(where, value string) {
	if len(value) < 12 || public.MatchString(value) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.seen[value]; !known {
		c.seen[value] = where
	}
}

// words keeps what stands between the signs of a header.
func (c *canaries) words(where, text string) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ;=,", r) }) {
		c.keep(where, word)
	}
}

func (c *canaries) values(where string, values url.Values) {
	for name, list := range values {
		for _, v := range list {
			if name != "redirect_uri" && name != "client_id" {
				c.keep(where+" "+name, v)
			}
		}
	}
}

func (c *canaries) body(where string, header http.Header, body io.Reader) {
	text, err := io.ReadAll(body)
	if err != nil {
		return
	}
	switch kind := header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		values, _ := url.ParseQuery(string(text))
		c.values(where, values)
	case strings.HasPrefix(kind, "application/json") && !strings.Contains(where, ".well-known"):
		var members any
		if json.Unmarshal(text, &members) == nil {
			c.members(where, members)
		}
	case strings.HasPrefix(kind, "text/html"):
		for _, m := range shown.FindAllStringSubmatch(string(text), -1) {
			c.keep(where+" code", m[1]+m[2])
		}
	}
}

func (c *canaries) members(where string, v any) {
	switch v := v.(type) {
	case string:
		c.keep(where, v)
		for line := range strings.Lines(v) { // a statement says everything in lines
			if _, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				c.keep(where, value)
			}
		}
	case []any:
		for _, one := range v {
			c.members(where, one)
		}
	case map[string]any:
		for name, one := range v {
			if name != "expires_at" && name != "issuer" && name != "issued_at" {
				c.members(where+" "+name, one)
			}
		}
	}
}
