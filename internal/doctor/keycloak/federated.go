package keycloak

import (
	"context"
	"fmt"

	"github.com/regrant/regrant/internal/doctor"
)

// federated holds what each storage of accounts does with a new password against what the gateway takes of it.
func federated(_ context.Context, r *Realm) doctor.Verdict {
	var good, doubts, faults []string
	for _, c := range r.storages {
		if first(c.Config["enabled"]) == "false" {
			continue
		}
		mode := first(c.Config["editMode"])
		status, does := newPassword(mode, r.Provider.FederatedPasswords)
		line := fmt.Sprintf("%s (%s, %s): %s", c.Name, c.Provider, mode, does)
		switch status {
		case doctor.StatusPass:
			good = append(good, line)
		case doctor.StatusWarn:
			doubts = append(doubts, line)
		default:
			faults = append(faults, line)
		}
	}
	switch {
	case len(faults) > 0:
		return doctor.Fault(append(faults, doubts...), "")
	case len(doubts) > 0:
		return doctor.Doubt(append(doubts, good...), "")
	case len(good) > 0:
		return doctor.Pass("a new password is written to every storage")
	}
	return doctor.Pass("all accounts are the realm's own")
}

// newPassword is what becomes of one that a recovery asks an account of a storage for. The gateway may not read
// how the storage is edited, and goes by federated_passwords alone.
func newPassword(mode string, accepted bool) (doctor.Status, string) {
	switch {
	case !accepted && (mode == "WRITABLE" || mode == "UNSYNCED"):
		return doctor.StatusWarn, "it takes a new password, and the gateway refuses a recovery that asks for one, without federated_passwords"
	case !accepted:
		return doctor.StatusWarn, "a recovery that asks for a new password is refused"
	case mode == "WRITABLE":
		return doctor.StatusPass, "a new password is written to it"
	case mode == "UNSYNCED":
		return doctor.StatusWarn, "a new password is kept by Keycloak, and never reaches it"
	case mode == "READ_ONLY":
		return doctor.StatusFail, "it refuses a new password once the person has filled in the form, with all sessions ended, and federated_passwords says that it takes one"
	}
	return doctor.StatusWarn, "nobody can tell whether it takes a new password, as federated_passwords says"
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
