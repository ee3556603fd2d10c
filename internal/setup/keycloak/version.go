package keycloak

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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
	have, ok := numbers(info.System.Version)
	least, _ := numbers(keycloak.MinVersion)
	if !ok {
		return fmt.Errorf("asking for the version: %w: it does not tell", ErrAnswer)
	}
	for i := range least {
		if have[i] != least[i] {
			if have[i] < least[i] {
				return fmt.Errorf("this is Keycloak %s, and it must be %s or newer", info.System.Version, keycloak.MinVersion)
			}
			break
		}
	}
	return nil
}

// numbers reads a version such as 26.7.3. What follows a hyphen or a fourth point is left out.
func numbers(version string) (parts [3]int, ok bool) {
	version, _, _ = strings.Cut(version, "-")
	words := strings.SplitN(version, ".", 4)
	if len(words) < 3 {
		return parts, false
	}
	for i := range parts {
		n, err := strconv.Atoi(words[i])
		if err != nil {
			return parts, false
		}
		parts[i] = n
	}
	return parts, true
}
