package webauthn_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/webauthn"
)

// keyed is as [attest.Host] lends it.
func keyed(key byte) func(parts ...[]byte) []byte {
	return func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, []byte{key})
		for _, p := range parts {
			fmt.Fprintf(h, "%d:%s", len(p), p)
		}
		return h.Sum(nil)
	}
}

func naming(c *webauthn.Config) { c.AllowCredentials, c.Keyed = true, keyed(7) }

// named are the credential ids in the options for an account.
func named(t testing.TB, f *webauthn.Format, typed string, bound ...[]byte) (ids [][]byte) {
	t.Helper()
	account, err := attest.ParseIdentifier(typed)
	if err != nil {
		t.Fatal(err)
	}
	st := newRecovery(t).statement
	st.Account = account
	text, err := f.PromptNaming(st, bound)
	if err != nil {
		t.Fatal(err)
	}
	var options struct {
		Challenge string `json:"challenge"`
		RPID      string `json:"rpId"`
		Allow     []map[string]string
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &members); err != nil || len(members) != 6 {
		t.Fatalf("options %s, %v", text, err)
	}
	if err := json.Unmarshal(members["allowCredentials"], &options.Allow); err != nil {
		t.Fatal(err)
	}
	for _, c := range options.Allow {
		id, err := base64.RawURLEncoding.DecodeString(c["id"])
		if err != nil || c["type"] != "public-key" || len(c) != 2 { // transports would tell something
			t.Fatalf("credential %v", c)
		}
		ids = append(ids, id)
	}
	return ids
}

func contains(ids [][]byte, id []byte) bool {
	return slices.ContainsFunc(ids, func(other []byte) bool { return bytes.Equal(id, other) })
}

// own are n credential ids as an authenticator makes them, and their handles.
func own(n int) (ids, handles [][]byte) {
	for i := range n {
		id := sha256.Sum256([]byte{byte(i)})
		ids, handles = append(ids, id[:]), append(handles, webauthn.Handle(rpID, id[:]))
	}
	return ids, handles
}

func TestWhoeverIsAskedAboutAsManyCredentialsAreNamed(t *testing.T) {
	f := newFormat(t, naming)
	if f.Names() != 8 {
		t.Fatalf("%d are named", f.Names())
	}
	decoys := named(t, f, "alice@example.com")
	for n := range 10 {
		ids, handles := own(n)
		got := named(t, f, "alice@example.com", handles...)
		if again := named(t, f, "alice@example.com", handles...); len(got) != 8 || !slices.EqualFunc(got, again, bytes.Equal) {
			t.Fatalf("%d bound: %d named, in another order or others the next time", n, len(got))
		}
		real := 0
		for _, id := range got {
			switch {
			case contains(ids, id):
				real++
			case !contains(decoys, id):
				t.Errorf("%d bound: %x is neither bound nor a decoy", n, id)
			}
		}
		if real != min(n, 8) {
			t.Errorf("%d bound, %d of them named", n, real)
		}
		// What stays keeps its place among the others.
		kept := slices.DeleteFunc(slices.Clone(decoys), func(id []byte) bool { return !contains(got, id) })
		if left := slices.DeleteFunc(got, func(id []byte) bool { return !contains(decoys, id) }); !slices.EqualFunc(kept, left, bytes.Equal) {
			t.Errorf("%d bound: the decoys changed places", n)
		}
	}
}

func TestDecoysAreEachAccountsAndEachGatewaysOwn(t *testing.T) {
	f := newFormat(t, naming)
	all := named(t, f, "alice@example.com")
	all = append(all, named(t, f, "alice")...)
	all = append(all, named(t, f, "ghost@example.com")...)
	other := newFormat(t, func(c *webauthn.Config) { c.AllowCredentials, c.Keyed = true, keyed(8) })
	all = append(all, named(t, other, "ghost@example.com")...)
	slices.SortFunc(all, bytes.Compare)
	if distinct := len(slices.CompactFunc(all, bytes.Equal)); distinct != 32 {
		t.Errorf("%d different decoys, want 32", distinct)
	}
	if same := named(t, f, "GHOST@example.com"); !slices.EqualFunc(same, named(t, newFormat(t, naming), "ghost@example.com"), bytes.Equal) {
		t.Errorf("another spelling, or another format with this key, names others")
	}
}

// Neither its place nor its length tells a credential from decoys.
func TestACredentialIsAnywhereAmongDecoysOfEveryLength(t *testing.T) {
	f := newFormat(t, naming)
	_, handles := own(1)
	ids, _ := own(1)
	places, lengths := map[int]int{}, map[int]int{}
	for i := range 400 {
		for place, id := range named(t, f, fmt.Sprint("somebody-", i), handles...) {
			if bytes.Equal(id, ids[0]) {
				places[place]++
				continue
			}
			lengths[len(id)]++
		}
	}
	for place := range 8 {
		if n := places[place]; n < 20 || n > 90 { // 50 on average
			t.Errorf("%d times at place %d", n, place)
		}
	}
	for length, sixteenths := range map[int]int{16: 6, 20: 3, 32: 4, 48: 2, 64: 1} {
		if want, got := 2800*sixteenths/16, lengths[length]; got < want*7/10 || got > want*13/10 {
			t.Errorf("%d decoys of %d bytes, want about %d", got, length, want)
		}
	}
}

func TestCredentialsOfEveryListedRPIDAreNamedAndNoOthers(t *testing.T) {
	f := newFormat(t, naming)
	here, there, gone := []byte("made at the first"), []byte("made at the second"), []byte("made at one that is not listed")
	got := named(t, f, "alice", webauthn.Handle(rpID, here), webauthn.Handle("example.net", there), webauthn.Handle("example.com", gone), []byte("short"))
	if !contains(got, here) || !contains(got, there) || contains(got, gone) || len(got) != 8 {
		t.Errorf("named are %q", got)
	}
}

func TestNothingIsNamedUnlessItIsAskedFor(t *testing.T) {
	if n := newFormat(t, nil).Names(); n != 0 {
		t.Errorf("%d are named", n)
	}
	c := webauthn.Config{RPIDs: []string{rpID}, Origins: []string{origin}, Attestation: webauthn.Attestation{Demand: webauthn.Any}}
	naming(&c)
	if _, err := webauthn.New(c); err != nil {
		t.Fatal(err)
	}
	c.Keyed = nil
	if _, err := webauthn.New(c); err == nil {
		t.Error("decoys without a key")
	}
}

// Section 7.2 step 6: an authenticator that keeps nothing does not know whose its credential is.
func TestNamedCredentialNeedNotSayWhoseItIs(t *testing.T) {
	silent := func(c *ceremony) { c.Response = func(o object) { delete(o, "userHandle") } }
	r := newRecovery(t)
	r.judgedBy(t, newFormat(t, naming))
	if got, err := r.appraise(r.evidence(silent)); err != nil || !got.RelayResistant() {
		t.Errorf("refused: %v", err)
	}
	// Whatever it says is held against what is stored, and nobody's credential is good.
	for other, reason := range map[string]attest.Reason{"AAAA": attest.ReasonIdentity, "": attest.ReasonMalformed} {
		_, err := r.appraise(r.evidence(func(c *ceremony) { c.Response = func(o object) { o["userHandle"] = other } }))
		mustRefuse(t, nil, err, reason)
	}
	bound := r.bound
	r.bound = attest.Binding{}
	_, err := r.appraise(r.evidence(silent))
	mustRefuse(t, nil, err, attest.ReasonSignature)
	r.bound = newRecovery(t).bound
	_, err = r.appraise(r.evidence(silent))
	mustRefuse(t, nil, err, attest.ReasonSignature)
	// Where nothing is named, it has to say.
	r.bound = bound
	r.judgedBy(t, newFormat(t, nil))
	_, err = r.appraise(r.evidence(silent))
	mustRefuse(t, nil, err, attest.ReasonIdentity)
}

func (r *recovery) judgedBy(t testing.TB, f *webauthn.Format) {
	t.Helper()
	var err error
	r.format = f
	if r.verifier, err = attest.NewVerifier(f); err != nil {
		t.Fatal(err)
	}
}

func TestAuthenticatorsWithoutRoomMayEnrolWhereTheyAreNamed(t *testing.T) {
	prompt, err := newFormat(t, naming).Begin(attest.Enrolling{}, nil)
	if err != nil || !bytes.Contains(prompt.Options, []byte(`"requireResidentKey":false,"residentKey":"preferred"`)) {
		t.Errorf("options %s, %v", prompt.Options, err)
	}
}
