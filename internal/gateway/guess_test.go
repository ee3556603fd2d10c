package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/wire"
)

// guess is a code with the selector of one and the verifier of another. Check characters depend on nothing but their group, so all are right.
func guess(codes *wallet.Codes) string {
	return `{"method":"recovery-code","code":"` + codes.Left[0][:14] + codes.Left[1][14:] + `"}`
}

// standing is where alice's authenticator of a method is in its life.
func (r *resident) standing(m attest.Method) enrolment.Standing {
	r.h.t.Helper()
	for _, i := range r.h.bound() {
		if i.Method == m {
			return i.Standing
		}
	}
	return ""
}

// Each row guesses a hundred times at a secret of alice whose selector the guesser knows. SP 800-63B-4 section 3.2.2: that secret is
// disabled, so that the right one does not help either, and everything else of hers recovers as before.
func TestAHundredWrongGuessesDisableWhatIsGuessedAtAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes a hundred passphrases")
	}
	for method, wrong := range map[attest.Method]func(r *resident, statement string) []string{
		attest.MethodRecoveryCode: func(r *resident, _ string) []string {
			return []string{guess(r.having(attest.MethodRecoveryCode).(*wallet.Codes))}
		},
		attest.MethodPassphrase: func(r *resident, st string) []string {
			return []string{string(r.having(attest.MethodSSHKey).Evidence(st)), `{"method":"passphrase","passphrase":"plinth ocelot varnish quorum 42"}`}
		},
	} {
		t.Run(string(method), func(t *testing.T) {
			r := newResident(t, nil)
			for i := range account.MaxFailures {
				if at := r.standing(method); at != enrolment.StandingUsable {
					t.Fatalf("%s after %d guesses", at, i)
				}
				wantProblem(t, r.brings(func(st string) []string { return wrong(r, st) }), http.StatusForbidden, wire.ProblemRefused, "")
			}
			for _, m := range methods {
				w := r.brings(func(st string) []string { e, besides := r.proof(m, st); return append(besides, e) })
				want, code := enrolment.StandingUsable, http.StatusOK
				if m == method {
					want, code = enrolment.StandingDisabled, http.StatusForbidden
				}
				if at := r.standing(m); at != want || w.Code != code {
					t.Errorf("%s is %s, and its proof is answered with %d", m, at, w.Code)
				}
			}
		})
	}
}

// Whoever knows no selector guesses at nobody's secret.
func TestBlindGuessesCountAgainstNobody(t *testing.T) {
	r, stranger := newResident(t, nil), newResident(t, nil)
	foreign := stranger.having(attest.MethodRecoveryCode).Evidence("")
	for range account.MaxFailures + 1 {
		wantProblem(t, r.brings(func(string) []string { return []string{string(foreign)} }), http.StatusForbidden, wire.ProblemRefused, "")
		if why := r.h.refusal(); !strings.HasPrefix(why, string(attest.ReasonIdentity)) {
			t.Fatalf("the journal says %q", why)
		}
	}
	if at := r.standing(attest.MethodRecoveryCode); at != enrolment.StandingUsable {
		t.Errorf("the codes are %s", at)
	}
}
