package kratos

import "context"

// MinVersion is the oldest Kratos that is used. Before it, the settings of an
// account with a second factor opened to a session with one (CVE-2024-45042).
const MinVersion = "v1.3.0"

// checkVersion is nil if the server is new enough, see [upstream.Floor].
func (a *api) checkVersion(ctx context.Context) error {
	return a.floor.Check(ctx, a.http, a.admin+"/admin/version", "Kratos", MinVersion)
}
