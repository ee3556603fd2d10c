package oauth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	oryfosite "github.com/ory/fosite"
)

func TestFromFositeNeverRepeatsItsHints(t *testing.T) {
	const hint = "issuer 'https://evil.example' was sent"
	for _, c := range []struct {
		err    *oryfosite.RFC6749Error
		status int
		code   string
	}{
		{oryfosite.ErrInvalidGrant, 400, "invalid_grant"},
		{oryfosite.ErrInvalidClient, 401, "invalid_client"},
		{oryfosite.ErrInvalidScope, 400, "invalid_scope"},
		{oryfosite.ErrInvalidRequest, 400, "invalid_request"},
		{oryfosite.ErrJTIKnown, 400, "invalid_request"},
	} {
		var got *Error
		if !errors.As(FromFosite(c.err.WithHint(hint).WithDebug(hint)), &got) {
			t.Fatalf("%s is no *Error", c.code)
		}
		if got.Status != c.status || got.Code != c.code || strings.Contains(got.Description+got.Error(), "evil") {
			t.Errorf("got %d %s %q %q, want %d %s", got.Status, got.Code, got.Description, got.Error(), c.status, c.code)
		}
	}
}

func TestFromFositeCallsServerErrorsUnavailable(t *testing.T) {
	for _, err := range []error{oryfosite.ErrServerError, oryfosite.ErrMisconfiguration, errors.New("anything")} {
		if got := FromFosite(err); !errors.Is(got, ErrUnavailable) {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestRedeemedTellsRefusalFromFailure(t *testing.T) {
	if err := Redeemed(nil); err != nil {
		t.Error(err)
	}
	var refusal *Error
	if err := Redeemed(ErrSpent); !errors.As(err, &refusal) || refusal.Code != "invalid_grant" || errors.Is(err, ErrUnavailable) {
		t.Errorf("spent became %v", err)
	}
	if err := Redeemed(errors.New("disk gone")); !errors.Is(err, ErrUnavailable) || errors.As(err, &refusal) {
		t.Errorf("a failure became %v", err)
	}
}

// What our grants never call fails if it is called after all.
func TestUnusedMethodsFail(t *testing.T) {
	ctx, u := t.Context(), Unused{}
	_, accessErr := u.GetAccessTokenSession(ctx, "", nil)
	_, refreshErr := u.GetRefreshTokenSession(ctx, "", nil)
	for i, err := range []error{
		accessErr, refreshErr, u.ClientAssertionJWTValid(ctx, ""), u.SetClientAssertionJWT(ctx, "", time.Time{}),
		u.DeleteAccessTokenSession(ctx, ""), u.CreateRefreshTokenSession(ctx, "", "", nil), u.DeleteRefreshTokenSession(ctx, ""),
		u.RotateRefreshToken(ctx, "", ""), u.RevokeRefreshToken(ctx, ""), u.RevokeAccessToken(ctx, ""),
	} {
		if err == nil {
			t.Errorf("method %d works", i)
		}
	}
}

func TestFormDropsParametersWithoutValue(t *testing.T) {
	form, err := ParseForm("a=1&b=&c")
	if err != nil || len(form) != 1 || form.Get("a") != "1" {
		t.Errorf("got %v, %v", form, err)
	}
	if _, err := ParseForm("b=&b="); err == nil {
		t.Error("a parameter without a value may come twice")
	}
}

func FuzzOpaqueSignature(f *testing.F) {
	o := NewOpaque(&oryfosite.Config{GlobalSecret: []byte(strings.Repeat("s", SecretBytes))})
	token, signature, err := o.GenerateAccessToken(f.Context(), nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{token, token + "\n", signature, "." + signature, token + ".x", strings.Repeat("A", 43) + "." + strings.Repeat("A", 43), ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, guess string) {
		got, ok := o.Signature(t.Context(), guess)
		if !ok {
			if got != "" || guess == token {
				t.Errorf("%q: refused with %q", guess, got)
			}
			return
		}
		// One spelling: no line break, no padding, nothing beside the two parts.
		if len(guess) != 43+1+43 || got != guess[44:] || strings.ContainsAny(guess, "\r\n=") {
			t.Errorf("%q: accepted as %q", guess, got)
		}
	})
}

func FuzzParseForm(f *testing.F) {
	f.Add("a=1&b=2")
	f.Add("a=1&a=2")
	f.Add("a=%zz;b")
	f.Fuzz(func(t *testing.T, encoded string) {
		form, err := ParseForm(encoded)
		var refusal *Error
		if err != nil {
			if form != nil || !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest {
				t.Errorf("got %v, %v", form, err)
			}
			return
		}
		if again, err := ParseForm(form.Encode()); err != nil || again.Encode() != form.Encode() {
			t.Errorf("encoded again: %v, %v; want %v", again, err, form)
		}
	})
}
