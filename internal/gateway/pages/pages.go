// Package pages holds what a person sees of the gateway: one template, one stylesheet, and the words.
//
// A [Page] is built by a function of words.go and its neighbours, which hold every sentence, and written by [Set.Write]. Pages work
// without scripts, at a width of 320 pixels, and with a keyboard; nothing that people typed is ever more than text.
package pages

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the template and the stylesheet
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"slices"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

// Page is the content of one page; its parts appear in this order, empty ones not at all.
type Page struct {
	Title string
	Error string // what was wrong with the form that is shown once more
	Text  []string
	Facts []Fact
	// Codes are secrets to keep on paper, in the order of their list.
	Codes []string
	// Notice is what has to be known before the form is sent.
	Notice   string
	Steps    []Step
	Items    []Item
	Sections []Section
	Form     *Form
	Way      *Link
	After    string
	// LeadsOn tells that the form's answer redirects to the identity provider and from there to an application, so
	// that no address can be named to which the form is limited.
	LeadsOn bool
}

// Fact is a name and its value; without a name it is one more value of the fact before.
type Fact struct{ Name, Value string }

// Step is one thing to do, with a command to copy, if any.
type Step struct{ Text, Command string }

// Item is one of several things of a kind, what is known of it, and where there is more.
type Item struct {
	Name  string
	Facts []Fact
	Way   *Link
}

// Form is a form with one button, sent by POST.
type Form struct {
	Action string
	Hidden []Fact
	Fields []Field
	Button string
	Quiet  bool // not the main thing to do here
	// Passkey is what the browser's authenticator is asked for before the form is sent, see passkey.js; nil: nothing.
	Passkey *Passkey
}

// Encoding is the media type of a form with a file in it; other forms have the usual one, and "" here.
func (f Form) Encoding() string {
	if slices.ContainsFunc(f.Fields, func(field Field) bool { return field.Type == "file" }) {
		return "multipart/form-data"
	}
	return ""
}

// Field is something to fill in.
type Field struct {
	Name, Label string
	Hint        string // below the label
	Type        string // of an input; "textarea" and "select" too, and "file", which is sent as it is. Default: text
	Choices     []Fact // of a select: what is shown, and what is sent
	Value       string
	Complete    string // autocomplete token (WCAG 2.2, 1.3.5)
	Optional    bool
}

// Passkey is a WebAuthn ceremony: "create" or "get", with its options as JSON. What comes of it is sent as the field credential.
type Passkey struct{ Ceremony, Options string }

// Section is a part of a page with a form of its own.
type Section struct {
	Title string
	Text  []string
	// Copy is text to be copied as it stands, such as what is to be signed.
	Copy    string
	Command string
	Steps   []Step
	Form    *Form
}

// Link is an entry of the navigation that every page ends with, or a way on.
type Link struct{ Text, URL string }

// Set writes the pages of one gateway.
type Set struct {
	template *template.Template
	nav      []Link
	address  string
	programs string // where the program is to be had; "": nowhere here
}

// New makes the Set of the gateway under path at origin.
func New(origin, path string) *Set {
	return &Set{template: template.Must(template.New("page").Parse(pageHTML)), nav: navigation(path), address: origin + path}
}

// Write answers with p. The headers that every answer of the gateway carries are the caller's.
func (s *Set) Write(w http.ResponseWriter, status int, p Page) error {
	var body bytes.Buffer
	err := s.template.Execute(&body, struct {
		Page
		Site     string
		Style    template.CSS
		NavLabel string
		Nav      []Link
		Script   string
		Program  string
	}{p, siteName, template.CSS(styleCSS), navLabel, s.nav, s.script(p), s.program(p)}) //nolint:gosec // our own stylesheet, not input
	if err != nil {
		return fmt.Errorf("rendering a page: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy(p, s.script(p)))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), "+p.credentials())
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that left is nobody's error
	return nil
}

// styleHash allows the one stylesheet by its content, so that no other style runs.
var styleHash = func() string {
	sum := sha256.Sum256([]byte(styleCSS))
	return base64.StdEncoding.EncodeToString(sum[:])
}()

// policy is the Content-Security-Policy: nothing but our stylesheet, in no frame, with forms to ourselves only.
//
// Browsers that follow Chromium apply form-action to every redirect that answers a form, up to the last. The form that
// ends a recovery is answered by a redirect to the identity provider, which redirects to the application: its address is known
// to the identity provider alone, and may be of any origin or of an app's own scheme, which no source expression
// matches. Those pages therefore carry no form-action. The injected form that it would stop is stopped there by the
// rest of the policy and by the template's escaping: such a page shows no markup that is not ours.
func policy(p Page, script string) string {
	text := "default-src 'none'; style-src 'sha256-" + styleHash + "'; base-uri 'none'; frame-ancestors 'none'"
	if script != "" {
		text += "; script-src " + script
	}
	if !p.LeadsOn {
		text += "; form-action 'self'"
	}
	return text
}
