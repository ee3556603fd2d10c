package faults

import (
	"context"
	"os"
	"path/filepath"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/doctor"
)

const weakKratos = `{selfservice: {
	allowed_return_urls: ["https://elsewhere.invalid"],
	methods: {code: {enabled: true, passwordless_enabled: true}, link: {enabled: true}},
	flows: {recovery: {enabled: true, use: link}, registration: {enabled: true}}}}`

// kratos plants faults in the further configuration of an environment's Kratos, which must have some, and waits until it has
// taken it.
func (p Planted) kratos(ctx context.Context, e *env.Env, k *env.KratosProvider, listening *exposed) error {
	file := filepath.Join(e.Dir, "kratos", "kratos.yml")
	if _, err := os.Stat(file); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(weakKratos), 0o600); err != nil {
		return err
	}
	if err := taken(ctx, k.Server.PublicURL+"/self-service/recovery/api", `"ui"`); err != nil {
		return err
	}
	p.found(doctor.StatusFail, "kratos-recovery-closed", "kratos-mail-login", "kratos-returns", "kratos-admin-leak", "kratos-recovery-ui", "idp-admin-routed")
	p.found(doctor.StatusWarn, "kratos-registration")
	if k.Hydra != nil {
		if err := p.anyHydra(ctx, e, k.Hydra); err != nil {
			return err
		}
	}
	if listening.add(k.Server.PublicURL) && listening.add(k.Server.AdminURL) {
		p.found(doctor.StatusWarn, "idp-listens")
		p.found(doctor.StatusFail, "idp-admin-listens")
	}
	return nil
}
