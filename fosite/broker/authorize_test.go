package broker

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAnswerReturnsCodeAndStateUnchanged(t *testing.T) {
	f := newFixture(t)
	redirect, err := f.Answer(t.Context(), f.parse(t, query()), f.login())
	if err != nil {
		t.Fatal(err)
	}
	got := answer(t, redirect)
	if len(got) != 3 || got.Get("state") != state || got.Get("iss") != issuer || got.Get("code") == "" {
		t.Errorf("got %v", got)
	}
	stored := f.store.codes[strings.Split(got.Get("code"), ".")[1]]
	if stored.Txn != f.login().Txn || !stored.ExpiresAt.Equal(f.now.Add(60*time.Second)) {
		t.Errorf("stored %+v", stored)
	}
	if strings.Contains(string(stored.Session), strings.Split(got.Get("code"), ".")[0]) {
		t.Error("the code itself was stored")
	}
}

func TestAnswerKeepsTheQueryOfTheRedirectURI(t *testing.T) {
	f := newFixture(t)
	q := query()
	q.Set("redirect_uri", redirectURI+"?of=two")
	redirect, err := f.Answer(t.Context(), f.parse(t, q), f.login())
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(t, redirect); got.Get("of") != "two" || got.Get("code") == "" {
		t.Errorf("got %s", redirect)
	}
}

func TestParseAuthorizeWritesAndAsksNothing(t *testing.T) {
	f := newFixture(t)
	f.parse(t, query())
	if f.store.calls != 0 {
		t.Errorf("%d calls of the store", f.store.calls)
	}
}

func TestParseAuthorizeReadsItsOwnForm(t *testing.T) { // the request waits in the browser and is parsed again
	f := newFixture(t)
	q := query()
	q.Set("prompt", "login")
	q.Set("max_age", "600")
	q.Set("login_hint", "alice@example.com")
	first := f.parse(t, q)
	if strings.Contains(first.RawQuery(), "alice") {
		t.Errorf("keeps what it does not act on: %s", first.RawQuery())
	}
	second, err := f.ParseAuthorize(t.Context(), first.RawQuery())
	if err != nil || !reflect.DeepEqual(first, second) {
		t.Errorf("got %+v, %v; want %+v", second, err, first)
	}
}

func TestParseAuthorizeTakesHarmlessParameters(t *testing.T) {
	f := newFixture(t)
	for name, value := range map[string]string{
		"response_mode": "query", "prompt": "login", "ui_locales": "de", "acr_values": "1", "kc_action": "x", "max_age": "0",
		"request": "", // a parameter without a value counts as left out
	} {
		t.Run(name, func(t *testing.T) {
			q := query()
			q.Set(name, value)
			if code := f.code(t, q); code == "" {
				t.Error("no code")
			}
			clear(f.store.issued)
		})
	}
}

// An attacker who chooses where the browser goes, or which client is told, must not learn or send anything.
func TestParseAuthorizeNeverRedirectsToUnverifiedURI(t *testing.T) {
	f := newFixture(t)
	for name, change := range map[string]func(url.Values){
		"no client":             func(q url.Values) { q.Del("client_id") },
		"another client":        func(q url.Values) { q.Set("client_id", "evil") },
		"client twice":          func(q url.Values) { q.Add("client_id", clientID) },
		"no redirect URI":       func(q url.Values) { q.Del("redirect_uri") },
		"another redirect URI":  func(q url.Values) { q.Set("redirect_uri", "https://evil.example/cb") },
		"redirect URI twice":    func(q url.Values) { q.Add("redirect_uri", "https://evil.example/cb") },
		"slash appended":        func(q url.Values) { q.Set("redirect_uri", redirectURI+"/") },
		"query appended":        func(q url.Values) { q.Set("redirect_uri", redirectURI+"?x=1") },
		"fragment appended":     func(q url.Values) { q.Set("redirect_uri", redirectURI+"#") },
		"host in upper case":    func(q url.Values) { q.Set("redirect_uri", strings.Replace(redirectURI, "id.", "ID.", 1)) },
		"port spelled out":      func(q url.Values) { q.Set("redirect_uri", strings.Replace(redirectURI, ".com/", ".com:443/", 1)) },
		"user before host":      func(q url.Values) { q.Set("redirect_uri", strings.Replace(redirectURI, "//", "//x@", 1)) },
		"loopback, other port":  func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:9999/cb") }, // fosite alone would allow it
		"no redirect, bad rest": func(q url.Values) { q.Set("redirect_uri", "https://evil.example/cb"); q.Del("state") },
	} {
		t.Run(name, func(t *testing.T) {
			q := query()
			change(q)
			a, err := f.ParseAuthorize(t.Context(), q.Encode())
			wantError(t, err, 400, "invalid_request")
			var refusal *Error
			if errors.As(err, &refusal) && refusal.Redirect != "" || a != nil {
				t.Errorf("got %v and %v", a, refusal)
			}
		})
	}
}

func TestParseAuthorizeRefusesUnreadableQuery(t *testing.T) {
	f := newFixture(t)
	for name, raw := range map[string]string{
		"empty": "", "bad escape": query().Encode() + "&x=%zz", "semicolon": query().Encode() + ";x=1",
		"too large": query().Encode() + "&x=" + strings.Repeat("x", maxQuery), "state twice": query().Encode() + "&state=another-one",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.ParseAuthorize(t.Context(), raw)
			wantError(t, err, 400, "invalid_request")
		})
	}
}

func TestParseAuthorizeReportsRefusalsToTheClient(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		name   string
		change func(url.Values)
		code   string
	}{
		{"no response type", func(q url.Values) { q.Del("response_type") }, "unsupported_response_type"},
		{"implicit flow", func(q url.Values) { q.Set("response_type", "id_token") }, "unsupported_response_type"},
		{"hybrid flow", func(q url.Values) { q.Set("response_type", "code id_token") }, "unsupported_response_type"},
		{"fragment mode", func(q url.Values) { q.Set("response_mode", "fragment") }, "invalid_request"},
		{"form_post mode", func(q url.Values) { q.Set("response_mode", "form_post") }, "invalid_request"},
		{"no scope", func(q url.Values) { q.Del("scope") }, "invalid_scope"},
		{"more scope", func(q url.Values) { q.Set("scope", "openid profile") }, "invalid_scope"},
		{"no state", func(q url.Values) { q.Del("state") }, "invalid_request"},
		{"short state", func(q url.Values) { q.Set("state", "1234567") }, "invalid_request"},
		{"no nonce", func(q url.Values) { q.Del("nonce") }, "invalid_request"},
		{"short nonce", func(q url.Values) { q.Set("nonce", "1234567") }, "invalid_request"},
		{"no PKCE", func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, "invalid_request"},
		{"no challenge", func(q url.Values) { q.Del("code_challenge") }, "invalid_request"},
		{"plain PKCE", func(q url.Values) { q.Set("code_challenge_method", "plain") }, "invalid_request"},
		{"default PKCE method", func(q url.Values) { q.Del("code_challenge_method") }, "invalid_request"},
		{"challenge of no hash", func(q url.Values) { q.Set("code_challenge", "short") }, "invalid_request"},
		{"prompt none", func(q url.Values) { q.Set("prompt", "none") }, "login_required"},
		{"prompt none and login", func(q url.Values) { q.Set("prompt", "none login") }, "invalid_request"},
		{"prompt unknown", func(q url.Values) { q.Set("prompt", "LOGIN") }, "invalid_request"},
		{"max_age negative", func(q url.Values) { q.Set("max_age", "-1") }, "invalid_request"},
		{"max_age of nonsense", func(q url.Values) { q.Set("max_age", "1h") }, "invalid_request"},
		{"max_age overflows", func(q url.Values) { q.Set("max_age", "99999999999999999999") }, "invalid_request"},
		{"request object", func(q url.Values) { q.Set("request", "e30.e30.") }, "request_not_supported"},
		{"request URI", func(q url.Values) { q.Set("request_uri", "https://evil.example/r") }, "request_uri_not_supported"},
		{"pushed request", func(q url.Values) { q.Set("request_uri", "urn:ietf:params:oauth:request_uri:x") }, "request_uri_not_supported"},
		{"registration", func(q url.Values) { q.Set("registration", "{}") }, "registration_not_supported"},
		{"ID token hint", func(q url.Values) { q.Set("id_token_hint", "e30.e30.") }, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := query()
			c.change(q)
			a, err := f.ParseAuthorize(t.Context(), q.Encode())
			wantError(t, err, 400, c.code)
			var refusal *Error
			if a != nil || !errors.As(err, &refusal) {
				t.Fatalf("got %v, %v", a, err)
			}
			told := answer(t, refusal.Redirect)
			if told.Get("error") != c.code || told.Get("state") != q.Get("state") || told.Get("iss") != issuer || told.Has("code") {
				t.Errorf("told %v", told)
			}
		})
	}
}

func TestCancelTellsAccessDenied(t *testing.T) {
	f := newFixture(t)
	redirect, err := f.Cancel(f.parse(t, query()))
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(t, redirect); got.Get("error") != "access_denied" || got.Get("state") != state || got.Has("code") {
		t.Errorf("got %v", got)
	}
	if f.store.calls != 0 {
		t.Errorf("%d calls of the store", f.store.calls)
	}
}

// A recovery that was held comes back with a new request, which asks for a fresh login; it is older than that request.
func TestAnswerMeetsPromptLoginWithOlderRecovery(t *testing.T) {
	f := newFixture(t)
	q := query()
	q.Set("prompt", "login")
	login := f.login()
	login.AuthTime = f.now.Add(-48 * time.Hour)
	if _, err := f.Answer(t.Context(), f.parse(t, q), login); err != nil {
		t.Error(err)
	}
}

func TestAnswerJudgesMaxAge(t *testing.T) {
	f := newFixture(t)
	q := query()
	q.Set("max_age", "600") // as old as the recovery
	a := f.parse(t, q)
	f.now = f.now.Add(time.Second)
	login := f.login()
	login.AuthTime = f.now.Add(-601 * time.Second)
	_, err := f.Answer(t.Context(), a, login)
	wantError(t, err, 400, "login_required")
	var refusal *Error
	if errors.As(err, &refusal) && answer(t, refusal.Redirect).Get("error") != "login_required" {
		t.Errorf("told %s", refusal.Redirect)
	}
	if f.store.calls != 0 {
		t.Error("a refusal was stored")
	}
	login.AuthTime = f.now.Add(-600 * time.Second)
	if _, err := f.Answer(t.Context(), a, login); err != nil {
		t.Error(err)
	}
}

func TestAnswerIssuesOneCodeForARecovery(t *testing.T) {
	f := newFixture(t)
	a := f.parse(t, query())
	results := make([]error, 20)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { _, results[i] = f.Answer(t.Context(), a, f.login()) })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, ErrSpent) {
			t.Errorf("got %v, want ErrSpent", err)
		}
	}
	if won != 1 || len(f.store.codes) != 1 {
		t.Errorf("%d answers carried a code and %d were stored, want one", won, len(f.store.codes))
	}
}

func TestAnswerGivesNoCodeThatIsNotStored(t *testing.T) {
	f := newFixture(t)
	f.store.failure = errors.New("disk gone")
	redirect, err := f.Answer(t.Context(), f.parse(t, query()), f.login())
	if redirect != "" || !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %q, %v; want ErrUnavailable", redirect, err)
	}
}

func TestAnswerRefusesIncompleteLogin(t *testing.T) {
	f := newFixture(t)
	for name, change := range map[string]func(*Login){
		"no subject":  func(l *Login) { l.Subject = "" },
		"no recovery": func(l *Login) { l.Txn = "" },
		"no time":     func(l *Login) { l.AuthTime = time.Time{} },
		"in future":   func(l *Login) { l.AuthTime = f.now.Add(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			login := f.login()
			change(&login)
			if redirect, err := f.Answer(t.Context(), f.parse(t, query()), login); err == nil || redirect != "" || f.store.calls != 0 {
				t.Errorf("got %q, %v", redirect, err)
			}
		})
	}
}

func FuzzParseAuthorize(f *testing.F) {
	x := newFixture(f)
	f.Add(query().Encode())
	f.Add("")
	f.Add("client_id=" + clientID + "&redirect_uri=https://evil.example")
	f.Add(query().Encode() + "&prompt=none")
	f.Add(query().Encode() + "&request_uri=https://evil.example&max_age=1")
	f.Add(strings.Repeat("a=1&", 100))
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := x.ParseAuthorize(t.Context(), raw)
		var refusal *Error
		switch {
		case err == nil:
			again, err := x.ParseAuthorize(t.Context(), a.RawQuery())
			if err != nil || !reflect.DeepEqual(a, again) {
				t.Errorf("parsed again: %+v, %v; want %+v", again, err, a)
			}
			redirect, err := x.Cancel(a)
			if err != nil || !registered(redirect) {
				t.Errorf("redirect to %q, %v", redirect, err)
			}
		case !errors.As(err, &refusal):
			t.Errorf("got %v, want an *Error", err)
		case refusal.Redirect != "" && !registered(refusal.Redirect):
			t.Errorf("redirect to %q", refusal.Redirect)
		}
	})
}

func registered(redirect string) bool {
	return strings.HasPrefix(redirect, redirectURI+"?") || strings.HasPrefix(redirect, "http://127.0.0.1:8080/cb?")
}
