package grant

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestExchangeRedeemsRecoveryToken(t *testing.T) {
	f := newFixture(t)
	proof := held(proofKey)
	got, err := f.Exchange(t.Context(), post(tokenForm(f.mint(t, good)).Encode()), proof)
	if err != nil {
		t.Fatal(err)
	}
	if got.TokenType != "DPoP" || got.Scope != ScopeComplete || got.ExpiresIn != 300 {
		t.Errorf("got %+v", got)
	}
	r := f.recovery()
	want := AccessToken{
		Signature: strings.Split(got.AccessToken, ".")[1], Txn: r.Txn, ClientID: ClientDevice, Thumbprint: proofKey,
		Scope: ScopeComplete, Subject: r.Subject, IssuedAt: f.now, ExpiresAt: f.now.Add(300 * time.Second),
	}
	if stored := f.store.redeemed[r.Txn]; stored != (Redemption{r.Txn, r.JTI, ClientDevice, proofKey, proof.ID, nil, want}) {
		t.Errorf("stored %+v", stored)
	}
	authorized, err := f.Authorize(t.Context(), got.AccessToken, proofKey, "")
	if err != nil || authorized != want {
		t.Errorf("authorized %+v, %v; want %+v", authorized, err, want)
	}
}

func TestExchangeTakesItsOneScopeByName(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.mint(t, good))
	form.Set("scope", ScopeComplete)
	if _, err := f.Exchange(t.Context(), post(form.Encode()), held(proofKey)); err != nil {
		t.Error(err)
	}
}

func TestExchangeTakesFurtherPublicClient(t *testing.T) {
	f := newFixture(t)
	f.config.Clients = []Client{{ID: "kiosk", Public: true}}
	server, err := New(f.config)
	if err != nil {
		t.Fatal(err)
	}
	form := tokenForm(f.mint(t, func(r *Recovery) { r.ClientID = "kiosk" }))
	form.Set("client_id", "kiosk")
	if _, err := server.Exchange(t.Context(), post(form.Encode()), held(proofKey)); err != nil {
		t.Error(err)
	}
}

func TestExchangeRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(url.Values)
		status int
		code   string
	}{
		{"grant type missing", func(v url.Values) { v.Del("grant_type") }, 400, "invalid_request"},
		{"grant type empty", func(v url.Values) { v.Set("grant_type", "") }, 400, "invalid_request"},
		{"grant type unknown", func(v url.Values) { v.Set("grant_type", "password") }, 400, "unsupported_grant_type"},
		{"grant type and another", func(v url.Values) { v.Set("grant_type", GrantType+" password") }, 400, "unsupported_grant_type"},
		{"assertion missing", func(v url.Values) { v.Del("assertion") }, 400, "invalid_request"},
		{"assertion twice", func(v url.Values) { v.Add("assertion", v.Get("assertion")) }, 400, "invalid_request"},
		{"assertion of nonsense", func(v url.Values) { v.Set("assertion", "x") }, 400, "invalid_grant"},
		{"client missing", func(v url.Values) { v.Del("client_id") }, 400, "invalid_request"},
		{"client twice", func(v url.Values) { v.Add("client_id", "evil") }, 400, "invalid_request"},
		{"client unknown", func(v url.Values) { v.Set("client_id", "evil") }, 401, "invalid_client"},
		{"client is the browser's", func(v url.Values) { v.Set("client_id", ClientBrowser) }, 400, "unauthorized_client"},
		{"public client with a secret", func(v url.Values) { v.Set("client_secret", "s") }, 401, "invalid_client"},
		{"public client with an assertion", func(v url.Values) { v.Set("client_assertion", "a.b.c") }, 401, "invalid_client"},
		{"public client with an assertion type", func(v url.Values) { v.Set("client_assertion_type", "x") }, 401, "invalid_client"},
		{"another scope", func(v url.Values) { v.Set("scope", "openid") }, 400, "invalid_scope"},
		{"unrelated parameter twice", func(v url.Values) { v["x"] = []string{"1", "2"} }, 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			form := tokenForm(f.mint(t, good))
			c.change(form)
			got, err := f.Exchange(t.Context(), post(form.Encode()), held(proofKey))
			wantError(t, err, c.status, c.code)
			if got != (Response{}) || len(f.store.redeemed) != 0 {
				t.Errorf("a refusal answered %+v and stored %v", got, f.store.redeemed)
			}
		})
	}
}

func TestExchangeRefusesOtherRequests(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.mint(t, good)).Encode()
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
		code   string
	}{
		"GET":               {func(r *http.Request) { r.Method = http.MethodGet }, 405, "invalid_request"},
		"parameters in URL": {func(r *http.Request) { r.URL.RawQuery = form }, 400, "invalid_request"},
		"no content type":   {func(r *http.Request) { r.Header.Del("Content-Type") }, 400, "invalid_request"},
		"JSON":              {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400, "invalid_request"},
		"two content types": {func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }, 400, "invalid_request"},
		"bad escape":        {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("grant_type=%zz")) }, 400, "invalid_request"},
		"huge body": {func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(form + "&x=" + strings.Repeat("x", 1<<20)))
		}, 400, "invalid_request"},
		"body breaks off":    {func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(strings.NewReader(form), broken{})) }, 400, "invalid_request"},
		"empty body":         {func(r *http.Request) { r.Body = http.NoBody }, 400, "invalid_request"},
		"basic credentials":  {func(r *http.Request) { r.SetBasicAuth(ClientDevice, "") }, 401, "invalid_client"},
		"bearer credentials": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			r := post(form)
			c.change(r)
			_, err := f.Exchange(t.Context(), r, held(proofKey))
			wantError(t, err, c.status, c.code)
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestExchangeRefusesMultipart(t *testing.T) { // fosite would take it, with files
	f := newFixture(t)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range tokenForm(f.mint(t, good)) {
		if err := w.WriteField(name, values[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	_, err := f.Exchange(t.Context(), r, held(proofKey))
	wantError(t, err, 400, "invalid_request")
}

func TestExchangeDemandsTheHoldersKey(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.mint(t, good)).Encode()
	_, err := f.Exchange(t.Context(), post(form), Proof{})
	wantError(t, err, 400, "invalid_dpop_proof")
	_, err = f.Exchange(t.Context(), post(form), held(certificate))
	wantError(t, err, 400, "invalid_grant")

	unbound := tokenForm(f.mint(t, func(r *Recovery) { r.Thumbprint = "" })).Encode() // a browser's
	_, err = f.Exchange(t.Context(), post(unbound), held(proofKey))
	wantError(t, err, 400, "invalid_grant")
}

func TestExchangeBindsAssertionToClient(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.mint(t, func(r *Recovery) { r.ClientID = ClientBrowser }))
	_, err := f.Exchange(t.Context(), post(form.Encode()), held(proofKey))
	wantError(t, err, 400, "invalid_grant")
}

func TestExchangeRefusesReplay(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.mint(t, good)).Encode()
	if _, err := f.Exchange(t.Context(), post(form), held(proofKey)); err != nil {
		t.Fatal(err)
	}
	_, err := f.Exchange(t.Context(), post(form), held(proofKey))
	wantError(t, err, 400, "invalid_grant")
}

func TestExchangeRefusesSecondTokenOfOneRecovery(t *testing.T) { // the record is the recovery's, not the jti's
	f := newFixture(t)
	if _, err := f.Exchange(t.Context(), post(tokenForm(f.mint(t, good)).Encode()), held(proofKey)); err != nil {
		t.Fatal(err)
	}
	second := f.mint(t, func(r *Recovery) { r.JTI = "YW5vdGhlci0xMjgtYml0LWp0aQ" })
	_, err := f.Exchange(t.Context(), post(tokenForm(second).Encode()), held(proofKey))
	wantError(t, err, 400, "invalid_grant")
}

func TestExchangeOfOneJTIByTwoIssuersIsApart(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	for _, x := range []*fixture{f, other} {
		if _, err := x.Exchange(t.Context(), post(tokenForm(x.mint(t, good)).Encode()), held(proofKey)); err != nil {
			t.Error(err)
		}
	}
}

func TestExchangeBurnsNothingWhenStoreFails(t *testing.T) { // fosite alone marks the jti before it stores the token
	f := newFixture(t)
	form := tokenForm(f.mint(t, good)).Encode()
	f.store.failure = errors.New("disk gone")
	_, err := f.Exchange(t.Context(), post(form), held(proofKey))
	var refusal *Error
	if !errors.Is(err, ErrUnavailable) || errors.As(err, &refusal) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	f.store.failure = nil
	if _, err := f.Exchange(t.Context(), post(form), held(proofKey)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestExchangeDoesNotInheritTheAssertionsAudience(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.mint(t, good))
	form.Set("audience", "https://api.example.com")
	got, err := f.Exchange(t.Context(), post(form.Encode()), held(proofKey))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(f.store.tokens[strings.Split(got.AccessToken, ".")[1]])
	if err != nil || bytes.Contains(stored, []byte("https://")) {
		t.Errorf("stored %s, %v", stored, err)
	}
}

func TestExchangeTellsTheClientNothingOfTheReason(t *testing.T) {
	f := newFixture(t)
	elsewhere := *f
	elsewhere.config.Issuer = "https://evil.example" // with the same keys
	var err error
	if elsewhere.Server, err = New(elsewhere.config); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, token := range []string{
		"x", elsewhere.mint(t, good), f.mint(t, func(r *Recovery) { r.ClientID = ClientBrowser }),
	} {
		_, err := f.Exchange(t.Context(), post(tokenForm(token).Encode()), held(proofKey))
		wantError(t, err, 400, "invalid_grant")
		var refusal *Error
		if errors.As(err, &refusal) {
			told = append(told, refusal.Description)
		}
	}
	for _, description := range told {
		if description != told[0] {
			t.Errorf("different answers: %q", told)
		}
	}
}

func TestExchangeRaceHasOneWinner(t *testing.T) { // fosite alone answers the losers with 500
	f := newFixture(t)
	form := tokenForm(f.mint(t, good)).Encode()
	const calls = 100
	results := make([]error, calls)
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() { _, results[i] = f.Exchange(t.Context(), post(form), held(proofKey)) })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		wantError(t, err, 400, "invalid_grant")
	}
	if won != 1 || len(f.store.tokens) != 1 {
		t.Errorf("%d calls won and %d access tokens were stored, want one", won, len(f.store.tokens))
	}
}
