package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// freeAddress is an address of this machine that nobody uses just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil { // Caddy ends the connections of its admin API when it reloads
		resp, err = http.Get(url)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// The whole of it in a running Caddy: start, reload, and a reload that fails.
func TestReloadsInARunningCaddy(t *testing.T) {
	data := privateData(t)
	admin, site := freeAddress(t), freeAddress(t)
	config := func(app json.RawMessage) []byte {
		return fmt.Appendf(nil, `{
			"admin": {"listen": %q, "config": {"persist": false}},
			"storage": {"module": "file_system", "root": %q},
			"apps": {
				"regrant": %s,
				"http": {"servers": {"site": {
					"listen": [%q],
					"automatic_https": {"disable": true},
					"routes": [{"handle": [{"handler": "regrant"}, {"handler": "static_response", "body": "passed"}]}]
				}}}
			}
		}`, admin, filepath.Join(data, "pki"), app, site)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	good, bad := config(goodJSON(t)), config(goodJSON(t, "RA-2026-014", ""))

	var keys string
	for _, step := range []string{"start", "reload", "reload again"} {
		if err := caddy.Load(good, true); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if status, body := fetch(t, "http://"+site+"/account"); status != http.StatusOK || body != "passed" {
			t.Errorf("%s: traffic: %d %s", step, status, body)
		}
		if status, body := fetch(t, "http://"+site+"/recovery/jwks.json"); status != http.StatusOK || (keys != "" && body != keys) {
			t.Errorf("%s: keys: %d %s", step, status, body)
		} else {
			keys = body
		}
	}
	if err := caddy.Load(bad, true); err == nil || !strings.Contains(err.Error(), "risk_analysis") {
		t.Errorf("the bad configuration: %v", err)
	}
	if status, body := fetch(t, "http://"+admin+"/regrant/broker"); status != http.StatusOK {
		t.Errorf("admin API after a failed reload: %d %s", status, body)
	}
	if status, body := fetch(t, "http://"+site+"/recovery/jwks.json"); status != http.StatusOK || body != keys {
		t.Errorf("keys after a failed reload: %d %s", status, body)
	}
	if n, _ := stores.References(filepath.Join(data, "caddy", "regrant", "id.example.com")); n != 1 {
		t.Errorf("%d references to the store", n)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if n, open := stores.References(filepath.Join(data, "caddy", "regrant", "id.example.com")); open {
		t.Errorf("%d references to the store after the end", n)
	}
}
