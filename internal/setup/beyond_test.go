package setup

import (
	"context"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/regrant/regrant/upstream"
)

func TestAnAdminAPIIsLookedForAtEveryAddressButLoopback(t *testing.T) {
	var asked []string
	answers := func(_ context.Context, address string) bool {
		asked = append(asked, address)
		return len(asked) == 1
	}
	found := Beyond(t.Context(), "http://127.0.0.1:4434/admin", answers)
	t.Run("at an address that others reach", func(t *testing.T) {
		if len(asked) == 0 && os.Getenv("CI") != "true" {
			t.Skip("this machine has no address but loopback")
		}
		if len(found) != 1 {
			t.Errorf("found %q of %q, and the first answers", found, asked)
		}
		for i, address := range asked {
			u, err := url.Parse(address)
			if err != nil || upstream.Loopback(u.Hostname()) || u.Port() != "4434" || u.Path != "/admin" {
				t.Errorf("asked at %s", address)
			}
			u.Path = ""
			if slices.Contains(found, u.String()) != (i == 0) {
				t.Errorf("found %q, and only the first address answers", found)
			}
		}
	})
	asked = nil
	for _, elsewhere := range []string{"http://192.0.2.1:4434", "http://localhost", "http://kratos.internal:4434", "://"} {
		if found := Beyond(t.Context(), elsewhere, answers); len(asked) > 0 || len(found) > 0 {
			t.Errorf("%s: asked at %q", elsewhere, asked)
		}
	}
}
