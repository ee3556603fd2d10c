// Package catalogue lists every check that the doctor knows, whatever the deployment: for the docs, and for those who name one.
package catalogue

import (
	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/internal/doctor/hydra"
	"github.com/regrant/regrant/internal/doctor/keycloak"
	"github.com/regrant/regrant/internal/doctor/kratos"
)

// A Part is what the checks of one list look at, and these.
type Part struct {
	Title  string
	Checks []doctor.Entry
}

// All are the parts in the order of the docs.
func All() []Part {
	return []Part{
		{"The configuration that runs", doctor.Describe(doctor.ConfigChecks)},
		{"The gateway, from inside", doctor.Describe(doctor.GatewayChecks)},
		{"The site, as people reach it", doctor.Describe(doctor.SiteChecks)},
		{"Keycloak, with the gateway's own rights", doctor.Describe(keycloak.InsideChecks)},
		{"Keycloak, at its own address and at the site", doctor.Describe(keycloak.ServerChecks)},
		{"Keycloak's realm, with an inspector", doctor.Describe(keycloak.RealmChecks)},
		{"Kratos", doctor.Describe(kratos.Checks)},
		{"Hydra, with the gateway's own secrets", doctor.Describe(hydra.InsideChecks)},
		{"Hydra", doctor.Describe(hydra.Checks)},
		{"Hydra, where Kratos is its login app", doctor.Describe(hydra.WithKratos)},
	}
}

// Knows tells whether there is a check with this id.
func Knows(id string) bool {
	for _, p := range All() {
		for _, e := range p.Checks {
			if e.ID == id {
				return true
			}
		}
	}
	return false
}
