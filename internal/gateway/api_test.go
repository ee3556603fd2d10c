package gateway

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/wire"
)

const wish = `{"account_identifier":"alice@example.com","actions":["sign-in"]}`

func TestBodiesAreReadStrictly(t *testing.T) {
	h := open(t)
	big := `{"account_identifier":"` + strings.Repeat("a", wire.MaxBody) + `"}`
	for name, c := range map[string]struct {
		body, contentType string
		status            int
		code              wire.ProblemCode
		member            string
	}{
		"too large":          {big, "application/json", 413, wire.ProblemTooLarge, ""},
		"text":               {wish, "text/plain", 415, wire.ProblemUnsupportedMediaType, ""},
		"form":               {wish, formType, 415, wire.ProblemUnsupportedMediaType, ""},
		"no media type":      {wish, "", 415, wire.ProblemUnsupportedMediaType, ""},
		"not JSON":           {`{"account_identifier"`, "application/json", 400, wire.ProblemMalformed, "/account_identifier"},
		"empty":              {``, "application/json", 400, wire.ProblemMalformed, ""},
		"two values":         {wish + wish, "application/json", 400, wire.ProblemMalformed, ""},
		"unknown member":     {`{"allowed_devices":[]}`, "application/json", 400, wire.ProblemMalformed, "/allowed_devices"},
		"other case":         {`{"Actions":[]}`, "application/json", 400, wire.ProblemMalformed, "/Actions"},
		"duplicate member":   {`{"actions":[],"actions":[]}`, "application/json", 400, wire.ProblemMalformed, "/actions"},
		"wrong type":         {`{"actions":"sign-in"}`, "application/json", 400, wire.ProblemMalformed, "/actions"},
		"no identifier":      {`{"actions":["sign-in"]}`, "application/json", 400, wire.ProblemMalformed, "/account_identifier"},
		"control character":  {`{"account_identifier":"a\u0000b","actions":["sign-in"]}`, "application/json", 400, wire.ProblemMalformed, "/account_identifier"},
		"no action":          {`{"account_identifier":"a","actions":[]}`, "application/json", 400, wire.ProblemMalformed, "/actions"},
		"unknown action":     {`{"account_identifier":"a","actions":["x"]}`, "application/json", 400, wire.ProblemMalformed, "/actions"},
		"action twice":       {`{"account_identifier":"a","actions":["sign-in","sign-in"]}`, "application/json", 400, wire.ProblemMalformed, "/actions"},
		"action not offered": {`{"account_identifier":"a","actions":["replace-passkey"]}`, "application/json", 400, wire.ProblemActionNotOffered, "/actions"},
		"unknown client":     {`{"account_identifier":"a","actions":["sign-in"],"client_id":"x"}`, "application/json", 400, wire.ProblemMalformed, "/client_id"},
		"a program's client": {`{"account_identifier":"a","actions":["sign-in"],"client_id":"regrant-device"}`, "application/json", 400, wire.ProblemMalformed, "/client_id"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, http.MethodPost, "/recovery/initiate", strings.NewReader(c.body), "Origin", origin)
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			wantProblem(t, h.serve(r), c.status, c.code, c.member)
		})
	}
}

func TestInitiateAnswersAlikeAndStoresNothing(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	writes := h.db.writes.Load()
	var sizes []int
	for _, who := range []string{alice, "nobody@example.com", "root"} {
		w := p.post("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: who, Actions: []string{"sign-in"}})
		out := answer[wire.InitiateResponse](t, w)
		st, err := attest.ParseStatement(out.Statement)
		if err != nil || st.Issuer != issuer || st.Account.String() != who || st.Network != netip.MustParsePrefix("203.0.113.0/24") {
			t.Errorf("%s: statement %q, %v", who, out.Statement, err)
		}
		if out.ExpiresIn != 900 || len(out.Methods) != 1 || out.Methods[0].Method != "device-certificate" {
			t.Errorf("%s: %+v", who, out)
		}
		sizes = append(sizes, w.Body.Len()-len(out.RecoveryID)-len(out.Statement))
	}
	if sizes[0] != sizes[1] || sizes[1] != sizes[2] {
		t.Errorf("answers differ: %v", sizes)
	}
	if h.db.writes.Load() != writes {
		t.Error("initiating wrote to the store")
	}
}

func TestBrowsersGetOneHolderCookie(t *testing.T) {
	h := open(t)
	first := h.postJSON("/recovery/initiate", wish, "Origin", origin)
	answer[wire.InitiateResponse](t, first)
	set := cookiesOf(first)
	if len(set) != 1 {
		t.Fatalf("cookies: %v", set)
	}
	c := set[0]
	if c.Name != "__Host-regrant" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || len(c.Value) != 43 {
		t.Errorf("cookie: %v", c)
	}
	again := h.postJSON("/recovery/initiate", wish, "Sec-Fetch-Site", "same-origin", "Cookie", c.Name+"="+c.Value)
	answer[wire.InitiateResponse](t, again)
	if len(cookiesOf(again)) > 0 {
		t.Error("the cookie was replaced")
	}
}

func TestOtherSitesSpeakToNoEndpoint(t *testing.T) {
	h := open(t)
	for name, headers := range map[string][]string{
		"other origin":               {"Origin", "https://evil.example"},
		"other origin, says same":    {"Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin"},
		"cross-site":                 {"Sec-Fetch-Site", "cross-site"},
		"other host of the site":     {"Sec-Fetch-Site", "same-site"},
		"own origin, but cross-site": {"Origin", origin, "Sec-Fetch-Site", "cross-site"},
		"opaque origin":              {"Origin", "null"},
		"typed":                      {"Sec-Fetch-Site", "none"},
		"neither browser nor proof":  {},
	} {
		for _, path := range []string{"/recovery/initiate", "/recovery/attest", "/recovery/status", "/recovery/handoff"} {
			w := h.postJSON(path, wish, headers...)
			if w.Code != http.StatusBadRequest || len(cookiesOf(w)) > 0 {
				t.Errorf("%s, %s: %d %s, cookies %v", path, name, w.Code, w.Body, cookiesOf(w))
			}
		}
	}
}

func TestHolderIsABrowserOrAProgram(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	path := "/recovery/initiate"
	good := p.proof(path, "")
	stale, err := wire.NewProof(p.key, http.MethodPost, origin+path, time.Now().Add(-2*time.Minute), "")
	must(t, err)
	evil, err := wire.NewProof(p.key, http.MethodPost, "https://evil.example"+path, time.Now(), "")
	must(t, err)
	for name, headers := range map[string][]string{
		"both":                    {"DPoP", good, "Cookie", "__Host-regrant=" + newSecret()},
		"proof from a page":       {"DPoP", good, "Origin", origin},
		"two proofs":              {"DPoP", good, "DPoP", good},
		"no proof":                {"DPoP", ""},
		"proof of another route":  {"DPoP", p.proof("/recovery/attest", "")},
		"old proof":               {"DPoP", stale},
		"proof of what Host says": {"DPoP", evil, "X-Forwarded-Host", "evil.example"},
	} {
		r := jsonRequest(t, path, wish, headers...)
		if strings.HasPrefix(name, "proof of what") {
			r.Host = "evil.example"
		}
		w := h.serve(r)
		wantProblem(t, w, http.StatusBadRequest, wire.ProblemHolder, "")
	}
	r := jsonRequest(t, path, wish, "DPoP", p.proof(path, ""))
	r.Host = "evil.example"
	if w := h.serve(r); w.Code != http.StatusOK || len(cookiesOf(w)) > 0 {
		t.Errorf("a good proof under another Host: %d %s", w.Code, w.Body)
	}
}

func TestBrowserThatHoldsNothingGoesNoFurther(t *testing.T) {
	h := open(t)
	for name, cookie := range map[string]string{"none": "", "not ours": "x", "too short": "YWJj", "two": newSecret() + "; __Host-regrant=" + newSecret()} {
		for _, path := range []string{"/recovery/attest", "/recovery/status"} {
			w := h.postJSON(path, `{"recovery_id":"x"}`, "Origin", origin, "Cookie", holderCookie+"="+cookie)
			if wantProblem(t, w, http.StatusBadRequest, wire.ProblemHolder, ""); len(cookiesOf(w)) > 0 {
				t.Errorf("%s with %s: got a cookie", path, name)
			}
		}
	}
}

func TestAttestNeedsARecoveryAndSomeEvidence(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	begun := p.initiate("sign-in")
	element := string(p.device.Evidence(begun.Statement))
	for body, member := range map[string]string{
		`{"evidence":[` + element + `]}`:                                                                      "/recovery_id",
		`{"recovery_id":"` + begun.RecoveryID + `"}`:                                                          "/evidence",
		`{"recovery_id":"x","evidence":[]}`:                                                                   "/evidence",
		`{"recovery_id":"x","evidence":[{}]}`:                                                                 "/evidence",
		`{"recovery_id":"x","evidence":["device-certificate"]}`:                                               "/evidence",
		`{"recovery_id":"x","evidence":[` + strings.Repeat(element+",", 8) + element + `]}`:                   "/evidence",
		`{"recovery_id":"x","evidence":[{"method":"device-certificate","signature":"a","signature":"b"}]}`:    "/evidence/0/signature",
		`{"recovery_id":"x","evidence":[{"method":"a"}],"holder":"` + attest.HolderOfSecret([]byte{1}) + `"}`: "/holder",
	} {
		w := p.post("/recovery/attest", body)
		wantProblem(t, w, http.StatusBadRequest, wire.ProblemMalformed, member)
	}
	if w := p.post("/recovery/attest", p.evidence(begun)); w.Code != http.StatusOK {
		t.Errorf("what was malformed has burnt the recovery: %d %s", w.Code, w.Body)
	}
}

func TestRecoveryIDIsGoodOnce(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	begun := p.initiate("sign-in")
	body := p.evidence(begun)
	answer[wire.AttestResponse](t, p.post("/recovery/attest", body))
	wantProblem(t, p.post("/recovery/attest", body), http.StatusBadRequest, wire.ProblemRecoveryExpired, "")
	wantProblem(t, p.post("/recovery/attest", strings.Replace(body, begun.RecoveryID, begun.RecoveryID[:8], 1)), http.StatusBadRequest, wire.ProblemRecoveryExpired, "")
}

func TestStatusIsForTheHolder(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	begun := p.initiate("sign-in")
	ask := wire.StatusRequest{RecoveryID: begun.RecoveryID}
	if got := answer[wire.StatusResponse](t, p.post("/recovery/status", ask)); got.State != "open" {
		t.Errorf("before: %+v", got)
	}
	granted := answer[wire.AttestResponse](t, p.post("/recovery/attest", p.evidence(begun)))
	if got := answer[wire.StatusResponse](t, p.post("/recovery/status", ask)); got.State != "granted" || got.Reference != granted.Reference {
		t.Errorf("after: %+v", got)
	}
	thief := &program{h: h, key: attesttest.NewKey(t)}
	wantProblem(t, thief.post("/recovery/status", ask), http.StatusBadRequest, wire.ProblemHolder, "")
	wantProblem(t, p.post("/recovery/status", wire.StatusRequest{}), http.StatusBadRequest, wire.ProblemMalformed, "/recovery_id")
}
