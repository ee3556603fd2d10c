package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

var hookSecret = []byte("a secret of 24 bytes, ok")

func testWebhook(t testing.TB, url string) *Webhook {
	t.Helper()
	w, err := NewWebhook(WebhookConfig{URL: url, Secret: hookSecret, Clock: func() time.Time { return time.Unix(1_800_000_000, 5) }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func testMessage() Message {
	return Message{
		ID: "message-id", Type: "device-enrolled", At: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC), Upstream: "main", AccountID: "alice-id",
		Identifiers: []string{"alice"}, Text: "text",
	}
}

// receiver is a server that answers as handle says.
func receiver(t testing.TB, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL + "/path-secret"
}

func TestWebhookIsSignedAsStandardWebhooksSays(t *testing.T) {
	var header http.Header
	var body []byte
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		if r.Method != http.MethodPost {
			t.Errorf("method %s", r.Method)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	m := testMessage()
	if err := testWebhook(t, url).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if header.Get("webhook-id") != m.ID || header.Get("webhook-timestamp") != "1800000000" || header.Get("Content-Type") != "application/json" {
		t.Errorf("header %v", header)
	}
	h := hmac.New(sha256.New, hookSecret)
	h.Write([]byte("message-id.1800000000." + string(body)))
	if want := "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil)); header.Get("webhook-signature") != want {
		t.Errorf("signature %s, want %s", header.Get("webhook-signature"), want)
	}
	var got webhookBody
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != m.Type || !got.Timestamp.Equal(m.At) || !reflect.DeepEqual(got.Data, m) {
		t.Errorf("body %s", body)
	}
}

// The example that the libraries of Standard Webhooks test with.
func TestWebhookSignatureVector(t *testing.T) {
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	w := &Webhook{secret: secret}
	if got := w.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
}

func TestOnlyA2xxIsAnAnswer(t *testing.T) {
	for status, good := range map[int]bool{200: true, 202: true, 204: true, 299: true, 301: false, 400: false, 410: false, 500: false} {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if err := testWebhook(t, url).Send(t.Context(), testMessage()); (err == nil) != good {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	target := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("followed") })
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
	})
	if err := testWebhook(t, url).Send(t.Context(), testMessage()); err == nil {
		t.Error("taken for delivered")
	}
}

func TestErrorsSayNothingSecret(t *testing.T) {
	answering := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "said-by-the-receiver")
	})
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, url := range map[string]string{"answering": answering, "closed": closed.URL + "/path-secret"} {
		w := testWebhook(t, url)
		err := w.Send(t.Context(), testMessage())
		if err == nil {
			t.Fatalf("%s: delivered", name)
		}
		for _, secret := range []string{"path-secret", "said-by-the-receiver", string(hookSecret)} {
			if strings.Contains(err.Error()+w.Name(), secret) {
				t.Errorf("%s: %q or the name %q tells %q", name, err, w.Name(), secret)
			}
		}
	}
}

func TestEndlessAnswerIsCutOff(t *testing.T) {
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		for chunk := make([]byte, 32<<10); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if err := testWebhook(t, url).Send(t.Context(), testMessage()); err != nil {
		t.Error(err)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	url := receiver(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := testWebhook(t, url).Send(ctx, testMessage()); err == nil {
		t.Error("taken for delivered")
	}
}

func TestUnfitWebhookIsRefused(t *testing.T) {
	for name, c := range map[string]WebhookConfig{
		"http":                {URL: "http://hooks.example.com/x", Secret: hookSecret},
		"http to a network":   {URL: "http://10.0.0.1/x", Secret: hookSecret},
		"looks like loopback": {URL: "http://127.0.0.1.example.com/x", Secret: hookSecret},
		"another scheme":      {URL: "ftp://hooks.example.com/x", Secret: hookSecret},
		"no host":             {URL: "https:///x", Secret: hookSecret},
		"no URL":              {URL: "", Secret: hookSecret},
		"a user in it":        {URL: "https://user:secret@hooks.example.com/", Secret: hookSecret},
		"a fragment":          {URL: "https://hooks.example.com/#x", Secret: hookSecret},
		"control character":   {URL: "https://hooks.example.com/\x00", Secret: hookSecret},
		"short secret":        {URL: "https://hooks.example.com/", Secret: hookSecret[:MinWebhookSecret-1]},
	} {
		if _, err := NewWebhook(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestFitWebhookIsAccepted(t *testing.T) {
	for _, url := range []string{"https://hooks.example.com/x?y=z", "http://localhost:8080/", "http://127.0.0.1:1/", "http://[::1]:1/"} {
		if _, err := NewWebhook(WebhookConfig{URL: url, Secret: hookSecret}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestReceiversOnOneHostAreToldApart(t *testing.T) {
	a, b := testWebhook(t, "https://hooks.example.com/a"), testWebhook(t, "https://hooks.example.com/b")
	if a.Name() == b.Name() || a.Name() != testWebhook(t, "https://hooks.example.com/a").Name() {
		t.Errorf("names %q and %q", a.Name(), b.Name())
	}
}
