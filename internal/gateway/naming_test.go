package gateway

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
	"github.com/regrant/regrant/attest/webauthn"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
)

// namesPasskeys has a house take passkeys, and name them.
func namesPasskeys(t testing.TB) func(*house) {
	return func(h *house) {
		h.accepts = func(ring *keys.Ring) []attest.Format {
			passkeys, err := webauthn.New(webauthn.Config{
				RPIDs: []string{wallet.RPID}, Origins: []string{wallet.Origin}, Attestation: webauthn.Attestation{Demand: webauthn.Any},
				AllowCredentials: true, Keyed: func(parts ...[]byte) []byte { return ring.MAC(keys.Methods, parts...) },
			})
			must(t, err)
			return []attest.Format{passkeys}
		}
	}
}

// crowd binds passkeys of other people.
func (h *house) crowd() {
	h.t.Helper()
	must(h.t, h.DB.Update(h.t.Context(), func(tx storage.Tx) error {
		for i := range 200 {
			name := fmt.Sprint("somebody-", i)
			a := &account.Authenticator{
				Upstream: "main", AccountID: name, Identifiers: []string{name}, Method: attest.MethodPasskey, EffectiveAt: tx.Now().Add(time.Hour),
				Handles: []account.Handle{{Value: webauthn.Handle(wallet.RPID, []byte("credential of "+name))}},
			}
			if err := h.Accounts.Bind(tx, a); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (p *program) begun(who string) wire.InitiateResponse {
	p.h.t.Helper()
	wish := wire.InitiateRequest{AccountIdentifier: who, Actions: []string{"sign-in"}}
	return answer[wire.InitiateResponse](p.h.t, p.post("/recovery/initiate", wish))
}

// named are the credential ids that whoever asks about an account is told.
func (p *program) named(who string) (ids []string) {
	p.h.t.Helper()
	begun := p.begun(who)
	i := slices.IndexFunc(begun.Methods, func(m wire.MethodOffer) bool { return m.Method == "passkey" })
	var options struct {
		Allow []struct {
			ID string `json:"id"`
		} `json:"allowCredentials"`
	}
	must(p.h.t, json.Unmarshal(begun.Methods[i].Options, &options))
	for _, c := range options.Allow {
		ids = append(ids, c.ID)
	}
	return ids
}

// silently proves with a passkey that does not say whose it is.
func (p *program) silently(who string, passkey *wallet.Passkey) *httptest.ResponseRecorder {
	p.h.t.Helper()
	begun := p.begun(who)
	challenge := sha256.Sum256([]byte(begun.Statement))
	credential := passkey.Get(challenge[:], wallet.Origin, func(c *attesttest.Ceremony) {
		c.Response = func(o map[string]any) { delete(o, "userHandle") }
	})
	return p.post("/recovery/attest", `{"recovery_id":"`+begun.RecoveryID+`","evidence":[{"method":"passkey","credential":`+string(credential)+`}]}`)
}

func without(ids, others []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(others, id) })
}

func TestPasskeysAreNamedAmongDecoysThatStay(t *testing.T) {
	h := open(t, namesPasskeys(t))
	h.crowd()
	stranger := &program{h: h, key: attesttest.NewKey(t)}
	writes := h.db.writes.Load()
	before, ghost, half := stranger.named(alice), stranger.named("ghost@example.com"), stranger.named("alice")
	if len(before) != 8 || len(ghost) != 8 || len(half) != 8 {
		t.Fatalf("named are %d, %d and %d", len(before), len(ghost), len(half))
	}
	if h.db.writes.Load() != writes {
		t.Error("asking wrote to the store")
	}
	passkey := wallet.NewPasskey(t)
	bound := h.binds(h.visitor(), passkey)
	with := stranger.named(alice)
	if fresh := without(with, before); len(with) != 8 || !slices.Equal(fresh, []string{b64(passkey.ID)}) {
		t.Errorf("once a passkey is bound, %q are new among %d", fresh, len(with))
	}
	if !slices.Equal(ghost, stranger.named("ghost@example.com")) || !slices.Equal(half, stranger.named("alice")) {
		t.Error("it shows under another name")
	}
	_, err := h.Ring.Rotate(t.Context(), func(storage.Tx, []keys.Turn) error { return nil })
	must(t, err)
	if !slices.Equal(with, stranger.named(alice)) {
		t.Error("after a rotation of keys others are named")
	}
	must(t, h.Authority.Revoke(t.Context(), bound.ID, "admin", "lost"))
	if !slices.Equal(before, stranger.named(alice)) {
		t.Error("a revoked passkey leaves a trace")
	}
}

// Decoys alone would tell whoever knows the other list.
func TestNothingIsNamedWhileTheStoreIsDown(t *testing.T) {
	for names, change := range map[bool]func(*house){true: namesPasskeys(t), false: func(*house) {}} {
		h := open(t, change)
		stranger := &program{h: h, key: attesttest.NewKey(t)}
		wish := wire.InitiateRequest{AccountIdentifier: "ghost@example.com", Actions: []string{"sign-in"}}
		h.db.down.Store(true)
		w := stranger.post("/recovery/initiate", wish)
		h.db.down.Store(false)
		if names {
			wantProblem(t, w, http.StatusServiceUnavailable, wire.ProblemUnavailable, "")
		} else if w.Code != http.StatusOK {
			t.Errorf("nothing has to be read: %d %s", w.Code, w.Body)
		}
	}
}

func TestANamedPasskeyProvesWithoutSayingWhoseItIs(t *testing.T) {
	h := open(t, namesPasskeys(t))
	stranger, passkey := &program{h: h, key: attesttest.NewKey(t)}, wallet.NewPasskey(t)
	bound := h.binds(h.visitor(), passkey)
	came := answer[wire.AttestResponse](t, stranger.silently(alice, passkey))
	if came.Outcome != "more" { // a program's proof does not resist relays
		t.Fatalf("outcome %s", came.Outcome)
	}
	if w := stranger.silently(alice, wallet.NewPasskey(t)); w.Code != http.StatusForbidden {
		t.Errorf("a passkey of nobody: %d %s", w.Code, w.Body)
	}
	if w := stranger.silently("ghost@example.com", passkey); w.Code != http.StatusForbidden {
		t.Errorf("a passkey of another account: %d %s", w.Code, w.Body)
	}
	must(t, h.Authority.Revoke(t.Context(), bound.ID, "admin", "lost"))
	if w := stranger.silently(alice, passkey); w.Code != http.StatusForbidden {
		t.Errorf("a revoked passkey: %d %s", w.Code, w.Body)
	}
}

func TestWhoBindsAPasskeyThatIsNamedReadsUnderWhichName(t *testing.T) {
	const words = "only if you enter exactly the name " + alice
	for named, change := range map[bool]func(*house){true: namesPasskeys(t), false: func(*house) {}} {
		h := open(t, change)
		b := h.browser()
		b.signIn()
		if page := b.begun("passkey"); strings.Contains(page.Body.String(), words) != named {
			t.Errorf("named %t: %s", named, page.Body)
		}
	}
}
