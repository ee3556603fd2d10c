package hydra

import (
	"context"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/upstream/hydra"
)

// InsideChecks judge what only the gateway can tell, which has the secrets.
var InsideChecks = []doctor.Check[*hydra.Adapter]{
	{
		ID: "hydra-secrets", Asks: "Does Hydra take the secrets of the gateway's clients?",
		Remedy: "Run 'caddy regrant init hydra', which tries them, and with --apply gives the clients those of the files.",
		Look: func(ctx context.Context, a *hydra.Adapter) doctor.Verdict {
			untaken, err := a.Untaken(ctx)
			if err != nil {
				return doctor.Unknown("%v", err)
			}
			var lines []string
			for _, id := range untaken {
				lines = append(lines, "it refuses that of "+id)
			}
			return doctor.Fault(lines, "it takes them")
		},
	},
}
