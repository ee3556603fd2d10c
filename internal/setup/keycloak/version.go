package keycloak

import (
	"context"
	"fmt"
	"regexp"

	"golang.org/x/mod/semver"

	"github.com/regrant/regrant/upstream/keycloak"
)

// checkVersion refuses a server that is older than the gateway works with.
func (a *admin) checkVersion(ctx context.Context) error {
	var info struct {
		System struct {
			Version string `json:"version"`
		} `json:"systemInfo"`
	}
	server := *a
	server.root = "/admin" // beside the realms
	if err := server.get(ctx, "/serverinfo", &info); err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	have := "v" + numbers.FindString(info.System.Version)
	if !semver.IsValid(have) {
		return fmt.Errorf("asking for the version: %w: it does not tell", ErrAnswer)
	}
	if semver.Compare(have, "v"+keycloak.MinVersion) < 0 {
		return fmt.Errorf("this is Keycloak %s, and it must be %s or newer", info.System.Version, keycloak.MinVersion)
	}
	return nil
}

// numbers are those of a version such as 26.7.3. What follows a hyphen or another point is the builder's.
var numbers = regexp.MustCompile(`^\d+\.\d+\.\d+`)
