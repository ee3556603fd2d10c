package kratos_test

import (
	"bytes"
	"cmp"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/integration/postgres"
)

// start starts Kratos, or skips where a part of it is missing; with CI=true that is a failure.
func start(t *testing.T, o kratos.Options) *kratos.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a real Kratos")
	}
	program, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("REGRANT_BIN"), "../../bin"), "kratos"))
	if err != nil {
		t.Fatal(err)
	}
	for _, missing := range []error{ory.Missing(program), postgres.Missing()} {
		if missing != nil && os.Getenv("CI") == "true" {
			t.Fatal(missing)
		} else if missing != nil {
			t.Skip(missing)
		}
	}
	var log bytes.Buffer
	state, err := postgres.Start(t.Context(), port(t), nil, "kratos")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(state.Stop)
	o.Program, o.Dir, o.DSN, o.Ports, o.Log = program, t.TempDir(), state.URL("kratos"), [2]int{port(t), port(t)}, &log
	s, err := kratos.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.Bytes())
	}
	t.Cleanup(s.Stop)
	return s
}

func port(t *testing.T) int {
	t.Helper()
	p, err := keycloak.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	alice    = "alice@example.test"
	password = "correct horse of alice"
)

func TestKratos(t *testing.T) {
	s := start(t, kratos.Options{UseContinueWithTransitions: true, RequiredAAL: "highest_available", Extra: "session: {lifespan: 2h}\n"})
	t.Run("a person signs in and is seen from the side", func(t *testing.T) { signsIn(t, s) })
	t.Run("second factors are enrolled and asked for", func(t *testing.T) { secondFactors(t, s) })
	t.Run("a code of the admin API recovers", func(t *testing.T) { recovers(t, s) })
}

func signsIn(t *testing.T, s *kratos.Server) {
	ctx := t.Context()
	id, err := s.Create(ctx, alice, password)
	fatal(t, err)
	if _, err := s.SignIn(ctx, alice, "another"); !kratos.Refused(err, http.StatusBadRequest) {
		t.Errorf("another password: %v", err)
	}
	token, err := s.SignIn(ctx, alice, password)
	fatal(t, err)
	cookie, err := s.SignInBrowser(ctx, alice, password)
	fatal(t, err)
	for _, header := range []http.Header{kratos.Token(token), kratos.Cookie(cookie)} {
		session, err := s.Whoami(ctx, header)
		if err != nil || session.Identity.ID != id || session.Methods[0].Method != "password" {
			t.Errorf("whoami: %+v, %v", session, err)
		}
		if lasts := session.ExpiresAt.Sub(session.AuthenticatedAt); lasts != 2*time.Hour {
			t.Errorf("the session lasts %s, and not what the further configuration says", lasts)
		}
	}
	sessions, err := s.Sessions(ctx, id)
	if err != nil || len(sessions) != 2 {
		t.Errorf("sessions: %v, %v", sessions, err)
	}
	messages, err := s.Messages(ctx)
	if err != nil || len(messages) != 0 {
		t.Errorf("messages: %v, %v", messages, err)
	}
	fatal(t, s.SetState(ctx, id, "inactive"))
	if _, err := s.Whoami(ctx, kratos.Token(token)); !kratos.Refused(err, http.StatusUnauthorized) {
		t.Errorf("whoami of an inactive identity: %v", err)
	}
	if _, err := s.SignIn(ctx, alice, password); !kratos.Refused(err, http.StatusUnauthorized) {
		t.Errorf("an inactive identity signs in: %v", err)
	}
}

func secondFactors(t *testing.T, s *kratos.Server) {
	const carol = "carol@example.test"
	ctx := t.Context()
	id, err := s.Create(ctx, carol, password)
	fatal(t, err)
	token, err := s.SignIn(ctx, carol, password)
	fatal(t, err)
	codes, err := s.EnrolLookupSecrets(ctx, token)
	if err != nil || len(codes) != 12 {
		t.Errorf("%d codes, %v", len(codes), err)
	}
	_, err = s.EnrolTOTP(ctx, token)
	fatal(t, err)
	got, err := s.Identity(ctx, id)
	fatal(t, err)
	for _, kind := range []string{"password", "totp", "lookup_secret"} {
		if got.Credentials[kind] == nil {
			t.Errorf("no credential %s in %v", kind, got.Credentials)
		}
	}
	later, err := s.SignIn(ctx, carol, password)
	fatal(t, err)
	if _, err := s.Whoami(ctx, kratos.Token(later)); !kratos.Refused(err, http.StatusForbidden) {
		t.Errorf("whoami without the second factor: %v", err)
	}
}

func recovers(t *testing.T, s *kratos.Server) {
	const bob = "bob@example.test"
	ctx := t.Context()
	id, err := s.Create(ctx, bob, password)
	fatal(t, err)
	flow, code, err := s.RecoveryCode(ctx, id, "api")
	fatal(t, err)
	token, err := s.Recover(ctx, flow, code)
	fatal(t, err)
	session, err := s.Whoami(ctx, kratos.Token(token))
	if err != nil || session.Methods[0].Method != "code_recovery" {
		t.Errorf("whoami: %+v, %v", session, err)
	}
	fatal(t, s.SetPassword(ctx, token, "another horse of bob"))
	if _, err := s.SignIn(ctx, bob, "another horse of bob"); err != nil {
		t.Error(err)
	}
}

// RFC 6238, appendix B, to six digits.
func TestOneTimePasswordsAreThoseOfTheStandard(t *testing.T) {
	const key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	var got []string
	for _, at := range []int64{59, 1111111109, 20000000000} {
		code, err := kratos.OTP(key, time.Unix(at, 0))
		fatal(t, err)
		got = append(got, code)
	}
	if want := []string{"287082", "081804", "353130"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
