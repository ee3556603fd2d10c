package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/verbatim"
)

// accept is what scripts and programs want of Kratos.
var accept = [2]string{"Accept", "application/json"}

// inJSON is a program's request that is the same each time.
func inJSON(method, target, body string, header ...[2]string) func(*testing.T) verbatim.Request {
	return func(*testing.T) verbatim.Request {
		return verbatim.Request{Method: method, Target: target, Body: body, Header: append([][2]string{accept, {"Content-Type", "application/json"}}, header...)}
	}
}

// withoutGateway adds a site to Caddy that is the environment's but for the gateway.
func withoutGateway(t *testing.T, e *env.Env) verbatim.Server {
	t.Helper()
	port, err := keycloak.FreePort()
	fatal(t, err)
	addr := fmt.Sprintf("localhost:%d", port)
	fatal(t, e.Configure(t.Context(), func(text string) string {
		_, directives, _ := strings.Cut(text, "\n"+e.Origin+" {\n")
		return text + "\nhttps://" + addr + " {\n" + strings.Replace(directives, "\tregrant\n", "", 1)
	}))
	return site(e, addr)
}

// begin begins a recovery at Kratos itself, as a program does.
func (k *kratosSite) begin(t *testing.T) (f kratos.Flow) {
	t.Helper()
	_, err := k.public.Call(t.Context(), http.MethodGet, "/self-service/recovery/api", nil, nil, &f)
	fatal(t, err)
	return f
}

// mailsBy makes Kratos mail recoveries as codes or links from now on.
func (k *kratosSite) mailsBy(t *testing.T, use string) (flow kratos.Flow) {
	t.Helper()
	config := filepath.Join(k.e.Dir, "kratos", "kratos.yml")
	fatal(t, os.WriteFile(config+".new", []byte(everythingOn(use)), 0o600))
	fatal(t, os.Rename(config+".new", config)) // at once: Kratos reads it when it changes
	until(t, 30*time.Second, "Kratos mails each "+use, func() bool {
		flow = k.begin(t)
		return flow.Value("method") == use
	})
	return flow
}

// mailed has Kratos mail alice a code or a link, and returns the flow and the text.
func (k *kratosSite) mailed(t *testing.T, use string) (flow, text string) {
	t.Helper()
	f := k.mailsBy(t, use)
	n := k.messages(t) + 1
	_, err := k.public.Call(t.Context(), http.MethodPost, "/self-service/recovery?flow="+f.ID, nil, map[string]any{"method": use, "email": k.e.User("alice")}, nil)
	fatal(t, err)
	until(t, time.Minute, "the mail is there", func() bool { return len(k.box.Texts()) == n })
	return f.ID, k.box.Texts()[n-1]
}

// mailedLink is the target of a link.
func (k *kratosSite) mailedLink(t *testing.T) string {
	t.Helper()
	_, text := k.mailed(t, "link")
	link, err := url.Parse(linkIn(text))
	fatal(t, err)
	if link.Query().Get("token") == "" {
		t.Fatalf("no link in %q", text)
	}
	return link.RequestURI()
}

var mailedDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// mailedCode sends a code.
func (k *kratosSite) mailedCode(t *testing.T) func(*testing.T) verbatim.Request {
	t.Helper()
	flow, text := k.mailed(t, "code")
	code := mailedDigits.FindString(text)
	if code == "" {
		t.Fatalf("no code in %q", text)
	}
	return inJSON("POST", "/self-service/recovery?flow="+flow, `{"method":"code","code":"`+code+`"}`)
}

// browserForm sends alice's address as the form of the login app does.
func (k *kratosSite) browserForm(t *testing.T) func(*testing.T) verbatim.Request {
	t.Helper()
	var f kratos.Flow
	header, err := k.public.Call(t.Context(), http.MethodGet, "/self-service/recovery/browser", nil, nil, &f)
	fatal(t, err)
	var sent []string
	for _, c := range (&http.Response{Header: header}).Cookies() {
		sent = append(sent, c.Name+"="+c.Value)
	}
	fields := url.Values{"method": {"code"}, "email": {k.e.User("alice")}, "csrf_token": {f.Value("csrf_token")}}
	return posted("/self-service/recovery?flow="+f.ID, fields.Encode(), [2]string{"Cookie", strings.Join(sent, "; ")})
}
