package pages

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// WCAG 2.2, 1.3.1 and 3.3.2: whatever is filled in stands in a label that says what it is.
func TestEveryFieldHasItsLabel(t *testing.T) {
	for name, p := range every() {
		doc, err := html.Parse(write(t, p).Body)
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			filled := n.Data == "textarea" || n.Data == "select" || n.Data == "input" && attribute(n, "type") != "hidden"
			if n.Type != html.ElementNode || !filled {
				continue
			}
			label := n.Parent
			if label.Data != "label" || label.FirstChild.Type != html.TextNode || strings.TrimSpace(label.FirstChild.Data) == "" {
				t.Errorf("%s: %s has no label", name, attribute(n, "name"))
			}
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// WCAG 2.2, 3.3.1 and 4.1.3: what was wrong is said first, and read out.
func TestWhatWasWrongIsSaidBeforeEverythingElse(t *testing.T) {
	b := Binding{Method: "passphrase", Until: time.Now(), Form: Form{Action: "/x"}}
	if strings.Contains(write(t, Bind(b)).Body.String(), "alert") {
		t.Error("something is wrong from the start")
	}
	b.Error = PassphrasesDiffer
	body := write(t, Bind(b)).Body.String()
	if said := strings.Index(body, `<p class="error" role="alert">`+PassphrasesDiffer); said < 0 || said > strings.Index(body, "<form") {
		t.Errorf("not said, or too late:\n%s", body)
	}
}

func TestAFormWithAFileIsSentInParts(t *testing.T) {
	for method, want := range map[string]bool{"ssh-key": true, "recovery-key": true, "passphrase": false, "recovery-code": false} {
		body := write(t, Bind(Binding{Method: method, Form: Form{Action: "/x"}})).Body.String()
		if strings.Contains(body, `enctype="multipart/form-data"`) != want {
			t.Errorf("%s:\n%s", method, body)
		}
	}
}

func TestNothingInACommandMeansMoreThanItself(t *testing.T) {
	got := signCommand("account: o'hara$(id)`id`\\n\nmethod: ssh-key\n", "recovery@id.example.com")
	want := `printf '%s\n' 'account: o'\''hara$(id)` + "`id`" + `\n' 'method: ssh-key' | ssh-keygen -Y sign -n recovery@id.example.com -f ~/.ssh/id_ed25519`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestARefusalNeverStopsAtNo(t *testing.T) {
	reasons := []string{
		"malformed", "unsupported", "challenge", "signature", "untrusted", "expired", "revoked", "revocation-unknown", "key", "purpose", "identity", "presence", "counter",
		"integrity", "policy", "replay", "of tomorrow",
	}
	for _, method := range []string{"passkey", "ssh-key", "recovery-key", "recovery-code", "passphrase"} {
		for _, reason := range reasons {
			text := NotAccepted(method, reason)
			if !strings.HasPrefix(text, "Nothing was added. ") || strings.Count(text, ".") < 2 || strings.Contains(text, reason+")") {
				t.Errorf("%s, %s: %q", method, reason, text)
			}
		}
	}
}

func TestDetailsAreInWordsOrNotShown(t *testing.T) {
	got := Details("Model 1", map[string]string{"key_fingerprint": "SHA256:x", "attestation_format": "none", "algorithm": "ES256", "backup_eligible": "false"})
	if want := []Fact{{"Model", "Model 1"}, {"Algorithm", "ES256"}, {"Can be copied to other devices", "no"}, {"Fingerprint", "SHA256:x"}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
