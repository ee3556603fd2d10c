package gateway

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/attest/recoverykey"
	"github.com/regrant/regrant/attest/secret"
	"github.com/regrant/regrant/attest/sshsig"
	"github.com/regrant/regrant/attest/webauthn"
	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/downloads"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

const (
	origin         = "https://id.example.com"
	issuer         = origin + "/recovery"
	brokerRedirect = origin + "/realms/acme/broker/regrant/endpoint"
	alice          = "alice@example.com"
	aliceID        = "account-of-alice"
	brokerSecret   = "a-secret-of-the-broker-client-that-is-long"
)

// house is a gateway on real rooms. Only the identity provider is a fake.
type house struct {
	*Gateway
	t        testing.TB
	idp      *fakeIDP
	db       *faultyDB
	DB       storage.DB // db, as the rooms know it
	Accounts *account.Store
	log      *bytes.Buffer
	addr     netip.Addr
	offset   atomic.Int64 // added to the clock of everything
	limiter  throttle.Config
	unbound  *attesttest.CA // its devices are trusted, too, and bound to nobody; nil: none
	clients  []grant.Client
	nonces   bool

	operator  *devicecert.OperatorCA           // nil: none
	tpm       attest.Format                    // accepted alone; nil: none
	downloads *downloads.Folder                // nil: none
	chipsOnly bool                             // no device certificates
	accepts   func(*keys.Ring) []attest.Format // more, which people bind by themselves, good at once; nil: none
}

func (h *house) clock() time.Time { return time.Now().Add(time.Duration(h.offset.Load())) }

func open(t testing.TB, change ...func(*house)) *house {
	t.Helper()
	h := &house{t: t, idp: newFakeIDP(), log: new(bytes.Buffer), addr: netip.MustParseAddr("203.0.113.7")}
	h.limiter = throttle.Config{PerNetwork: throttle.Rate{Burst: 1000, Every: time.Millisecond}}
	for _, c := range change {
		c(h)
	}
	store, err := badger.OpenInMemory(h.clock)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	h.db = &faultyDB{DB: store}
	h.DB = h.db
	logger := slog.New(slog.NewTextHandler(h.log, nil))
	ring, err := keys.Open(t.Context(), h.db, "main", bytes.Repeat([]byte{7}, 32))
	must(t, err)
	accounts := account.New("main", ring.Sealer(keys.Record))
	h.Accounts = accounts
	diary := journal.New("main")
	outbox := notify.New("main", h.db, nil, logger)
	root := attesttest.NewCA(t)
	limiter := throttle.New(h.limiter)
	ca, err := authority.Open(t.Context(), authority.Config{
		Namespace: "main", DB: h.db, Accounts: accounts, Journal: diary, Outbox: outbox, Ring: ring,
		Root: authority.Root{Certificate: root.Certificate, Key: root.Key}, Upstream: "main", Issuer: issuer, Adapter: h.idp,
		Compute: limiter.Strangers.Compute, Operator: h.operator,
	})
	must(t, err)
	formats := []attest.Format{devicecert.New(devicecert.Config{Anchors: h.anchors(ca), MaxPath: 3, Operator: h.operator})}
	if h.tpm != nil {
		formats = append(formats, h.tpm)
	}
	if h.chipsOnly {
		formats = formats[1:]
	}
	bound, probation := enrollers(t, ring), 72*time.Hour
	if h.accepts != nil {
		formats = append(formats, h.accepts(ring)...)
		probation = 0
		bound, err = attest.NewVerifier(formats...)
		must(t, err)
	}
	verifier, err := attest.NewVerifier(formats...)
	must(t, err)
	rules, err := policy.New(policy.Config{
		Methods:      verifier.Methods(),
		RiskAnalysis: map[attest.Method]string{attest.MethodDeviceCertificate: "RA-1", attest.MethodTPM: "RA-1"},
	})
	must(t, err)
	service := recovery.New(recovery.Config{
		Namespace: "main", Issuer: issuer, DB: h.db, Adapter: h.idp, Verifier: verifier, Accounts: accounts, Policy: rules,
		Journal: diary, Outbox: outbox, Ring: ring, Clock: h.clock, Compute: limiter.Strangers.Compute, Logger: logger,
	})
	grants, err := grant.New(grant.Config{
		Issuer: issuer, Keys: func() []grant.Key { return []grant.Key{grant.Key(ring.Signing(keys.Grant)[0])} },
		Secret: ring.Secret(keys.GrantSecret), Recoveries: service.Grants(), Clients: h.clients,
	})
	must(t, err)
	service.SetMinter(grants)
	logins, err := broker.New(broker.Config{
		Issuer: issuer + "/oidc", Client: broker.Client{ID: "keycloak", Secret: brokerSecret, RedirectURIs: []string{brokerRedirect}},
		Keys:   func() []broker.Key { return []broker.Key{broker.Key(ring.Signing(keys.Broker)[0])} },
		Secret: ring.Secret(keys.BrokerSecret), Logins: service.Logins(),
	})
	must(t, err)
	selfService := login.New(login.Config{
		Namespace: "main", Issuer: issuer, DB: h.db, Ring: ring, Accounts: accounts, Provider: h.idp, Clock: h.clock,
	})
	h.Gateway, err = New(Config{
		Origin: origin, Path: "/recovery", Recovery: service, Grant: grants, Broker: logins, Authority: ca,
		Programs: ca.Programs(verifier, func(attest.Method) time.Duration { return 0 }),
		Login:    selfService,
		Enrolment: enrolment.New(enrolment.Config{
			Namespace: "main", Issuer: issuer, DB: h.db, Ring: ring, Accounts: accounts, Logins: selfService, Verifier: bound, Policy: ownRules(t, bound), Journal: diary, Outbox: outbox, Devices: ca,
			Probation: func(attest.Method) time.Duration { return probation }, Clock: h.clock, Compute: limiter.Strangers.Compute,
		}),
		Adapter: h.idp, Ring: ring, Throttle: limiter, Downloads: h.downloads, RelatedOrigins: []byte(`{"origins":["https://shop.example.net"]}`),
		ClientIP: func(*http.Request) netip.Addr { return h.addr }, Logger: logger, Nonces: h.nonces,
		Clock: h.clock,
	})
	must(t, err)
	return h
}

// ownRules are by what people are advised: what the program would grant for all that verifier knows.
func ownRules(t testing.TB, verifier *attest.Verifier) *policy.Policy {
	t.Helper()
	rules, err := policy.New(policy.Config{Methods: verifier.Methods(), RiskAnalysis: map[attest.Method]string{
		attest.MethodDeviceCertificate: "RA-1", attest.MethodTPM: "RA-1", attest.MethodPassphrase: "RA-2",
	}})
	must(t, err)
	return rules
}

// enrollers are the formats of what people bind by themselves, and one that they do not.
func enrollers(t testing.TB, ring *keys.Ring) *attest.Verifier {
	t.Helper()
	keyed := func(parts ...[]byte) []byte { return ring.MAC(keys.Methods, parts...) }
	passkeys, err := webauthn.New(webauthn.Config{RPIDs: []string{"id.example.com"}, Origins: []string{origin}, Attestation: webauthn.Attestation{Demand: webauthn.Any}})
	must(t, err)
	verifier, err := attest.NewVerifier(
		devicecert.New(devicecert.Config{}), passkeys, secret.NewCodes(keyed), sshsig.New(sshsig.Config{Issuer: issuer}), recoverykey.New(),
		secret.NewPassphrase(secret.PassphraseConfig{Hash: keyed, Slots: func(work func()) error { work(); return nil }}),
	)
	must(t, err)
	return verifier
}

func (h *house) anchors(ca *authority.Authority) func() []*x509.Certificate {
	if h.unbound == nil {
		return ca.Anchors
	}
	return func() []*x509.Certificate { return append(ca.Anchors(), h.unbound.Certificate) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve sends r through the gateway; what passes is answered with 299.
func (h *house) serve(r *http.Request) *httptest.ResponseRecorder {
	h.t.Helper()
	w := httptest.NewRecorder()
	must(h.t, h.ServeHTTP(w, r, func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(299)
		return nil
	}))
	return w
}

func (h *house) get(path string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.serve(request(h.t, http.MethodGet, path, nil, headers...))
}

// request makes one; headers come in pairs.
func request(t testing.TB, method, path string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, body)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// postJSON posts v, or text if v is a string.
func (h *house) postJSON(path string, v any, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.serve(jsonRequest(h.t, path, v, headers...))
}

func jsonRequest(t testing.TB, path string, v any, headers ...string) *http.Request {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		body, err := json.Marshal(v)
		must(t, err)
		text = string(body)
	}
	return request(t, http.MethodPost, path, strings.NewReader(text), append([]string{"Content-Type", "application/json"}, headers...)...)
}

// cookiesOf are the cookies that w sets.
func cookiesOf(w *httptest.ResponseRecorder) []*http.Cookie {
	return (&http.Response{Header: w.Header()}).Cookies()
}

func answer[T any](t testing.TB, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &v))
	return v
}

func wantProblem(t testing.TB, w *httptest.ResponseRecorder, status int, code wire.ProblemCode, member string) {
	t.Helper()
	var p wire.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != wire.ProblemMediaType {
		t.Fatalf("not a problem: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w.Code != status || p.Status != status || p.Code() != code || p.Member != member {
		t.Fatalf("got %d %+v, want %d %s %q", w.Code, p, status, code, member)
	}
}

func wantPage(t testing.TB, w *httptest.ResponseRecorder, status int, words string) {
	t.Helper()
	if w.Code != status || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || !strings.Contains(w.Body.String(), words) {
		t.Fatalf("got %d %s, want a page with status %d that says %q:\n%s", w.Code, w.Header().Get("Content-Type"), status, words, w.Body)
	}
}

func revokeAll(t testing.TB, h *house) {
	t.Helper()
	var ids []string
	must(t, h.DB.View(t.Context(), func(r storage.Reader) error {
		bound, err := h.Accounts.Living(r, aliceID)
		for _, a := range bound {
			ids = append(ids, a.ID)
		}
		return err
	}))
	for _, id := range ids {
		must(t, h.Authority.Revoke(t.Context(), id, "admin", "lost"))
	}
}
