package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
)

const uri = "https://id.example.com/recovery/token"

var (
	b64 = base64.RawURLEncoding
	now = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

	demand = Demand{Method: http.MethodPost, URI: uri}
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// draft is a proof by hand: the texts of header and claims, signed by key.
type draft struct {
	key            *ecdsa.PrivateKey
	header, claims string
}

func newDraft(t testing.TB) *draft {
	t.Helper()
	key := newKey(t)
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return &draft{
		key: key,
		header: `{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"` +
			b64.EncodeToString(point[1:33]) + `","y":"` + b64.EncodeToString(point[33:]) + `"}}`,
		claims: `{"jti":"0123456789abcdef","htm":"POST","htu":"` + uri + `","iat":` + strconv.FormatInt(now.Unix(), 10) + `}`,
	}
}

func (d *draft) sign(t testing.TB) string {
	t.Helper()
	signed := b64.EncodeToString([]byte(d.header)) + "." + b64.EncodeToString([]byte(d.claims))
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, d.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func mustRefuse(t *testing.T, header ...string) {
	t.Helper()
	proof, err := ParseProof(header, demand, now)
	if !errors.Is(err, ErrProof) || proof != (Proof{}) {
		t.Errorf("%+v, %v", proof, err)
	}
}

func TestProofIsAccepted(t *testing.T) {
	key := newKey(t)
	compact, err := NewProof(key, http.MethodPost, uri, now, "")
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ParseProof([]string{compact}, demand, now)
	if err != nil {
		t.Fatal(err)
	}
	if proof.Thumbprint != Thumbprint(key.Public()) || !proof.IssuedAt.Equal(now) || len(proof.JTI) < 26 {
		t.Errorf("proof is %+v", proof)
	}
}

func TestProofsAreAllDifferent(t *testing.T) {
	key := newKey(t)
	seen := make(map[string]bool)
	for range 10 {
		compact, err := NewProof(key, http.MethodPost, uri, now, "")
		if err != nil {
			t.Fatal(err)
		}
		proof, err := ParseProof([]string{compact}, demand, now)
		if err != nil || seen[proof.JTI] {
			t.Fatalf("%+v, %v", proof, err)
		}
		seen[proof.JTI] = true
	}
}

func TestProofGoesWithOneAccessToken(t *testing.T) {
	ath := AccessTokenHash("token")
	compact, err := NewProof(newKey(t), http.MethodPost, uri, now, ath)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseProof([]string{compact}, Demand{Method: http.MethodPost, URI: uri, ATH: ath}, now); err != nil {
		t.Error(err)
	}
	for _, other := range []string{"", AccessTokenHash("other token")} {
		if _, err := ParseProof([]string{compact}, Demand{Method: http.MethodPost, URI: uri, ATH: other}, now); !errors.Is(err, ErrProof) {
			t.Errorf("ath %q: %v", other, err)
		}
	}
}

// The token and its hash are the example of RFC 9449 section 7.1.
func TestAccessTokenHashIsGolden(t *testing.T) {
	if got := AccessTokenHash("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"); got != "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" {
		t.Errorf("hash %q", got)
	}
}

func TestDraftIsAccepted(t *testing.T) {
	if _, err := ParseProof([]string{newDraft(t).sign(t)}, demand, now); err != nil {
		t.Fatal(err)
	}
}

// Each case changes one thing of a good proof, which its key then signs (RFC 9449 section 4.3).
func TestProofRefusals(t *testing.T) {
	for _, tt := range []struct{ name, old, new string }{
		{"typ of another JWT", `"dpop+jwt"`, `"JWT"`},
		{"typ with a prefix", `"dpop+jwt"`, `"application/dpop+jwt"`},
		{"typ in another case", `"dpop+jwt"`, `"DPoP+jwt"`},
		{"no typ", `"typ":"dpop+jwt",`, ``},
		{"typ twice", `{"typ"`, `{"typ":"dpop+jwt","typ"`},
		{"alg none", `"ES256"`, `"none"`},
		{"alg symmetric", `"ES256"`, `"HS256"`},
		{"alg of another curve", `"ES256"`, `"ES384"`},
		{"alg in another case", `"ES256"`, `"es256"`},
		{"alg twice", `"alg"`, `"alg":"ES256","alg"`},
		{"unknown header member", `"alg"`, `"kid":"1","alg"`},
		{"critical header", `"alg"`, `"crit":["b64"],"alg"`},
		{"header in another case", `"alg"`, `"Alg"`},
		{"key by URL", `"alg"`, `"jku":"https://evil.example.com","alg"`},
		{"jwk with a private member", `"kty"`, `"d":"AQ","kty"`},
		{"jwk symmetric", `"kty":"EC"`, `"kty":"oct","k":"AQ"`},
		{"jwk of another type", `"kty":"EC"`, `"kty":"OKP"`},
		{"jwk of another curve", `"P-256"`, `"P-384"`},
		{"jwk member twice", `"kty":"EC"`, `"kty":"EC","kty":"EC"`},
		{"jwk with a short coordinate", `"x":"`, `"x":"AQ","z":"`},
		{"htm of another method", `"POST"`, `"GET"`},
		{"htm in another case", `"POST"`, `"post"`},
		{"no htm", `"htm":"POST",`, ``},
		{"htu of another route", `/token"`, `/attest"`},
		{"htu of another host", `id.example.com`, `evil.example.com`},
		{"htu with a query", `/token"`, `/token?x=1"`},
		{"htu without TLS", `https:`, `http:`},
		{"htu in another case", `id.example`, `ID.example`},
		{"no iat", `"iat"`, `"nbf"`},
		{"iat in text", `"iat":`, `"iat":"now","x":`},
		{"jti too short", `0123456789abcdef`, `0123456789abcde`},
		{"jti too long", `0123456789abcdef`, strings.Repeat("a", 129)},
		{"no jti", `"jti":"0123456789abcdef",`, ``},
		{"ath that nobody asked for", `"htm"`, `"ath":"AQ","htm"`},
		{"claim twice", `"htm"`, `"htm":"POST","htm"`},
		{"unknown claim", `"htm"`, `"sub":"alice","htm"`},
		{"junk behind the claims", `"htm"`, `"htm":"POST"}{"htm"`},
		{"far too large", `0123456789abcdef`, strings.Repeat("a", 5000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDraft(t)
			before := *d
			d.header = strings.Replace(d.header, tt.old, tt.new, 1)
			d.claims = strings.Replace(d.claims, tt.old, tt.new, 1)
			if *d == before {
				t.Fatal("the case changes nothing")
			}
			mustRefuse(t, d.sign(t))
		})
	}
}

func TestJWKMustBeAPointOfTheCurve(t *testing.T) {
	d := newDraft(t)
	i := strings.Index(d.header, `"y":"`) + len(`"y":"`)
	d.header = d.header[:i] + b64.EncodeToString(big.NewInt(1).FillBytes(make([]byte, 32))) + d.header[i+43:]
	mustRefuse(t, d.sign(t))
}

func TestIssuedAtIsWithinAMinute(t *testing.T) {
	compact := newDraft(t).sign(t)
	for _, tt := range []struct {
		off time.Duration
		ok  bool
	}{{60 * time.Second, true}, {-60 * time.Second, true}, {61 * time.Second, false}, {-61 * time.Second, false}} {
		_, err := ParseProof([]string{compact}, demand, now.Add(tt.off))
		if (err == nil) != tt.ok {
			t.Errorf("%v off: %v", tt.off, err)
		}
	}
	for _, iat := range []int64{math.MinInt64, math.MaxInt64, 0, -1} {
		d := newDraft(t)
		d.claims = strings.Replace(d.claims, strconv.FormatInt(now.Unix(), 10), strconv.FormatInt(iat, 10), 1)
		mustRefuse(t, d.sign(t))
	}
}

func TestExactlyOneProofIsDemanded(t *testing.T) {
	compact := newDraft(t).sign(t)
	mustRefuse(t)
	mustRefuse(t, "")
	mustRefuse(t, compact, compact)
	mustRefuse(t, compact+","+compact)
	mustRefuse(t, compact+", "+compact)
}

func TestOnlyTheCompactFormIsAccepted(t *testing.T) {
	compact := newDraft(t).sign(t)
	parts := strings.Split(compact, ".")
	for name, text := range map[string]string{
		"JSON form":          `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"encrypted form":     compact + ".AA.AA",
		"no signature":       parts[0] + "." + parts[1],
		"empty signature":    parts[0] + "." + parts[1] + ".",
		"detached payload":   parts[0] + ".." + parts[2],
		"space before":       " " + compact,
		"space behind":       compact + " ",
		"padding":            compact + "==",
		"line break":         parts[0] + "\n." + parts[1] + "." + parts[2],
		"line break further": parts[0] + "." + parts[1] + "." + parts[2][:40] + "\r\n" + parts[2][40:],
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, text) })
	}
}

func TestProofOfAnotherKeyIsRefused(t *testing.T) {
	d := newDraft(t)
	d.key = newKey(t)
	mustRefuse(t, d.sign(t))
}

func TestMangledProofsAreRefused(t *testing.T) {
	good := newDraft(t).sign(t)
	for i := range len(good) {
		mustRefuse(t, good[:i])
		swap := byte('A')
		if good[i] == swap {
			swap = 'B'
		}
		mustRefuse(t, good[:i]+string(swap)+good[i+1:])
	}
}

func TestOnlyP256MakesProofs(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-384": p384, "RSA": rsa2048} {
		if compact, err := NewProof(key, http.MethodPost, uri, now, ""); err == nil || compact != "" {
			t.Errorf("%s: proof %q", name, compact)
		}
	}
}

// The key and its thumbprint are the example of RFC 7638 section 3.1.
func TestThumbprintIsGolden(t *testing.T) {
	n, err := b64.DecodeString("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw")
	if err != nil {
		t.Fatal(err)
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	if got := Thumbprint(key); got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("thumbprint %q", got)
	}
	if got := Thumbprint("no key"); got != "" {
		t.Errorf("thumbprint of no key: %q", got)
	}
}

// A program's DPoP key and a statement's holder must have one name, or no proof would be relay-resistant.
func TestThumbprintNamesTheHolder(t *testing.T) {
	for range 50 {
		key := newKey(t)
		holder, err := attest.HolderOfKey(&key.PublicKey)
		if err != nil || holder != Thumbprint(key.Public()) {
			t.Errorf("%q and %q, %v", holder, Thumbprint(key.Public()), err)
		}
	}
}

// goldenProof was made once and kept: what clients send today must be accepted by every later version.
const goldenProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoiZFB2REdL" +
	"dFVQWkNpeDlTZXIzV1ZiUU9LeVhQanZMS1hnbTVuV0ZoMldjYyIsInkiOiJubW50UnMyT25HeUc0VHk0MXB4RlF5UUFBQW9zVGE0" +
	"bnlFak1HSjJWSnZ3In19.eyJqdGkiOiIwMTIzNDU2Nzg5YWJjZGVmIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vaWQuZXh" +
	"hbXBsZS5jb20vcmVjb3ZlcnkvdG9rZW4iLCJpYXQiOjE3OTUyOTI0MDB9.ua-AdI8XinSqREynorZRfwLcJP3vlVOW9fh8ldL2iU" +
	"pkpWQ16YC1flxMzGzQKdBykOUvaJVVVSpyHATdqdN42Q"

func TestGoldenProofIsAccepted(t *testing.T) {
	got, err := ParseProof([]string{goldenProof}, demand, now)
	if err != nil || got.Thumbprint != "CSs92_gRKAq7Y5lnsV4cX76clhxDbhcEv9fY-rX8bj0" || got.JTI != "0123456789abcdef" || !got.IssuedAt.Equal(now) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLargeProofIsNotRead(t *testing.T) {
	_, err := ParseProof([]string{goldenProof + strings.Repeat("A", 4<<10)}, demand, now)
	if err == nil || !strings.HasSuffix(err.Error(), "too large") {
		t.Error(err)
	}
}

func FuzzParseProof(f *testing.F) {
	f.Add(goldenProof)
	f.Add(goldenProof + "." + goldenProof)
	f.Add("e30.e30.")
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		proof, err := ParseProof([]string{text}, demand, now)
		switch {
		case err == nil && text != goldenProof:
			t.Errorf("accepted %q", text)
		case err != nil && (!errors.Is(err, ErrProof) || proof != (Proof{})):
			t.Errorf("refused with %v and %+v", err, proof)
		}
	})
}
