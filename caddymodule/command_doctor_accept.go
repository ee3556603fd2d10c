package caddymodule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regrant/regrant/internal/doctor"
	doctorhydra "github.com/regrant/regrant/internal/doctor/hydra"
	doctorkeycloak "github.com/regrant/regrant/internal/doctor/keycloak"
	doctorkratos "github.com/regrant/regrant/internal/doctor/kratos"
)

// parseAccepted reads what --accept says: the reasons, by check. A check that does not exist would accept nothing, and nobody would
// notice.
func parseAccepted(given []string) (map[string]string, error) {
	accepted := make(map[string]string, len(given))
	for _, text := range given {
		id, reason, _ := strings.Cut(text, "=")
		reason = strings.TrimSpace(reason)
		switch {
		case !isCheck(id):
			return nil, fmt.Errorf("--accept %s: there is no check %q; docs/doctor.md lists them", text, id)
		case reason == "":
			return nil, fmt.Errorf("--accept %s: write why, as %s=REASON", text, id)
		case accepted[id] != "":
			return nil, fmt.Errorf("--accept names %s twice", id)
		}
		accepted[id] = reason
	}
	return accepted, nil
}

// isCheck knows the checks of every identity provider, so that several upstreams can share one list.
func isCheck(id string) bool {
	return slices.ContainsFunc(slices.Concat(
		doctor.Describe(doctor.ConfigChecks), doctor.Describe(doctor.GatewayChecks), doctor.Describe(doctor.SiteChecks),
		doctor.Describe(doctorkeycloak.InsideChecks), doctor.Describe(doctorkeycloak.ServerChecks), doctor.Describe(doctorkeycloak.RealmChecks),
		doctor.Describe(doctorkratos.Checks), doctor.Describe(doctorhydra.InsideChecks), doctor.Describe(doctorhydra.Checks),
	), func(e doctor.Entry) bool { return e.ID == id })
}
