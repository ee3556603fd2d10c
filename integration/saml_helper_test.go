package integration

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// samlApp is an application that signs people in by SAML 2.0 (Web Browser SSO Profile). It shows who came, and with what
// RelayState.
type samlApp struct {
	*httptest.Server
	t  *testing.T
	e  *env.Env
	id string // of the request that waits for its answer
}

// samlAnswer is what the application reads of a response.
type samlAnswer struct {
	InResponseTo string `xml:"InResponseTo,attr"`
	Destination  string `xml:"Destination,attr"`
	Issuer       string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
	Status       struct {
		Code struct {
			Value string `xml:"Value,attr"`
		} `xml:"StatusCode"`
	} `xml:"Status"`
	NameID   string `xml:"Assertion>Subject>NameID"`
	Audience string `xml:"Assertion>Conditions>AudienceRestriction>Audience"`
}

// newSAMLApp registers one at Keycloak.
func newSAMLApp(t *testing.T, e *env.Env) *samlApp {
	t.Helper()
	a := &samlApp{t: t, e: e}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /redirect", a.redirects)
	mux.HandleFunc("GET /post", a.posts)
	mux.HandleFunc("POST /acs", a.answered)
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	fatal(t, e.Provider.(env.KeycloakProvider).Server.Admin(t.Context(), "POST", "/clients", map[string]any{
		"clientId": a.URL, "protocol": "saml", "redirectUris": []string{a.URL + "/acs"},
		"attributes": map[string]string{
			"saml.client.signature": "false", "saml.server.signature": "true", "saml.assertion.signature": "false", "saml.signature.algorithm": "RSA_SHA256",
			"saml_name_id_format": "username", "saml_force_name_id_format": "true", "saml_assertion_consumer_url_post": a.URL + "/acs",
		},
	}, nil))
	return a
}

func (a *samlApp) endpoint() string {
	return a.e.Origin + "/realms/" + keycloak.Realm + "/protocol/saml"
}

// request is a new AuthnRequest (SAML Core section 3.4.1).
func (a *samlApp) request() string {
	a.id = fmt.Sprintf("_%d", time.Now().UnixNano())
	return fmt.Sprintf(`<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" `+
		`ID="%s" Version="2.0" IssueInstant="%s" Destination="%s" AssertionConsumerServiceURL="%s/acs" `+
		`ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"><saml:Issuer>%s</saml:Issuer></samlp:AuthnRequest>`,
		a.id, time.Now().UTC().Format("2006-01-02T15:04:05Z"), a.endpoint(), a.URL, a.URL)
}

// relayState has characters that do not survive carelessness.
const relayState = `/orders?id=7&x=a+b%20c "ü"`

// redirects begins with the HTTP Redirect binding (SAML Bindings section 3.4).
func (a *samlApp) redirects(w http.ResponseWriter, r *http.Request) {
	var deflated bytes.Buffer
	f, _ := flate.NewWriter(&deflated, flate.DefaultCompression) // a level that there is
	_, _ = io.WriteString(f, a.request())
	_ = f.Close()
	q := url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(deflated.Bytes())}, "RelayState": {relayState}}
	http.Redirect(w, r, a.endpoint()+"?"+q.Encode(), http.StatusSeeOther)
}

// posts begins with the HTTP POST binding (SAML Bindings section 3.5).
func (a *samlApp) posts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, `<!doctype html><title>SAML</title><form method="post" action="%s"><input type="hidden" name="SAMLRequest" value="%s"><input type="hidden" name="RelayState" value="%s"></form>`,
		a.endpoint(), base64.StdEncoding.EncodeToString([]byte(a.request())), strings.NewReplacer("&", "&amp;", `"`, "&quot;").Replace(relayState))
}

// answered judges the response and shows it.
func (a *samlApp) answered(w http.ResponseWriter, r *http.Request) {
	text, err := base64.StdEncoding.DecodeString(r.PostFormValue("SAMLResponse"))
	var answer samlAnswer
	if err == nil {
		err = xml.Unmarshal(text, &answer)
	}
	if err == nil {
		err = a.judge(text, answer)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	_, _ = fmt.Fprintf(w, "Signed in as %s, back at %s", answer.NameID, r.PostFormValue("RelayState"))
}

func (a *samlApp) judge(text []byte, answer samlAnswer) error {
	want := samlAnswer{InResponseTo: a.id, Destination: a.URL + "/acs", Issuer: a.e.Origin + "/realms/" + keycloak.Realm, NameID: answer.NameID, Audience: a.URL}
	if want.Status.Code.Value = "urn:oasis:names:tc:SAML:2.0:status:Success"; answer != want {
		return fmt.Errorf("the response is %+v, want %+v", answer, want)
	}
	if said := a.signed(text); said != "signed" {
		return fmt.Errorf("the response: %s", said)
	}
	// A verifier that takes everything would prove nothing.
	if said := a.signed(bytes.Replace(text, []byte(">"+answer.NameID+"<"), []byte(">mallory<"), 1)); said != "not signed" {
		return fmt.Errorf("the response with another name in it: %s", said)
	}
	return nil
}

// signed has the JDK, which Keycloak needs anyway, verify the signature with the certificate of the realm's metadata.
func (a *samlApp) signed(text []byte) string {
	resp, err := a.e.Client.Get(a.endpoint() + "/descriptor")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var metadata struct {
		Certificate string `xml:"IDPSSODescriptor>KeyDescriptor>KeyInfo>X509Data>X509Certificate"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&metadata); err != nil {
		return err.Error()
	}
	cmd := exec.CommandContext(a.t.Context(), "java", "testdata/VerifySAML.java", metadata.Certificate)
	cmd.Stdin = bytes.NewReader(text)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, said)
	}
	return string(said)
}
