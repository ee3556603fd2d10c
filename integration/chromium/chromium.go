// Package chromium is a person's browser in tests and demos: a real Chromium without a window, with a profile of its own
// and, where one is added, an authenticator in software.
package chromium

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/chromedp"
)

// patience is how long one verb may take.
const patience = 20 * time.Second

// names under which systems have the program.
var names = []string{"chromium", "chromium-browser", "google-chrome"}

// Missing tells what this machine lacks for a browser, or nil.
func Missing() error {
	_, err := program()
	return err
}

func program() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no browser is installed: none of %s is there", strings.Join(names, ", "))
}

// Options say what a browser believes besides what every browser does.
type Options struct {
	// Hosts are names, such as *.example.test, and the address that each leads to. Ports stay as they are.
	Hosts map[string]string
	// Accepted are certificates that are good enough whoever issued them, if a server sends them: its own or that of its
	// issuer. See [Chain].
	Accepted []*x509.Certificate
}

// Browser is a running browser with one tab. It is one person's: not safe for concurrent use.
type Browser struct {
	ctx   context.Context
	close func()
}

// Start starts a browser, which stays until [Browser.Close], or until this process ends.
func Start(ctx context.Context, o Options) (*Browser, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	flags := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.Flag("host-resolver-rules", o.rules()),
		chromedp.Flag("ignore-certificate-errors-spki-list", o.pins()),
	)
	// The end of ctx, which for a test comes before its cleanups, would kill the browser in the middle of something.
	life, kill := chromedp.NewContext(context.WithoutCancel(ctx), chromedp.WithAllocatorOptions(flags...))
	if err := chromedp.Do(life); err != nil {
		kill()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return &Browser{ctx: life, close: sync.OnceFunc(func() {
		defer kill()
		quit, cancel := context.WithTimeout(life, patience)
		defer cancel()
		_ = chromedp.Cancel(quit) // killed above if it did not end
	})}, nil
}

// Close has the browser end in good order, so that it tidies up, and waits until it is gone, with its profile.
func (b *Browser) Close() { b.close() }

// rules are Chromium's host resolver rules.
func (o Options) rules() string {
	var rules []string
	for _, host := range slices.Sorted(maps.Keys(o.Hosts)) {
		rules = append(rules, "MAP "+host+" "+o.Hosts[host])
	}
	return strings.Join(rules, ",")
}

// pins are the hashes of the accepted keys.
func (o Options) pins() string {
	var pins []string
	for _, c := range o.Accepted {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		pins = append(pins, base64.StdEncoding.EncodeToString(sum[:]))
	}
	return strings.Join(pins, ",")
}

// Open goes to an address, as typed by the person, and waits until the page has loaded.
func (b *Browser) Open(url string) error { return b.do("opening "+url, chromedp.Navigate(url)) }

// Fill types text into the first element that the CSS selector finds, in place of what is there.
func (b *Browser) Fill(selector, text string) error {
	return b.onPage("filling in "+selector, chromedp.Clear(selector), chromedp.SendKeys(selector, text))
}

// Click clicks on the first element that the CSS selector finds, once it can be seen and is not disabled: a page's script may
// have to run first.
func (b *Browser) Click(selector string) error {
	return b.onPage("clicking on "+selector, chromedp.WaitEnabled(selector), chromedp.Click(selector))
}

// onPage is do for what is on a page. It is done again where that was on the page before, or the page was still being built.
func (b *Browser) onPage(doing string, steps ...chromedp.Action[chromedp.Void]) error {
	for deadline := time.Now().Add(patience); ; {
		err := b.do(doing, steps...)
		if _, gone := errors.AsType[*cdproto.Error](err); !gone || time.Now().After(deadline) {
			return err
		}
	}
}

// WaitFor waits until the page says text, on this page or one that follows.
func (b *Browser) WaitFor(text string) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	said := ""
	for {
		// Between two pages there is none to ask.
		if now, err := chromedp.Run(ctx, pageText); err == nil {
			said = now
		}
		if strings.Contains(said, text) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the page does not say %q; it says:\n%s", text, said)
		}
	}
}

var pageText = chromedp.Evaluate[string]("document.body?.innerText ?? ''")

// Text is what the page says.
func (b *Browser) Text() (string, error) { return run(b, "reading the page", pageText) }

// Location is the address of the page.
func (b *Browser) Location() (string, error) {
	return run(b, "reading the address", chromedp.Location())
}

// Eval runs a JavaScript expression in the page, waits if its value is a promise, and decodes the value. What the page
// throws is an [ScriptError].
func Eval[T any](b *Browser, expression string) (T, error) {
	v, err := run(b, "running a script", chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if thrown, ok := errors.AsType[*chromedp.ExceptionError](err); ok {
		return v, ScriptError(thrown.Error())
	}
	return v, err
}

// ScriptError is what a page has thrown, in the browser's words, which begin with the name of a DOMException.
type ScriptError string

func (e ScriptError) Error() string { return string(e) }

func (b *Browser) do(doing string, steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func run[T any](b *Browser, doing string, step chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, step)
	if err != nil {
		return v, fmt.Errorf("%s: %w", doing, err)
	}
	return v, nil
}
