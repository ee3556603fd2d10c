package pages

import (
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

const hostile = `"><script>alert(1)</script>{{.}}`

// every is one of each page, filled with what people could type.
func every() map[string]Page {
	form := Form{Action: "/recovery/continue", Hidden: []Fact{{"code", hostile}}}
	item := Authenticator{Label: hostile, Method: hostile, Standing: "probation", EffectiveAt: time.Now().Add(time.Hour), CodesLeft: hostile, Details: []Fact{{hostile, hostile}}, URL: "/x"}
	way := Link{hostile, "/x"}
	all := map[string]Page{
		"start": Start(Beginning{Issuer: "https://id.example.com/recovery", Device: true}), "start with a login": Start(Beginning{Issuer: hostile, Cancel: &Form{Action: "/x"}}),
		"start in a browser": Start(Beginning{Issuer: hostile, Begin: &Form{Action: "/x"}, Lost: []string{"sign-in", "reset-password", "rehearse", hostile}, Device: true, Cancel: &Form{Action: "/x"}}),
		"prove": Prove(Asking{Account: hostile, Reference: hostile, Actions: []string{"sign-in", "rehearse", hostile}, Until: time.Now(), Sessions: true, Again: &Form{Action: "/x"}, Ways: []Section{
			WithPasskey(form, `{"challenge":"`+hostile+`"}`), WithCode(form), WithPassphrase(form), WithSSHKey(form, hostile, hostile), WithRecoveryKey(form, hostile), WithConnection(form), WithProgram(hostile),
		}}),
		"proved": Proved([]Sheet{{Issuer: hostile, Account: hostile, Codes: []string{hostile}}, {Codes: []string{hostile}}}, form), "rehearsed": Rehearsed(hostile, hostile), "bad proof": BadProof(hostile),
		"confirmation": Confirmation(hostile, hostile, hostile, []string{"sign-in", "reset-password", "replace-passkey", "replace-otp", "revoke-sessions", hostile}, form),
		"resume":       Resume(hostile, hostile, hostile, form), "nothing": NothingToContinue(), "done": Done(), "kept": Kept(form), "busy": Busy(form),
		"sign in": SignIn(form), "sign-in failed": SignInFailed(form), "manage": Manage(item, way, form, form),
		"list":    Authenticators(Owner{Name: hostile, Until: time.Now()}, Advice{Kind: "one-way", Add: []string{hostile}, Later: true, FewCodes: true}, []Authenticator{item}, []Section{Add("passkey", true, form), Add(hostile, false, form)}, form),
		"no list": Authenticators(Owner{Name: hostile}, Advice{Kind: "nothing-bound"}, nil, nil, form),
		"removed": Removed(hostile, false, form), "lost": Removed(hostile, true, form), "session over": SessionOver(form), "sign in again": SignInAgain(hostile, form),
		"quarantined": Quarantined(way), "enrolment over": EnrolmentOver(way), "bound before": BoundBefore(way), "account full": AccountFull(way), "too often": TooOften(way),
		"added":       Added(Bound{Method: hostile, Label: hostile, EffectiveAt: time.Now(), Details: []Fact{{hostile, hostile}}, Advice: Advice{Kind: "not-enough", Add: []string{hostile}, Later: true}, SignedOut: true, List: way}),
		"added codes": AddedCodes(Sheet{Issuer: hostile, Account: hostile, Codes: []string{hostile}}, Bound{List: way}),
		"signed in":   SignedIn("/x"), "signed out": SignedOut(form), "another account": OtherAccount("/x"),
		"over": Over(), "stale": Stale(), "login too large": LoginTooLarge(), "lead here": LeadHere("/recovery"),
		"codes":    CodeSheet(Sheet{Issuer: hostile, Account: hostile, MadeAt: time.Now(), Codes: []string{hostile}}),
		"new code": NewCode(Sheet{Issuer: hostile, Account: hostile, EffectiveAt: time.Now(), Codes: []string{hostile}}),
	}
	for _, m := range []string{"recovery-code", "passphrase", "ssh-key", "recovery-key", "passkey"} {
		all["bind "+m] = Bind(Binding{Method: m, Account: hostile, Until: time.Now(), Text: "issuer: " + hostile + "\n", Namespace: hostile, Options: hostile, Error: hostile, Form: form})
	}
	maps.Copy(all, map[string]Page{
		"adding a device": AddingDevice(NewDevice{"https://id.example.com/recovery", hostile, hostile, time.Now(), "/x", DeviceKinds{true, true}}), "no device": WaitingDevices(nil, "/x", Link{"All", "/x"}),
		"devices":  WaitingDevices([]WaitingDevice{{Label: hostile, Fingerprint: hostile, Own: true, Mine: form, NotMine: form}, {Label: hostile, Mine: form, NotMine: form}}, "/x", Link{"All", "/x"}),
		"disowned": Disowned(Link{"All", "/x"}), "nameless": Nameless(Link{"All", "/x"}),
		"programs": Programs([]Program{{Name: hostile, Size: 12_345_678, Checksum: hostile, URL: hostile}}),
	})
	for _, status := range []int{400, 403, 404, 405, 413, 415, 429, 500, 503} {
		all[strconv.Itoa(status)] = Problem(status)
	}
	return all
}

func write(t *testing.T, p Page) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := New("https://id.example.com", "/recovery").Write(w, http.StatusTeapot, p); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestEveryPageIsWhole(t *testing.T) {
	for name, p := range every() {
		w := write(t, p)
		doc, err := html.Parse(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		count, text := map[string]int{}, map[string]string{}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			count[n.Data]++
			if n.FirstChild != nil {
				text[n.Data] = n.FirstChild.Data
			}
			for _, a := range n.Attr {
				if n.Data == "html" && a.Key == "lang" && a.Val != "en" || strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Errorf("%s: <%s %s=%q>", name, n.Data, a.Key, a.Val)
				}
			}
		}
		for _, once := range []string{"title", "header", "main", "footer", "nav", "h1"} {
			if count[once] != 1 || strings.TrimSpace(text[once]) == "" && (once == "title" || once == "h1") {
				t.Errorf("%s: %d <%s>", name, count[once], once)
			}
		}
		if ours := p.ceremony(); count["script"] > 1 || (count["script"] == 1) != ours {
			t.Errorf("%s: what was typed became markup", name)
		}
		if count["form"] != count["button"] || p.Form != nil && count["form"] == 0 || count["form"] > 0 && strings.TrimSpace(text["button"]) == "" {
			t.Errorf("%s: %d forms, %d buttons", name, count["form"], count["button"])
		}
		if w.Code != http.StatusTeapot || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
}

func TestANoticeStandsBeforeTheButton(t *testing.T) {
	p := Confirmation("alice", "laptop", "R-1", []string{"sign-in"}, Form{Action: "/recovery/continue"})
	if strings.Contains(write(t, p).Body.String(), SessionsEnd) {
		t.Error("sessions end, although nobody said so")
	}
	p.Notice = SessionsEnd
	body := write(t, p).Body.String()
	if notice := strings.Index(body, "<p>"+SessionsEnd); notice < 0 || notice > strings.Index(body, "<button") {
		t.Errorf("not announced before the button:\n%s", body)
	}
}

func TestOnlyPagesThatLeadOnLetFormsLeave(t *testing.T) {
	for name, p := range every() {
		csp := write(t, p).Header().Get("Content-Security-Policy")
		if strings.Contains(csp, "form-action 'self'") == p.LeadsOn {
			t.Errorf("%s: %s", name, csp)
		}
		proves := len(p.Sections) > 0 && p.Sections[0].Form != nil // the last proof leads on at once
		if p.LeadsOn && !proves && (p.Form == nil || p.Form.Action != "/recovery/continue") {
			t.Errorf("%s leads on without the form that continues", name)
		}
	}
}

// Contrast of WCAG 2.2, 1.4.3: text needs 4.5 to 1. Borders of buttons and the focus ring have the colour of links.
func TestColoursCanBeToldApart(t *testing.T) {
	schemes := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(styleCSS, -1)
	if len(schemes) != 3 { // light, dark, printed
		t.Fatalf("%d colour schemes", len(schemes))
	}
	for _, scheme := range schemes {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(scheme[1], -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for _, pair := range [][2]string{{"ink", "paper"}, {"ink", "ground"}, {"soft", "paper"}, {"soft", "ground"}, {"act", "paper"}, {"act", "ground"}, {"act-ink", "act"}} {
			a, b := colour[pair[0]], colour[pair[1]]
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("%s on %s: %.2f", pair[0], pair[1], ratio)
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(c uint64) float64 {
		v := float64(c&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}

func TestAPageThatSpeaksOfTheProgramSaysWhereItIs(t *testing.T) {
	set := New("https://id.example.com", "/recovery")
	set.OfferPrograms("/recovery/downloads")
	speak := []string{"start", "adding a device", "prove"}
	for name, p := range every() {
		w := httptest.NewRecorder()
		if err := set.Write(w, http.StatusOK, p); err != nil {
			t.Fatal(err)
		}
		speaks := strings.Contains(w.Body.String(), "<code>regrant ")
		if offers := strings.Contains(w.Body.String(), `<a href="/recovery/downloads">`); offers != speaks || !speaks && slices.Contains(speak, name) {
			t.Errorf("%s: speaks of the program: %v, says where it is: %v", name, speaks, offers)
		}
		if strings.Contains(write(t, p).Body.String(), `<a href="/recovery/downloads">`) {
			t.Errorf("%s: offers what is not there", name)
		}
	}
}
