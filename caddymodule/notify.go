package caddymodule

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/upstream"
)

func init() {
	caddy.RegisterModule(Webhook{})
}

// Webhook tells of recoveries by HTTP requests signed as Standard Webhooks. The
// receiver passes them on to the owner of the account.
type Webhook struct {
	// Where to send. HTTPS is demanded, except to this machine. Placeholders are
	// allowed. Required.
	URL string `json:"url,omitempty"`

	// The secret that signs, as Standard Webhooks writes it: the base64 of at least
	// 24 random bytes, with or without `whsec_` before it. Usually a placeholder,
	// such as `{env.REGRANT_HOOK_SECRET}`, which is read when the configuration
	// starts. Required.
	Secret string `json:"secret,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Webhook) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.notifiers.webhook",
		New: func() caddy.Module { return new(Webhook) },
	}
}

// Provision checks the values. It calls nobody.
func (w *Webhook) Provision(caddy.Context) error {
	if err := expand(&w.URL); err != nil {
		return err
	}
	return w.check()
}

// UnmarshalCaddyfile sets up the notifier. Syntax:
//
//	notify webhook <url> {
//		secret <secret>
//	}
func (w *Webhook) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume module name
	if err := readOnce(d, &w.URL); err != nil {
		return err
	}
	if err := w.checkValues(); err != nil {
		return d.WrapErr(err)
	}
	return readBlock(d, 0, w.unmarshalOption, w.checkValues, w.check)
}

func (w *Webhook) unmarshalOption(d *caddyfile.Dispenser) error {
	if d.Val() != "secret" {
		return unknown(d, "secret")
	}
	return readOnce(d, &w.Secret)
}

// checkValues checks the values that are given.
func (w *Webhook) checkValues() error {
	if w.URL != "" && !hasPlaceholder(w.URL) {
		u, err := url.Parse(w.URL)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || (u.Scheme != "https" && (u.Scheme != "http" || !upstream.Loopback(u.Hostname()))) {
			// The URL may hold a secret in its query, so it is not repeated.
			return errors.New("the URL of notify webhook is not usable: write one with https, or with http to this machine, such as https://hooks.example.com/recovery")
		}
	}
	if w.Secret == "" || hasPlaceholder(w.Secret) {
		return nil
	}
	_, err := decodeHookSecret(w.Secret)
	return err
}

// check checks the whole.
func (w *Webhook) check() error {
	switch {
	case w.URL == "":
		return errors.New("the URL of notify webhook is missing: write 'notify webhook https://hooks.example.com/recovery { secret SECRET }'")
	case w.Secret == "":
		return errors.New("the secret of notify webhook is missing: write 'secret {env.REGRANT_HOOK_SECRET}', because an unsigned message could be anybody's")
	}
	return w.checkValues()
}

// sender reads the secret and makes the sender.
func (w *Webhook) sender() (notify.Sender, error) {
	text, err := readSecret("the secret of notify webhook", w.Secret)
	if err != nil {
		return nil, err
	}
	secret, err := decodeHookSecret(text)
	if err != nil {
		return nil, err
	}
	return notify.NewWebhook(notify.WebhookConfig{
		URL:    w.URL,
		Secret: secret,
		Clock:  time.Now,
	})
}

// decodeHookSecret reads a secret as Standard Webhooks writes it.
func decodeHookSecret(text string) ([]byte, error) {
	secret, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(text, "whsec_"))
	if err != nil || len(secret) < notify.MinWebhookSecret {
		// The cause could quote the secret.
		return nil, fmt.Errorf("the secret of notify webhook is not the base64 of at least %d random bytes: make one with 'openssl rand -base64 32'",
			notify.MinWebhookSecret)
	}
	return secret, nil
}

var (
	_ caddy.Provisioner     = (*Webhook)(nil)
	_ caddyfile.Unmarshaler = (*Webhook)(nil)
)
