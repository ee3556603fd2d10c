package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

// maxPageWait is how long the page waits for the browser; the code in it is good for no longer.
const maxPageWait = time.Minute

//go:embed handover.html
var pageText string

var pageTemplate = template.Must(template.New("").Parse(pageText))

type pageData struct {
	ContinueURI, Code, Issuer, Device string
	Account                           attest.Identifier
	Actions                           []attest.Action
}

// handOver gives the recovery to a browser on this machine: a page of our own, on the loopback address, carries a
// one-time code to the gateway in a form. No secret is ever in a URL.
func (c *recoverCommand) handOver(ctx context.Context, g *gateway, d *device, token string, want expected) error {
	var answer wire.HandoffResponse
	if err := g.post(ctx, "/handoff", d.holder(), wire.HandoffRequest{RecoveryToken: token}, &answer); err != nil {
		return err
	}
	if answer.ContinueURI != g.issuer+"/continue" {
		return mismatch("the gateway wants to go on at %s", printable(answer.ContinueURI))
	}
	var body bytes.Buffer
	err := pageTemplate.Execute(&body, pageData{answer.ContinueURI, answer.Code, g.issuer, d.Label, want.account, want.actions})
	if err != nil {
		return unusable("", "writing the page to go on with: %v", err)
	}
	wait := min(maxPageWait, time.Duration(answer.ExpiresIn)*time.Second)
	return c.servePage(ctx, newPage(body.Bytes(), answer.ContinueURI), wait)
}

// servePage shows p to one browser and ends when it was fetched.
func (c *recoverCommand) servePage(ctx context.Context, p *page, wait time.Duration) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return unusable("", "opening a port for the browser: %v", err)
	}
	p.host = listener.Addr().String()
	server := &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Shutdown
	c.open("http://" + p.host + p.path)

	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var result error
	select {
	case <-p.fetched:
		fmt.Fprintln(c.err, "Go on in the browser.")
	case <-ctx.Done():
		result = &failure{exitUnavailable, "no browser came for the page to go on with", "Start again, with --no-browser if none opens by itself."}
	}
	// An answer on its way gets to its end.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ending); err != nil && result == nil {
		result = &failure{exitUnavailable, fmt.Sprintf("showing the page to go on with: %v", err), "Start again."}
	}
	return result
}

func (c *recoverCommand) open(address string) {
	if !c.noBrowser {
		err := c.openBrowser(address)
		if err == nil {
			return
		}
		fmt.Fprintf(c.err, "No browser could be opened (%v). Open this address on this machine within a minute:\n", err)
	}
	fmt.Fprintln(c.out, address)
}

// openBrowser shows an address in the user's own browser, which outlives this program.
func openBrowser(address string) error {
	name, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	}
	cmd := exec.Command(name, args...) //nolint:gosec // the address is our own
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// page is one document, given out once, to whoever knows its path.
type page struct {
	host, path string // host is set before the first request
	policy     string
	body       []byte
	used       atomic.Bool
	fetched    chan struct{}
}

func newPage(body []byte, formAction string) *page {
	return &page{
		path:    "/" + rand.Text(),
		policy:  "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action " + formAction,
		body:    body,
		fetched: make(chan struct{}),
	}
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A foreign site that resolves to this address brings its own Host (DNS rebinding). A browser that only looks
	// ahead would use the page up before anybody sees it.
	if r.Method != http.MethodGet || r.Host != p.host || r.URL.Path != p.path || r.Header.Get("Sec-Purpose") != "" {
		http.NotFound(w, r)
		return
	}
	if p.used.Swap(true) {
		http.Error(w, "This page was shown already. Start again.", http.StatusGone)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(p.body) // whether it arrived nobody can tell; the person sees it or starts again
	close(p.fetched)
}
