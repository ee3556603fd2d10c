package mistakes

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func form(change func(url.Values)) func(*Attempt) { return func(a *Attempt) { a.form = change } }

func parameter(name string, values ...string) func(*Attempt) {
	return form(func(f url.Values) { f[name] = values })
}

// twice repeats a parameter as it is.
func twice(name string) func(*Attempt) {
	return form(func(f url.Values) { f[name] = []string{f.Get(name), f.Get(name)} })
}

// parameters are mistakes in what is sent beside the assertion.
func parameters() []Mistake {
	return []Mistake{
		{Name: "no `grant_type`", change: parameter("grant_type")},
		{Name: "`grant_type` empty", change: parameter("grant_type", "")},
		{Name: "`grant_type` of another grant", Why: noSuchGrant, change: parameter("grant_type", "password")},
		{Name: "`grant_type` that nobody knows", Why: noSuchGrant, change: parameter("grant_type", "urn:example:grant")},
		{Name: "`grant_type` in upper case", Why: noSuchGrant, change: parameter("grant_type", strings.ToUpper(GrantType))},
		{Name: "`grant_type` twice", Why: onceOnly, change: twice("grant_type")},
		{Name: "`grant_type` twice, differently", Why: onceOnly, change: parameter("grant_type", GrantType, "client_credentials")},
		{Name: "two grant types in one", Why: noSuchGrant, change: parameter("grant_type", GrantType+" client_credentials")},
		{Name: "no `assertion`", change: parameter("assertion")},
		{Name: "`assertion` empty", change: parameter("assertion", "")},
		{Name: "`assertion` twice", Why: onceOnly, change: twice("assertion")},
		{Name: "`assertion` and then another", Why: onceOnly, change: form(func(f url.Values) { f.Add("assertion", "other") })},
		{Name: "`scope` too wide", change: parameter("scope", "admin")},
		{Name: "`scope` with one too many", change: form(func(f url.Values) { f.Set("scope", f.Get("scope")+" admin") })},
		{Name: "`scope` twice", Why: onceOnly, change: twice("scope")},
	}
}

// bodies are mistakes in how the parameters are sent.
func bodies() []Mistake {
	return []Mistake{
		{Name: "GET", Why: wrongMethod, change: inQuery(http.MethodGet)},
		{Name: "PUT", Why: wrongMethod, change: func(a *Attempt) { a.request = func(r *http.Request) { r.Method = http.MethodPut } }},
		{Name: "the parameters in the URL", change: inQuery(http.MethodPost)},
		{Name: "the assertion in the URL", change: func(a *Attempt) {
			var assertion string
			a.form = func(f url.Values) {
				assertion = f.Get("assertion")
				f.Del("assertion")
			}
			a.request = func(r *http.Request) { r.URL.RawQuery = url.Values{"assertion": {assertion}}.Encode() }
		}},
		{Name: "a multipart body", Why: formOnly, change: func(a *Attempt) { a.body = multiple }},
		{Name: "a JSON body", Why: formOnly, change: func(a *Attempt) { a.body = object }},
		{Name: "no `Content-Type`", Why: formOnly, change: func(a *Attempt) { a.request = func(r *http.Request) { r.Header.Del("Content-Type") } }},
		{Name: "a `Content-Type` of plain text", Why: formOnly, change: func(a *Attempt) {
			a.body = func(f url.Values) (string, string) { return "text/plain", f.Encode() }
		}},
		{Name: "a body that is no form", Why: unread, change: func(a *Attempt) {
			a.body = func(f url.Values) (string, string) { return formType, f.Encode() + "&x=%zz" }
		}},
		{Name: "an empty body", change: func(a *Attempt) { a.body = func(url.Values) (string, string) { return formType, "" } }},
	}
}

// inQuery sends the parameters in the URL, and nothing in the body.
func inQuery(method string) func(*Attempt) {
	return func(a *Attempt) {
		var query string
		a.body = func(f url.Values) (string, string) {
			query = f.Encode()
			return formType, ""
		}
		a.request = func(r *http.Request) { r.Method, r.URL.RawQuery = method, query }
	}
}

func multiple(f url.Values) (contentType, body string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for name := range f {
		must(0, w.WriteField(name, f.Get(name)))
	}
	must(0, w.Close())
	return w.FormDataContentType(), out.String()
}

func object(f url.Values) (contentType, body string) {
	members := map[string]string{}
	for name := range f {
		members[name] = f.Get(name)
	}
	return "application/json", string(must(json.Marshal(members)))
}

// as makes the request as another client, which proves itself.
func as(which func(*Server) Client) func(*Attempt) {
	return func(a *Attempt) { a.client = which(a.server) }
}

func authorization(change func(a *Attempt, r *http.Request)) func(*Attempt) {
	return func(a *Attempt) { a.request = func(r *http.Request) { change(a, r) } }
}

// clients are mistakes in how the client proves itself.
func clients() []Mistake {
	return []Mistake{
		{Name: "no client", change: as(func(*Server) Client { return Client{} })},
		{Name: "the client's name alone", change: as(func(s *Server) Client { return Client{ID: s.Client.ID} })},
		{Name: "a wrong secret", change: as(func(s *Server) Client { return Client{s.Client.ID, "wrong"} })},
		{Name: "no secret in the header", change: authorization(func(a *Attempt, r *http.Request) { r.SetBasicAuth(a.client.ID, "") })},
		{Name: "another client's secret", change: as(func(s *Server) Client { return Client{s.Client.ID, s.Other.Secret} })},
		{Name: "another client, which proves itself", Why: bound, change: as(func(s *Server) Client { return s.Other })},
		{Name: "another client's `client_id` beside", Why: twoNames, change: func(a *Attempt) {
			a.form = func(f url.Values) { f.Set("client_id", a.server.Other.ID) }
		}},
		{Name: "a client that nobody knows", change: as(func(*Server) Client { return Client{"nobody", "secret"} })},
		{Name: "a client without this grant", change: as(func(s *Server) Client { return s.Barred })},
		{Name: "the secret in the body", change: func(a *Attempt) {
			id, secret := a.client.ID, a.client.Secret
			a.client = Client{}
			a.form = func(f url.Values) { f.Set("client_id", id); f.Set("client_secret", secret) }
		}},
		{Name: "the secret in header and body", change: func(a *Attempt) {
			a.form = func(f url.Values) { f.Set("client_id", a.client.ID); f.Set("client_secret", a.client.Secret) }
		}},
		{Name: "a client assertion beside the secret", Why: oneMethod, change: form(func(f url.Values) {
			f.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			f.Set("client_assertion", f.Get("assertion"))
		})},
		{Name: "two `Authorization` headers", Why: oneHeader, change: authorization(func(_ *Attempt, r *http.Request) {
			r.Header.Add("Authorization", "Basic "+strings.Repeat("A", 8))
		})},
		{Name: "`Authorization: Bearer`", Why: challenged, change: authorization(func(_ *Attempt, r *http.Request) { r.Header.Set("Authorization", "Bearer x") })},
		{Name: "`Authorization: Basic` that is no base64", Why: challenged, change: authorization(func(_ *Attempt, r *http.Request) { r.Header.Set("Authorization", "Basic %%%") })},
	}
}

// replays come after the good request.
func replays() []Mistake {
	return []Mistake{
		{Name: "the same assertion again", Why: noSuchCode, Again: true, change: func(*Attempt) {}},
		{Name: "the same `jti` in a newer assertion", Why: noSuchCode, Again: true, change: func(a *Attempt) {
			now := time.Now()
			a.claims["iat"], a.claims["nbf"], a.claims["exp"] = now.Unix(), now.Unix(), now.Add(time.Minute).Unix()
		}},
		{Name: "the same `jti` for another `sub`", Why: noSuchCode, Again: true, change: edit("sub", func(s *Server) any { return s.OtherSubject })},
		{Name: "another `jti` for the same recovery", Why: oneRecovery, Again: true, change: edit("jti", func(*Server) any { return rand.Text() })},
	}
}
