package gateway

import (
	"bytes"
	"crypto/ed25519"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
	"github.com/regrant/regrant/integration/sshkeygen"
	"github.com/regrant/regrant/internal/enrolment"
)

func TestTheListOffersWhatCanBeAdded(t *testing.T) {
	h := open(t)
	b := h.browser()
	page := b.signIn()
	wantPage(t, page, http.StatusOK, "Nothing can recover your account yet")
	found := forms(t, page)
	for _, m := range []string{"passkey", "ssh-key", "recovery-key", "recovery-code", "passphrase", "device-certificate"} {
		if found[beginOf(m)] == nil {
			t.Errorf("%s is not offered", m)
		}
	}
	if len(found) != 7 { // and signing out
		t.Errorf("forms: %v", found)
	}
	if !strings.Contains(page.Header().Get("Content-Security-Policy"), "form-action 'self'") || strings.Contains(page.Body.String(), "<script") {
		t.Error("the list needs more than forms of its own")
	}
}

func TestRecoveryCodesAreShownOnceOnASheet(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	page := b.begun("recovery-code")
	w := b.fill(page, finishOf("recovery-code"), nil)
	wantPage(t, w, http.StatusOK, "<h1>Your recovery codes</h1>")
	codes := regexp.MustCompile(`<li><code>([0-9A-Z-]{48})</code>`).FindAllStringSubmatch(w.Body.String(), -1)
	if len(codes) != 10 || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d codes, %v", len(codes), w.Header())
	}
	for _, said := range []string{"Rehearse it", "It is not enough yet to recover your account", "Can be used from", alice, issuer} {
		wantPage(t, w, http.StatusOK, said)
	}
	if i := h.only(); i.Method != attest.MethodRecoveryCode || i.CodesLeft != 10 || i.Standing != enrolment.StandingProbation {
		t.Errorf("%+v", i)
	}
	wantPage(t, b.fill(page, finishOf("recovery-code"), nil), http.StatusBadRequest, "served its time") // a reload makes no second set
	for _, where := range []string{b.get(list, "same-origin").Body.String(), h.log.String()} {
		if strings.Contains(where, codes[0][1]) {
			t.Error("a code is seen again")
		}
	}
}

func TestNewCodesEndTheOldOnesAndTheSession(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	b.fill(b.begun("recovery-code"), finishOf("recovery-code"), nil)
	old := h.only().ID
	wantPage(t, b.get(list, "same-origin"), http.StatusOK, "Replace: Recovery codes")
	w := b.fill(b.begun("recovery-code"), finishOf("recovery-code"), nil)
	wantPage(t, w, http.StatusOK, "You are signed out here")
	if h.only().ID == old || b.cookies[selfCookie] != "" {
		t.Errorf("still %s, cookies %v", old, b.cookies)
	}
}

func TestAPassphraseIsSetByAForm(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	page := b.begun("passphrase")
	for _, said := range []string{"15 to 128 characters", `type="password"`, `autocomplete="new-password"`} {
		wantPage(t, page, http.StatusOK, said)
	}
	for wrong, c := range map[string]struct {
		values map[string]string
		status int
	}{
		"not the same":  {map[string]string{"passphrase": words, "again": words + "x"}, http.StatusBadRequest},
		"easy to guess": {map[string]string{"passphrase": "passwordpassword", "again": "passwordpassword"}, http.StatusForbidden},
		"too short":     {map[string]string{"passphrase": "umbrella", "again": "umbrella"}, http.StatusForbidden},
	} {
		page = b.fill(page, finishOf("passphrase"), c.values)
		wantPage(t, page, c.status, wrong)
		wantPage(t, page, c.status, `<p class="error" role="alert">Nothing was added.`)
		if strings.Contains(page.Body.String(), c.values["passphrase"]) || len(h.bound()) > 0 {
			t.Errorf("%s: repeated, or bound", wrong)
		}
	}
	wantPage(t, b.fill(page, finishOf("passphrase"), good), http.StatusOK, "It was added: Recovery passphrase") // on the page that says what was wrong
	if h.only().Method != attest.MethodPassphrase {
		t.Errorf("%+v", h.only())
	}
}

// commandOf is the command with that beginning which the page tells to run.
func commandOf(t *testing.T, w *httptest.ResponseRecorder, beginning string) string {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?s)<pre><code>(.*?)</code>`).FindAllStringSubmatch(w.Body.String(), -1) {
		if command := html.UnescapeString(m[1]); strings.HasPrefix(command, beginning) {
			return command
		}
	}
	t.Fatalf("no command %q…\n%s", beginning, w.Body)
	return ""
}

func TestAnSSHKeyIsAddedWithTheVeryCommandOfThePage(t *testing.T) {
	key := sshkeygen.New(t).Key("-t", "ed25519")
	public, err := os.ReadFile(key + ".pub")
	must(t, err)
	for name, identifier := range map[string]string{"an account": alice, "an account that a shell would misread": `o'hara$(id)@example.com`} {
		h := open(t)
		h.idp.who.Identifiers = []string{identifier}
		b := h.browser()
		b.signIn()
		page := b.begun("ssh-key")
		command := strings.Replace(commandOf(t, page, "printf"), "~/.ssh/id_ed25519", key, 1)
		signature, err := exec.CommandContext(t.Context(), "sh", "-c", command).Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, command)
		}
		w := b.fill(page, finishOf("ssh-key"), map[string]string{
			"label": "the blue one", "public_key": "\r\n" + string(public) + " ", "signature": " \r\n" + strings.ReplaceAll(string(signature), "\n", "\r\n") + "\r\n",
		})
		wantPage(t, w, http.StatusOK, "the blue one")
		wantPage(t, w, http.StatusOK, "SHA256:")
		if i := h.only(); i.Method != attest.MethodSSHKey || i.Name != "the blue one" {
			t.Errorf("%+v", i)
		}
		again := b.fill(b.begun("ssh-key"), finishOf("ssh-key"), map[string]string{"public_key": string(public), "signature": string(signature)})
		wantPage(t, again, http.StatusForbidden, "not over the text below, which is new")
	}
}

// recoveryKey is one that somebody keeps offline.
type recoveryKey struct{ ed25519.PrivateKey }

func newRecoveryKey(t *testing.T) recoveryKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	return recoveryKey{private}
}

// proof is what regrant proof sign prints for the text of a page.
func (k recoveryKey) proof(t *testing.T, page *httptest.ResponseRecorder) string {
	t.Helper()
	key, err := recoverykey.NewKey(k.Public())
	must(t, err)
	proof, err := key.Proof("Ed25519", ed25519.Sign(k.PrivateKey, []byte(commandOf(t, page, "regrant enrolment v1\n"))))
	must(t, err)
	return proof
}

func TestARecoveryKeyIsAddedByPasteOrFile(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	page := b.begun("recovery-key")
	wantPage(t, page, http.StatusOK, `enctype="multipart/form-data"`)
	commandOf(t, page, "regrant proof sign --key recovery-key.txt enrolment.txt")
	commandOf(t, page, "regrant proof new --issuer "+issuer)
	wantPage(t, b.fill(page, finishOf("recovery-key"), map[string]string{"proof": "\n " + newRecoveryKey(t).proof(t, page) + "\n"}), http.StatusOK, "Fingerprint")

	page = b.begun("recovery-key")
	wantPage(t, b.upload(page, finishOf("recovery-key"), "proof_file", newRecoveryKey(t).proof(t, page)), http.StatusOK, "It was added")
	if len(h.bound()) != 2 {
		t.Errorf("bound %+v", h.bound())
	}
	page = b.begun("recovery-key")
	wantPage(t, b.upload(page, finishOf("recovery-key"), "proof_file", strings.Repeat("a", maxUpload+1)), http.StatusRequestEntityTooLarge, "Too large")
	wantPage(t, b.fill(page, finishOf("recovery-key"), map[string]string{"proof": "nonsense"}), http.StatusBadRequest, "could not be read")
}

// upload sends the form of a page in parts, with content as the file of field.
func (b *browser) upload(page *httptest.ResponseRecorder, action, field, content string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for name, values := range forms(b.h.t, page)[action] {
		if name != field {
			must(b.h.t, parts.WriteField(name, values[0]))
		}
	}
	file, err := parts.CreateFormFile(field, "proof.txt")
	must(b.h.t, err)
	_, err = file.Write([]byte(content))
	must(b.h.t, err)
	must(b.h.t, parts.Close())
	return b.send(request(b.h.t, http.MethodPost, action, &body, "Content-Type", parts.FormDataContentType(), "Origin", "null"), "same-origin")
}

func TestAPasskeyIsMadeByTheOneScriptAndNothingElse(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	page := b.begun("passkey")
	for _, said := range []string{`data-passkey="create"`, `&#34;challenge&#34;`, "<noscript>", `<script src="` + issuer + `/passkey.js"`} {
		wantPage(t, page, http.StatusOK, said)
	}
	if policy := page.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "script-src "+issuer+"/passkey.js;") || !strings.Contains(policy, "form-action 'self'") {
		t.Errorf("policy is %q", policy)
	}
	if p := page.Header().Get("Permissions-Policy"); !strings.Contains(p, "publickey-credentials-create=(self)") {
		t.Errorf("permissions are %q", p)
	}
	wantPage(t, b.fill(page, finishOf("passkey"), nil), http.StatusBadRequest, "the browser sent no passkey")
	wantPage(t, b.fill(page, finishOf("passkey"), map[string]string{"credential": `{"id":"x"}`}), http.StatusForbidden, "Nothing was added.")
	if len(h.bound()) > 0 {
		t.Errorf("bound %+v", h.bound())
	}
}

func TestAddingTellsFromWhenItCounts(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	w := b.fill(b.begun("passphrase"), finishOf("passphrase"), good)
	from := h.only().EffectiveAt
	if d := time.Until(from); d < 71*time.Hour || d > 72*time.Hour {
		t.Errorf("from %s on", from)
	}
	for _, said := range []string{from.Format("2 January 2006, 15:04 UTC"), "on probation", "It is not enough yet to recover your account", "Rehearse it", "Add this now"} {
		wantPage(t, w, http.StatusOK, said)
	}
}
