package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// MinWebhookSecret is the shortest webhook secret in bytes, as Standard Webhooks demands.
const MinWebhookSecret = 24

const (
	webhookTimeout  = 10 * time.Second
	webhookResponse = 64 << 10 // read to keep the connection, and thrown away
)

// WebhookConfig describes one receiver of webhooks.
type WebhookConfig struct {
	URL    string           // https; http only to the machine itself
	Secret []byte           // shared with the receiver, at least [MinWebhookSecret] bytes
	Client *http.Client     // its transport is used; default: that of [http.DefaultTransport]
	Clock  func() time.Time // default time.Now
}

// Webhook is a [Sender] to one URL by Standard Webhooks 1.0.0, signature scheme v1.
type Webhook struct {
	url    string
	name   string
	secret []byte
	client *http.Client
	clock  func() time.Time
}

var _ Sender = (*Webhook)(nil)

// NewWebhook checks c. It calls nobody.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("webhook: not a URL") // which may hold a secret
	}
	switch {
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("webhook: want an absolute URL without user and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, fmt.Errorf("webhook to %s: want https; http is only for this machine itself", u.Host)
	case len(c.Secret) < MinWebhookSecret:
		return nil, fmt.Errorf("webhook to %s: the secret has %d bytes, at least %d are needed",
			u.Host, len(c.Secret), MinWebhookSecret)
	}
	w := &Webhook{
		url: c.URL, name: webhookName(u), secret: bytes.Clone(c.Secret), client: webhookClient(c.Client), clock: c.Clock,
	}
	if w.clock == nil {
		w.clock = time.Now
	}
	return w, nil
}

func webhookClient(base *http.Client) *http.Client {
	client := &http.Client{
		Timeout: webhookTimeout,
		// A redirect would take the message to where nobody configured it to go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if base != nil {
		client.Transport = base.Transport
	}
	return client
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// webhookName tells receivers apart without their paths, which often hold a secret.
func webhookName(u *url.URL) string {
	sum := sha256.Sum256([]byte(u.String()))
	return "webhook " + u.Host + " " + hex.EncodeToString(sum[:4])
}

// Name is the receiver's host and a short hash of its URL.
func (w *Webhook) Name() string { return w.name }

// Send posts m. Every answer other than 2xx is an error.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(webhookBody{Type: m.Type, Timestamp: m.At, Data: m})
	if err != nil {
		return fmt.Errorf("encoding a webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("making a webhook request failed")
	}
	stamp := strconv.FormatInt(w.clock().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", m.ID)
	req.Header.Set("webhook-timestamp", stamp)
	req.Header.Set("webhook-signature", "v1,"+w.sign(m.ID, stamp, body))
	resp, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("sending a webhook: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, webhookResponse) // ignored; read so that the connection can be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("sending a webhook: answered with status %d", resp.StatusCode)
	}
	return nil
}

// webhookBody is the form that Standard Webhooks recommends.
type webhookBody struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Message   `json:"data"`
}

// sign is base64 of HMAC-SHA-256 over id.timestamp.body.
func (w *Webhook) sign(id, stamp string, body []byte) string {
	h := hmac.New(sha256.New, w.secret)
	fmt.Fprintf(h, "%s.%s.", id, stamp)
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// withoutURL takes the URL out of what the client says: its path may be a secret.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return err
}
